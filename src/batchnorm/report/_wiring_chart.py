"""What did a net do, and what can be done with its norms? A picture of its modules and of the tensors between them."""

from itertools import groupby
from pathlib import Path
from xml.etree import ElementTree as ET

from ..errors import InputError
from ..files import atomic_write
from ..records import (
    OUTCOMES,
    WiringOutcome,
    WiringRecord,
    WiringRow,
    beside,
    circumstances,
    hands_on,
    headline,
    kind_of,
    what_to_do,
)
from ..tables import shape_text
from ._wiring_layout import Line, Trunk, lines_of, trunks_of
from ._wiring_marks import COLOURS, FADED, INK, draw_mark

# Lengths in pixels.
ROW = 18
LANE = 8
MARGIN = 20
LETTER = 6.63  # the width of a letter of 11 pixels in the usual fonts of one width
GAP = 16
LEGEND = 17
CORNER = 3
TIP = 6.5  # so far from the middle of a mark an arrow ends
SIDE = 3.5  # a tensor leaves its maker below the middle, and comes to its reader above it
LONGEST = 90  # letters of a reason; all of it is shown where the pointer rests

_STEP = "#9aa0a6"
_SKIP = "#2563a8"
_BAND = "#f3f5f8"
_MONO = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace"
_STYLE = "g.tensor:hover path { stroke-width: 3 } g.row:hover text { text-decoration: underline }"


def wiring_chart(record: WiringRecord, path: Path | str) -> None:
    """Draw a net as rows of modules, in the order in which they ran, and the tensors as lines from maker to readers.

    A line down the middle goes from a row to the next; the others run at the side, skips among them. Norms have a mark
    and a colour by what can be done with them. Functions between modules (`+`, `cat`) are no rows: a tensor that went
    through them is read by the next module. Modules that hand on what they were given are left out. The same record
    gives the same bytes.

    Args:
        record: what `batchnorm.runs.wiring_of_run` returned.
        path: ends in `.svg`; it appears whole or not at all.

    Raises:
        InputError: another suffix.
        OSError: the file cannot be written.

    Example:
        >>> import tempfile
        >>> row = WiringRow("bn", "BatchNorm1d", 1, (2, 3), 1, ("(returned)",), "left", "it has hooks")
        >>> path = Path(tempfile.mkdtemp()) / "net.svg"
        >>> wiring_chart(WiringRecord("runs/x", "mine", None, (2, 3), ("bn",), (row,), 1), path)
        >>> path.read_text()[:4]
        '<svg'
    """
    if Path(path).suffix.lower() != ".svg":
        raise InputError(argument="path", expected="a name ending in .svg", got=repr(str(path)))
    text = wiring_svg(record)
    with atomic_write(path, "w") as file:
        file.write(text + "\n")


def wiring_svg(record: WiringRecord) -> str:
    """Return the picture that `wiring_chart` writes, as text."""
    return ET.tostring(_Picture(record).draw(), encoding="unicode")


