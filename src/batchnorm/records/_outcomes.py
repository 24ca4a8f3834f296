"""What became of each norm: asked in the same words of whatever a verb returns."""

from abc import ABC, abstractmethod
from collections.abc import Iterable

from ..errors import InputError, did_you_mean


class Outcomes(ABC):
    """What a report answers besides what it holds; `notes` and `proof` are its own."""

    __slots__ = ()

    @abstractmethod
    def outcomes(self) -> Iterable[tuple[str, str]]:
        """Return the name of each norm that was looked at, and what became of it."""

    def outcome_of(self, name: str) -> str:
        """What became of a norm.

        Raises:
            ValueError: no norm of that name was looked at.
        """
        found = dict(self.outcomes())
        if name not in found:
            cure = did_you_mean(str(name), found)
            known = f"The model has {', '.join(found) or 'none'}."
            raise InputError(argument="name", expected="the name of a norm", got=repr(name), cure=f"{known}{cure}")
        return found[name]

    def named(self, outcome: str) -> tuple[str, ...]:
        """The names of the norms with that outcome."""
        return tuple(name for name, one in self.outcomes() if one == outcome)
