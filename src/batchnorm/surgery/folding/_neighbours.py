"""What feeds a norm, and what reads it, by the names that a user knows?"""

from functools import cached_property

from ...records import HANDS_ON, INPUT, KEPT, RETURNED
from ...wiring import Wiring

_MOST_NAMED = 3


class Neighbours:
    """The rows of a wiring beside each norm, looked up when the first is asked for."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring

    def sentence(self, norm: str, behind: str, ahead: str) -> str:
        """Say why a norm can go neither into what feeds it nor into what reads it.

        Args:
            norm: its name.
            behind: why not into what feeds it.
            ahead: why not into what reads it.
        """
        feeding = [maker for maker, reader in self._links if reader == norm]
        reading = [reader for maker, reader in self._links if maker == norm]
        return f"{_named('fed', feeding)}{behind}; {_named('read', reading)}{ahead}"

    @cached_property
    def _links(self) -> dict[tuple[str, str], None]:
        return dict.fromkeys(link for seen in self._wiring.passes for link in self._wiring.links(seen))


def _named(how: str, names: list[str]) -> str:
    """The modules among some rows; nothing where there are none, for then the reason itself says what there is."""
    found = [name for name in dict.fromkeys(names) if name not in (INPUT, RETURNED, KEPT, HANDS_ON)]
    more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    return f"{how} by {', '.join(found[:_MOST_NAMED])}{more}: " if found else ""
