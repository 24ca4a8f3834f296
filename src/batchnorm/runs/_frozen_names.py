"""Which parameters and norms does a training leave as they are, by patterns of their names?"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from ..errors import Fault, InputError

FROZEN_NAMES = "patterns of names, such as 'layer1.*' or 'conv1,bn1'; '*,!fc' for all but fc"
BUT = "!"


@dataclass(frozen=True)
class FrozenNames:
    """What a name has to fit: one of `patterns`, and none of `but`.

    Example:
        >>> names = FrozenNames.of("*, !fc")
        >>> names.mean("layer1.0.conv.weight"), names.mean("fc.bias")
        (True, False)
        >>> FrozenNames.of("layer1").mean("layer1.0.conv.weight"), FrozenNames.of("layer1").mean("layer10.weight")
        (True, False)
    """

    patterns: tuple[str, ...]
    but: tuple[str, ...] = ()

    @classmethod
    def of(cls, text: str) -> "FrozenNames":
        """Read the text of an option.

        Raises:
            InputError: it says of nothing that it is to be frozen.
        """
        if fault := unfit_names(text):
            raise InputError.of(fault)
        words = [word.strip() for word in text.split(",")]
        but = tuple(word.removeprefix(BUT).strip() for word in words if word.startswith(BUT))
        return cls(tuple(word for word in words if not word.startswith(BUT)), but)

    def mean(self, name: str) -> bool:
        """Whether a pattern fits a parameter's or a module's name, or that of a module around it, and no exception."""
        around = [*_around(name)]
        return _one_fits(self.patterns, around) and not _one_fits(self.but, around)

    def without_use(self, names: Iterable[str]) -> str | None:
        """Return the first pattern or exception that fits none of these names; None if all fit some."""
        known = {around for name in names for around in _around(name)}
        words = {**{one: one for one in self.patterns}, **{BUT + one: one for one in self.but}}
        return next((word for word, one in words.items() if not _one_fits((one,), known)), None)


def _around(name: str) -> Iterator[str]:
    """The name itself, and those of the modules around it."""
    while name:
        yield name
        name = name.rpartition(".")[0]


def _one_fits(patterns: Iterable[str], names: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns for name in names)


def unfit_names(text: str) -> Fault | None:
    """Return what is wrong with the text of `freeze`; None if nothing is.

    Example:
        >>> print(unfit_names("!fc").text())
        freeze: '!fc' says what is not to be frozen, and nothing says what is. Use '*,!fc' for all but that.
        >>> print(unfit_names("conv1,,bn1").text())
        freeze: expected patterns of names, such as 'layer1.*' or 'conv1,bn1'; '*,!fc' for all but fc, got 'conv1,,bn1'
    """
    words = [word.strip() for word in text.split(",")]
    if not all(word.removeprefix(BUT).strip() for word in words):
        return Fault(argument="freeze", expected=FROZEN_NAMES, got=repr(text))
    if all(word.startswith(BUT) for word in words):
        return Fault(
            argument="freeze",
            problem=f"{text!r} says what is not to be frozen, and nothing says what is",
            cure=f"Use {f'*,{text}'!r} for all but that.",
        )
    return None
