"""Where does each row of a wiring's picture stand, and along which lane does each tensor run?"""

from dataclasses import dataclass
from itertools import pairwise

from ..records import HANDS_ON, INPUT, KEPT, RETURNED, WiringRecord, WiringRow, hands_on, parent_of
from ..tables import shape_text

ENDS = {RETURNED: "returned", KEPT: "kept by somebody"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the picture.

    Attributes:
        module: the row's module, or the name of an end; None for a heading.
        text: of a heading or an end.
        parent: the heading that it stands under; empty if under none.
        row: what is known of a module.
    """

    module: str | None
    text: str
    parent: str = ""
    row: WiringRow | None = None


@dataclass(frozen=True, slots=True)
class Trunk:
    """A tensor on its way: from the line that made it to those that read it, in a lane beside the rows.

    Attributes:
        start: the maker's line.
        ends: the readers' lines, all above or all below the maker's.
        lane: 0 is the one next to the rows; -1 runs straight from a row to the next.
        up: it goes back to rows that ran before.
    """

    start: int
    ends: tuple[int, ...]
    lane: int
    up: bool = False

    @property
    def span(self) -> tuple[int, int]:
        """The first and the last line that it touches."""
        return min(self.start, *self.ends), max(self.start, *self.ends)


def lines_of(record: WiringRecord) -> list[Line]:
    """The input, the rows under headings of their own, and the ends."""
    lines = [Line(INPUT, f"input {shape_text(record.input)}")]
    last = ""
    for row in record.rows:
        if hands_on(row):
            continue
        parent = parent_of(row.module)
        if parent != last and parent:
            lines.append(Line(None, parent, parent))
        last = parent
        lines.append(Line(row.module, "", parent, row))
    read = {reader for row in record.rows for reader in row.read_by} | {*record.input_read_by}
    return lines + [Line(end, text) for end, text in ENDS.items() if end in read]


def trunks_of(record: WiringRecord, lines: list[Line]) -> list[Trunk]:
    """Every tensor's way, lanes chosen so that no two of them cover each other; the short ones stand inside."""
    at = {line.module: number for number, line in enumerate(lines) if line.module is not None}
    following = _following(lines)
    makers = [(INPUT, record.input_read_by), *((row.module, row.read_by) for row in record.rows if not hands_on(row))]
    straight, curved = [], []
    for module, readers in makers:
        start = at[module]
        ends = [at[reader] for reader in readers if reader in at and reader != HANDS_ON]
        straight += [Trunk(start, (end,), -1) for end in ends if end == following.get(start)]
        down = tuple(sorted(end for end in ends if end > start and end != following.get(start)))
        up = tuple(sorted(end for end in ends if end <= start))
        curved += [Trunk(start, down, 0)] if down else []
        curved += [Trunk(start, up, 0, up=True)] if up else []
    return straight + _in_lanes(curved)


def _following(lines: list[Line]) -> dict[int, int]:
    """For each line that is no heading the next one that is none."""
    rows = [number for number, line in enumerate(lines) if line.module is not None]
    return dict(pairwise(rows))


def _in_lanes(trunks: list[Trunk]) -> list[Trunk]:
    lanes: list[list[tuple[int, int]]] = []
    placed = []
    for trunk in sorted(trunks, key=lambda trunk: (trunk.span[1] - trunk.span[0], trunk.span, trunk.up)):
        first, last = trunk.span
        free = (number for number, taken in enumerate(lanes) if all(end <= first or last <= a for a, end in taken))
        lane = next(free, len(lanes))
        if lane == len(lanes):
            lanes.append([])
        lanes[lane].append((first, last))
        placed.append(Trunk(trunk.start, trunk.ends, lane, trunk.up))
    return sorted(placed, key=lambda trunk: (trunk.start, trunk.up))