class _Picture:
    """One picture: its lines, its lanes, and the columns that follow from both."""

    def __init__(self, record: WiringRecord) -> None:
        self.record = record
        self.lines = lines_of(record)
        self.trunks = trunks_of(record, self.lines)
        self.legend = _legend(record, self.trunks)
        rows = [line.row for line in self.lines if line.row is not None]
        lanes = max((trunk.lane for trunk in self.trunks), default=-1) + 1
        self.top = 66 + LEGEND * len(self.legend) + 14
        self.spine = MARGIN + LANE * lanes + 18
        self.name = self.spine + 18
        # A heading has its line for itself.
        names = [len(_label(line)) for line in self.lines if line.row is not None]
        self.kind = self.name + LETTER * max(names, default=0) + GAP
        self.shape = self.kind + LETTER * max((len(kind_of(row)) for row in rows), default=0) + GAP
        self.fate = self.shape + LETTER * max((len(shape_text(row.output)) for row in rows), default=0) + GAP
        self.right = max(
            self.fate + LETTER * max((len(_cut(what_to_do(row))) for row in rows), default=0),
            self.name + LETTER * max(len(line.text) for line in self.lines),
            MARGIN + 1.3 * LETTER * len(self._title()),
            MARGIN + LETTER * max(len(line) for line in (*self._below(), self._subtitle())),
            MARGIN + 30 + LETTER * max(len(words) for _, words in self.legend),
        )

    def draw(self) -> ET.Element:
        """Put everything together."""
        bottom = self.top + ROW * len(self.lines)
        width, height = round(self.right + MARGIN), round(bottom + 12 + LEGEND * len(self._below()) + MARGIN)
        svg = ET.Element(
            "svg",
            {
                "xmlns": "http://www.w3.org/2000/svg",
                "width": str(width),
                "height": str(height),
                "viewBox": f"0 0 {width} {height}",
                "font-family": _MONO,
                "font-size": "11",
                "fill": INK,
            },
        )
        ET.SubElement(svg, "title").text = _clean(self._title())
        ET.SubElement(svg, "style").text = _STYLE
        _put(svg, "rect", width=width, height=height, fill="#ffffff")
        self._head(svg)
        self._bands(svg)
        for trunk in self.trunks:
            self._tensor(svg, trunk)
        for number, line in enumerate(self.lines):
            self._line(svg, line, self._y(number))
        for number, note in enumerate(self._below()):
            _text(svg, MARGIN, bottom + 22 + LEGEND * number, note, fill=FADED)
        return svg

    def _title(self) -> str:
        return f"{self.record.model}: {headline(self.record)}"

    def _subtitle(self) -> str:
        return "; ".join(filter(None, (self.record.run, circumstances(self.record))))

    def _below(self) -> list[str]:
        count = sum(hands_on(row) for row in self.record.rows)
        said = [] if not count else [f"left out: {count} that hand on what they are given (Identity and the like)"]
        return [*self.record.notes, *said]

    def _y(self, number: int) -> float:
        return self.top + ROW * number + ROW / 2

    def _head(self, svg: ET.Element) -> None:
        _text(svg, MARGIN, MARGIN + 12, self._title(), **{"font-size": "14", "font-weight": "bold"})
        _text(svg, MARGIN, MARGIN + 30, self._subtitle(), fill=FADED)
        for number, (key, words) in enumerate(self.legend):
            y = 66 + LEGEND * number
            if key in OUTCOMES:
                draw_mark(svg, MARGIN + 10, y, key)
            else:
                _key_line(svg, y, key)
            _text(svg, MARGIN + 30, y + 4, words)

    def _bands(self, svg: ET.Element) -> None:
        """A band behind the rows of one container."""
        for parent, group in groupby(enumerate(self.lines), key=lambda one: one[1].parent):
            numbers = [number for number, _ in group]
            if parent:
                y, height = self.top + ROW * numbers[0], ROW * len(numbers)
                x = self.spine - 10
                _put(svg, "rect", x=x, y=y + 1, width=self.right + 10 - x, height=height - 2, rx=4, fill=_BAND)

    def _line(self, svg: ET.Element, line: Line, y: float) -> None:
        group = ET.SubElement(svg, "g", {"class": "row"})
        if line.row is None:
            if line.module is None:
                _text(group, self.name, y + 4, line.text, fill=FADED, **{"font-weight": "bold"})
            else:
                draw_mark(group, self.spine, y, "end")
                _text(group, self.name, y + 4, line.text, fill=FADED)
            return
        row, words = line.row, what_to_do(line.row)
        colour, weight = COLOURS.get(row.outcome, INK), "bold" if row.outcome else "normal"
        ET.SubElement(group, "title").text = _clean(_everything(row))
        draw_mark(group, self.spine, y, row.outcome or "step")
        _text(group, self.name, y + 4, _label(line), fill=colour, **{"font-weight": weight})
        _text(group, self.kind, y + 4, kind_of(row), fill=FADED)
        _text(group, self.shape, y + 4, shape_text(row.output), fill=FADED)
        if words:
            _text(group, self.fate, y + 4, _cut(words), fill=colour)

    def _tensor(self, svg: ET.Element, trunk: Trunk) -> None:
        start = self._y(trunk.start)
        if trunk.lane < 0:
            _put(svg, "path", d=f"M{self.spine} {start}V{self._y(trunk.ends[0])}", stroke=_STEP, fill="none")
            return
        group = ET.SubElement(svg, "g", {"class": "tensor", "stroke": _SKIP, "stroke-width": "1.3", "fill": "none"})
        if trunk.up:
            group.set("stroke-dasharray", "4 2")
        ET.SubElement(group, "title").text = _clean(self._way(trunk))
        tip, lane = self.spine - TIP, self.spine - 18 - LANE * trunk.lane
        leaves = start + SIDE
        farthest = trunk.ends[0] if trunk.up else trunk.ends[-1]
        for end in trunk.ends:
            comes = self._y(end) + (SIDE if trunk.up and end != trunk.start else -SIDE)
            begin = leaves if end == farthest else None
            _put(group, "path", d=_bracket(tip - 3, lane, begin, comes, up=trunk.up))
            _put(group, "path", d=f"M{tip} {comes}l-5.5 -2.8v5.6z", fill=_SKIP, stroke="none")

    def _way(self, trunk: Trunk) -> str:
        start, *ends = (self.lines[number].module or "(the model)" for number in (trunk.start, *trunk.ends))
        return f"{start} -> {', '.join(ends)}"


