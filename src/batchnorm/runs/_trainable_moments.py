"""Which sources of moments can a training be asked for, and which of them have a population to measure?"""

from ..errors import Fault, FaultError, Setting, Words, did_you_mean
from ..functional import Blend, Masked, Population, Sync, as_source

EXAMPLES = {"batch": "batch", "ghost": "ghost:32", "renorm": "renorm:3,5,5000", "population": "population:none"}
"""The sources that a training takes, by name, and a text of each with all that it may say."""
EXPECTED = "batch, ghost:32, renorm, renorm:3,5,5000, population or population:none"
REFUSED: dict[str, tuple[str, Words]] = {
    Masked.name: (
        "takes a mask with every batch, and a training gives none: its images have no padding",
        "Leave it out, or call a net with layers of moments='masked' in a loop of your own.",
    ),
    Blend.name: (
        "trains as 'batch' does, for it mixes statistics in evaluation alone",
        "Leave it out, and call batchnorm.nn.set_moments with it on the trained net.",
    ),
    Sync.name: (
        "is batch norm in one process, and a training on several has an option of its own for it",
        ("Leave it out, and pass ", Setting("sync_bn", True), "."),
    ),
}
"""Names of sources that make no sense in a training: why, and what to do."""


def unfit_moments(text: str) -> Fault | None:
    """Return what is wrong with the text of a source that a training is to take; `None` if nothing is.

    Example:
        >>> print(unfit_moments("gost:32").text())
        moments: expected batch, ghost:32, ... or population:none, got 'gost:32'. Did you mean 'ghost'?
        >>> print(unfit_moments("ghost:0").text())
        moments: 'ghost:0' has a wrong size; expected the number of samples in a slice, ... The usual value is 32.
    """
    name = text.partition(":")[0]
    if name in REFUSED:
        why, cure = REFUSED[name]
        return Fault(argument="moments", problem=f"{text!r} {why}", cure=cure)
    try:
        as_source(text)
    except FaultError as error:
        return _misspelt(text, name, error.fault)
    return None


def unfit_refresh(moments: str) -> Fault | None:
    """Return why a training by these moments has nothing to measure every few steps; `None` if it has."""
    if isinstance(as_source(moments), Population):
        return None
    return Fault(
        argument="refresh",
        problem=f"says how often a population is measured, and the moments are {moments!r}",
        cure=("Leave it out, or use ", Setting("moments", "population"), "."),
    )


def _misspelt(text: str, name: str, fault: Fault) -> Fault:
    if fault.argument != "moments":
        problem = f"{text!r} has a wrong {fault.argument}"
        return Fault(argument="moments", problem=problem, expected=fault.expected, got=fault.got, cure=fault.cure)
    example = EXAMPLES.get(name)
    cure = f"Write {example!r}, for example." if example else did_you_mean(name, EXAMPLES)
    return Fault(argument="moments", expected=EXPECTED, got=repr(text), cure=cure)
