"""How is it said what can be done with a norm, and what a module is called beside its neighbours?"""

from typing import TYPE_CHECKING

from ..tables import counted, shape_text

if TYPE_CHECKING:
    from ._wiring import WiringOutcome, WiringRecord, WiringRow

INPUT, RETURNED, KEPT, HANDS_ON = "(input)", "(returned)", "(kept)", "(hands its input on)"
"""Who makes or reads a tensor, and is no module: the caller twice, somebody who holds it, and a row for its own."""

OUTCOMES: "dict[WiringOutcome, str]" = {
    "folded": "can be folded: nothing of them would run any more",
    "shift": "can be folded, but for the shift",
    "scale-shifted": "can become a scale-shift: one multiply-add",
    "left": "to be left as it is",
}
"""What can be done with a norm, the best first; a number stands before it."""


def hands_on(row: "WiringRow") -> bool:
    """Whether a row gives what it was given, and nothing else: it stands for no step."""
    return row.outcome is None and row.read_by == (HANDS_ON,)


def parent_of(module: str) -> str:
    """The path of the module that a module stands in.

    Example:
        >>> parent_of("stage1.0.bn1"), parent_of("fc"), parent_of("head.0 [addmm]")
        ('stage1.0', '', 'head')
    """
    return module.partition(" [")[0].rpartition(".")[0]


def beside(module: str, parent: str) -> str:
    """A module's path, as short as it can be among the modules of a parent.

    Example:
        >>> beside("stage1.0.bn1", "stage1.0"), beside("stage1.1.conv1", "stage1.0"), beside("", "")
        ('bn1', 'stage1.1.conv1', '(the model)')
    """
    return (module.removeprefix(f"{parent}.") if parent else module) or "(the model)"


def what_to_do(row: "WiringRow") -> str:
    """What can be done with a norm, in a few words and the reason; nothing for what is no norm.

    Example:
        >>> from batchnorm.records import WiringRow
        >>> what_to_do(WiringRow("bn", "BatchNorm2d", 1, (2, 3), 1, ("fc",), "left", "it has hooks"))
        'left: it has hooks'
        >>> what_to_do(WiringRow("0.bn", "BatchNorm2d", 1, (2, 3), 1, ("fc",), "folded", None, ("0.conv",)))
        'folds into conv'
    """
    into = ", ".join(beside(name, parent_of(row.module)) for name in row.into)
    words = {
        None: "",
        "folded": f"folds into {into}",
        "shift": f"folds into {into}, its shift stays",
        "scale-shifted": f"scale-shift: {row.reason}",
        "left": f"left: {row.reason}",
    }
    return words[row.outcome]


def headline(record: "WiringRecord") -> str:
    """How many norms fold, and what becomes of the others, in one line."""
    total = len(record.norms)
    if not total:
        return "no batch norm"
    rest = {
        "fold but for their shift": record.count("shift"),
        "become a scale-shift": record.count("scale-shifted"),
        "stay": record.count("left"),
    }
    said = [f"{record.count('folded')} of {total} {'norm folds' if total == 1 else 'norms fold'}"]
    return ", ".join([*said, *(f"{count} {words}" for words, count in rest.items() if count)])


def circumstances(record: "WiringRecord") -> str:
    """With which input, and on how many ways, the net was watched."""
    of_a_run = f"test images of {record.data}" if record.data else "random numbers"
    images = f", {of_a_run}" if record.run else ""  # a model that was handed over was given what its caller chose
    ways = counted(record.ways, "pass", "passes")
    why = "" if record.ways == 1 else ", for its way depends on the data or on chance"
    return f"input {shape_text(record.input)}{images}; {ways}{why}"
