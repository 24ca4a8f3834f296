"""The picture of a net: its rows, its marks, its lines, and that it can be read without colours."""

import itertools
import re
import xml.etree.ElementTree as ET

import pytest

from batchnorm.errors import InputError
from batchnorm.records import WiringRecord, WiringRow
from batchnorm.report import wiring_chart
from batchnorm.report._wiring_chart import ROW
from batchnorm.report._wiring_layout import Trunk, lines_of, trunks_of
from batchnorm.report._wiring_marks import _SHAPES, COLOURS

SVG = "{http://www.w3.org/2000/svg}"
SHAPE = (2, 4, 8, 8)


def row(module: str, *readers: str, **fields: object) -> WiringRow:
    return WiringRow(module, "Conv2d", 1, SHAPE, 1, readers, **fields)


def norm(module: str, *readers: str, outcome: str = "folded", into: tuple[str, ...] = ("a",)) -> WiringRow:
    reason = None if outcome in ("folded", "shift") else f"the reason of {module}"
    return WiringRow(module, "BatchNorm2d", 1, SHAPE, 1, readers, outcome, reason, into)


def record(*rows: WiringRow, reads: tuple[str, ...] = (), **fields: object) -> WiringRecord:
    return WiringRecord("runs/x", "mine", None, (2, 3, 8, 8), reads or (rows[0].module,), rows, 1, **fields)


ALL = record(
    row("a", "one"),
    norm("one", "two"),
    norm("two", "three", outcome="shift"),
    norm("three", "four", outcome="scale-shifted"),
    norm("four", "(returned)", outcome="left"),
)


def drawn(found: WiringRecord, folder) -> ET.Element:
    wiring_chart(found, folder / "net.svg")
    return ET.parse(folder / "net.svg").getroot()  # noqa: S314 - ours


def texts(root: ET.Element) -> list[str]:
    return [element.text for element in root.iter(f"{SVG}text")]


def ways(found: WiringRecord) -> list[tuple[str, list[str], int]]:
    """Maker, readers and lane of every line."""
    lines = lines_of(found)
    return [
        (lines[trunk.start].module, [lines[end].module for end in trunk.ends], trunk.lane)
        for trunk in trunks_of(found, lines)
    ]


def test_every_module_has_a_row_of_its_own_in_the_order_of_running(tmp_path) -> None:
    root = drawn(ALL, tmp_path)
    heights = {
        element.text: float(element.get("y")) for element in root.iter(f"{SVG}text") if element.get("x") is not None
    }
    names = ["input 2x3x8x8", "a", "one", "two", "three", "four", "returned"]
    assert [later - earlier for earlier, later in itertools.pairwise(heights[name] for name in names)] == [ROW] * 6


def test_what_can_be_done_with_a_norm_is_said_beside_it(tmp_path) -> None:
    said = texts(drawn(ALL, tmp_path))
    assert [text for text in said if text.startswith(("folds", "scale-shift:", "left:"))] == [
        "folds into a",
        "folds into a, its shift stays",
        "scale-shift: the reason of three",
        "left: the reason of four",
    ]
    assert "mine: 1 of 4 norms fold, 1 fold but for their shift, 1 become a scale-shift, 1 stay" in said


def test_each_outcome_has_a_shape_of_its_own_besides_its_colour() -> None:
    shapes = {
        outcome: tuple((tag, attributes.get("d", tag)) for tag, attributes in _SHAPES[outcome]) for outcome in COLOURS
    }
    assert len(set(shapes.values())) == len(shapes) == 4


def test_the_legend_counts_the_outcomes_that_are_there(tmp_path) -> None:
    said = texts(drawn(record(row("a", "bn"), norm("bn", "(returned)")), tmp_path))
    assert "1 can be folded: nothing of them would run any more" in said
    assert not any("scale-shift" in text for text in said)


def test_each_row_has_the_mark_of_its_outcome(tmp_path) -> None:
    root = drawn(ALL, tmp_path)
    marks = [
        group.get("class")
        for line in root.iter(f"{SVG}g")
        if line.get("class") == "row"
        for group in line.iter(f"{SVG}g")
    ]
    assert [mark for mark in marks if mark != "row"] == [
        *("end", "step", "folded", "shift", "scale-shifted", "left", "end"),
    ]


def test_a_line_goes_straight_to_the_next_row_and_beside_the_rows_to_one_further_down() -> None:
    found = record(row("a", "b", "c"), row("b", "c"), row("c", "(returned)"))
    assert ways(found) == [
        ("(input)", ["a"], -1),
        ("a", ["b"], -1),
        ("b", ["c"], -1),
        ("c", ["(returned)"], -1),
        ("a", ["c"], 0),
    ]


def test_a_heading_does_not_keep_two_rows_apart() -> None:
    found = record(row("a", "s.b"), row("s.b", "(returned)"))
    assert ("a", ["s.b"], -1) in ways(found)


def test_a_tensor_with_many_readers_is_one_line_with_many_ends() -> None:
    names = [f"m{number}" for number in range(6)]
    rows = [row(name, *names[number + 1 :]) for number, name in enumerate(names)]
    assert ("m0", ["m2", "m3", "m4", "m5"]) in [(maker, ends) for maker, ends, _ in ways(record(*rows))]


