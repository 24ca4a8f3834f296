"""How is a user of the command line told what the library says of arguments? By the options that stand for them."""

from ..errors import Fault, FaultError, Sentence, Setting, worded

NAMES = {
    "dataset": "--data",
    "source": "--data",
    "inputs": "--input",
    "run": "RUN",
    "path": "FILE",
    "destination": "--to",
    "claims": "CLAIM",
}
"""Arguments of the library that have another name here; the others are options of their own names."""
OBJECTS = {"model", "loader", "example_inputs", "forward_fn", "group"}
"""Arguments of a verb that are objects in Python; a command makes them itself, and no option stands for them."""


def option(setting: Setting) -> str:
    """Word an argument, or one with its value, as an option; nothing, if none stands for it.

    Example:
        >>> option(Setting("verify", False)), option(Setting("keep_partial", True)), option(Setting("max_rounds", 3))
        ('--no-verify', '--keep-partial', '--max-rounds 3')
        >>> option(Setting("dataset")), option(Setting("loader", of="recalibrate"))
        ('--data', '')
    """
    if setting.of and setting.name in OBJECTS:
        return ""
    name = NAMES.get(setting.name, f"--{setting.name.replace('_', '-')}")
    if setting.value is ... or setting.value is True:
        return name
    return name.replace("--", "--no-", 1) if setting.value is False else f"{name} {setting.value}"


def is_option(fault: Fault) -> bool:
    """Whether what is wrong is an option that was given."""
    return bool(fault.argument and option(Setting(fault.argument, of=fault.verb)))


def told(said: object) -> str:
    """Return an error or a note of the library in words for the command line; what it knows nothing of, as it is."""
    if isinstance(said, FaultError):
        return said.fault.text(option, with_verb=False)
    return worded(said.words, option) if isinstance(said, Sentence) else str(said)