def _legend(record: WiringRecord, trunks: list[Trunk]) -> list[tuple[str, str]]:
    """What each mark and line means, and how many norms have it; only what is in the picture."""
    outcomes: list[WiringOutcome] = list(OUTCOMES)
    legend: list[tuple[str, str]] = [
        (outcome, f"{record.count(outcome)} {OUTCOMES[outcome]}") for outcome in outcomes if record.count(outcome)
    ]
    if any(trunk.lane < 0 for trunk in trunks):
        legend.append(("next", "read by the next row"))
    if any(trunk.lane >= 0 and not trunk.up for trunk in trunks):
        legend.append(("skip", "read further down"))
    if any(trunk.up for trunk in trunks):
        legend.append(("back", "read by a row that ran before: one that is called several times"))
    return legend or [("next", "read by the next row")]


def _key_line(svg: ET.Element, y: float, key: str) -> None:
    dashes = {"stroke-dasharray": "4 2"} if key == "back" else {}
    colour = _STEP if key == "next" else _SKIP
    _put(svg, "path", d=f"M{MARGIN} {y}H{MARGIN + 20}", stroke=colour, fill="none", **dashes, **{"stroke-width": "1.3"})


def _bracket(near: float, far: float, start: float | None, end: float, *, up: bool) -> str:
    """A way along a lane and to a reader, with round corners; from its maker on if `start` says where that is."""
    turn = -CORNER if up else CORNER
    begin = f"M{far} {end - turn}"
    if start is not None:
        begin = f"M{near} {start}H{far + CORNER}Q{far} {start} {far} {start + turn}V{end - turn}"
    return f"{begin}Q{far} {end} {far + CORNER} {end}H{near}"


def _label(line: Line) -> str:
    if line.row is None:
        return line.text
    return ("  " if line.parent else "") + beside(line.row.module, line.parent)


def _everything(row: WiringRow) -> str:
    said = f"{row.module or 'the model'} ({row.kind}), read by {', '.join(row.read_by) or 'nobody'}"
    words = what_to_do(row)
    return f"{said}; {words}" if words else said


def _cut(words: str) -> str:
    return words if len(words) <= LONGEST else f"{words[: LONGEST - 1]}…"


def _clean(text: str) -> str:
    """Without the characters that XML does not have."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def _text(parent: ET.Element, x: float, y: float, text: str, **attributes: str) -> None:
    element = ET.SubElement(parent, "text", {"x": _number(x), "y": _number(y), "xml:space": "preserve", **attributes})
    element.text = _clean(text)


def _put(parent: ET.Element, tag: str, **attributes: object) -> None:
    texts = {key: _number(value) if isinstance(value, int | float) else str(value) for key, value in attributes.items()}
    ET.SubElement(parent, tag, texts)


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