def test_lines_that_run_side_by_side_have_lanes_of_their_own_and_short_ones_stand_inside() -> None:
    names = [f"m{number}" for number in range(30)]
    rows = [row(name, *names[number + 1 : number + 12]) for number, name in enumerate(names)]
    found = record(*rows)
    trunks = [trunk for trunk in trunks_of(found, lines_of(found)) if trunk.lane >= 0]
    for one, other in itertools.combinations(trunks, 2):
        (first, last), (start, end) = one.span, other.span
        assert one.lane != other.lane or last <= start or end <= first


def test_a_short_line_stands_inside_a_long_one() -> None:
    found = record(row("a", "b", "e"), row("b", "c", "d"), row("c", "d"), row("d", "e"), row("e", "(returned)"))
    assert {maker: lane for maker, _, lane in ways(found) if lane >= 0} == {"a": 1, "b": 0}


def test_a_line_goes_up_to_a_module_that_is_called_again() -> None:
    found = record(row("a", "act"), row("act", "b", "(returned)"), row("b", "act"))
    lines = lines_of(found)
    assert [trunk for trunk in trunks_of(found, lines) if trunk.up] == [Trunk(3, (2,), 0, up=True)]


def test_a_module_that_reads_itself_has_a_loop(tmp_path) -> None:
    found = record(WiringRow("a", "GRUCell", 3, SHAPE, None, ("a", "(returned)")))
    assert ("a", ["a"], 0) in ways(found)
    assert "GRUCell \N{MULTIPLICATION SIGN}3" in texts(drawn(found, tmp_path))


def test_lines_that_go_up_are_dashed(tmp_path) -> None:
    found = record(row("a", "act"), row("act", "b", "(returned)"), row("b", "act"))
    dashed = [group for group in drawn(found, tmp_path).iter(f"{SVG}g") if group.get("stroke-dasharray")]
    assert [group.find(f"{SVG}title").text for group in dashed] == ["b -> act"]


def test_containers_are_headings_and_names_below_them_are_short(tmp_path) -> None:
    found = record(row("s.0.a", "s.0.b"), row("s.0.b", "s.1.a"), row("s.1.a", "fc"), row("fc", "(returned)"))
    said = texts(drawn(found, tmp_path))
    kept = ("s.", "  ", "fc")
    assert [text for text in said if text.startswith(kept)] == ["s.0", "  a", "  b", "s.1", "  a", "fc"]


def test_what_hands_on_its_input_is_left_out_and_counted(tmp_path) -> None:
    found = record(row("a", "b"), row("drop", "(hands its input on)"), row("b", "(returned)"))
    said = texts(drawn(found, tmp_path))
    assert "drop" not in said
    assert "left out: 1 that hand on what they are given (Identity and the like)" in said
    assert ("a", ["b"], -1) in ways(found)


def test_notes_stand_below(tmp_path) -> None:
    assert "a note" in texts(drawn(record(row("a"), notes=("a note",)), tmp_path))


def test_a_tensor_that_is_kept_has_an_end_of_its_own(tmp_path) -> None:
    assert "kept by somebody" in texts(drawn(record(row("a", "(returned)", "(kept)")), tmp_path))


def test_a_long_reason_is_cut_and_whole_where_the_pointer_rests(tmp_path) -> None:
    reason = "because " * 30
    found = record(WiringRow("bn", "BatchNorm2d", 1, SHAPE, 1, (), "left", reason))
    root = drawn(found, tmp_path)
    assert max(map(len, texts(root))) <= 90
    assert any(reason in title.text for title in root.iter(f"{SVG}title"))


def test_nothing_reaches_beyond_the_edges(tmp_path) -> None:
    names = [f"stage{number // 9}.block{number}.very_long_name.conv" for number in range(200)]
    rows = [row(name, *names[number + 1 : number + 4]) for number, name in enumerate(names)]
    root = drawn(record(*rows), tmp_path)
    width, height = float(root.get("width")), float(root.get("height"))
    for text in root.iter(f"{SVG}text"):
        letter = 6.63 * float(text.get("font-size", "11")) / 11
        assert float(text.get("x")) + letter * len(text.text) <= width
        assert 0 < float(text.get("y")) < height
    for path in root.iter(f"{SVG}path"):
        assert all(float(number) >= 0 for number in re.findall(r"H(-?[\d.]+)", path.get("d")))
    assert sum(text.text == "  conv" for text in root.iter(f"{SVG}text")) == 200


def test_names_with_signs_of_xml_or_without_a_picture_of_their_own_are_drawn(tmp_path) -> None:
    assert "<a & \N{REPLACEMENT CHARACTER}>" in texts(drawn(record(row("<a & \x00>")), tmp_path))


def test_the_same_record_gives_the_same_bytes(tmp_path) -> None:
    for name in ("one.svg", "two.svg"):
        wiring_chart(ALL, tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_a_model_that_is_a_norm_is_drawn(tmp_path) -> None:
    said = texts(drawn(record(norm("", "(returned)", outcome="left"), reads=("",)), tmp_path))
    assert "(the model)" in said


def test_another_format_is_refused(tmp_path) -> None:
    with pytest.raises(InputError, match=r"^path: expected a name ending in \.svg, got .*net\.png"):
        wiring_chart(ALL, tmp_path / "net.png")


def test_a_full_disk_leaves_no_picture(tmp_path, monkeypatch) -> None:
    import os

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        wiring_chart(ALL, tmp_path / "net.svg")
    assert list(tmp_path.iterdir()) == []
