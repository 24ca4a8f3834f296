"""`batchnorm wiring`: what it prints and draws, and what it refuses."""

import shutil
import xml.etree.ElementTree as ET
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from batchnorm.cli._wiring_table import lines, wiring_table
from batchnorm.records import WiringRecord, WiringRow


def printed(record: WiringRecord) -> list[str]:
    """The table on a terminal of 80 columns, without the spaces at the ends."""
    console = Console(width=80, record=True, file=StringIO())
    console.print(wiring_table(record))
    return [line.rstrip() for line in console.export_text().splitlines()]


def record(*rows: WiringRow, ways: int = 1) -> WiringRecord:
    return WiringRecord("runs/x", "mine", None, (2, 3, 8, 8), (rows[0].module,), rows, ways)


def test_a_table_of_the_net_is_printed(batchnorm, run, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    said = batchnorm("wiring", run)
    assert (said.code, said.err) == (0, "")
    assert [line.rstrip() for line in said.out.splitlines()] == [
        "ConvBNNet: input 2x1x28x28, test images of fashion-mnist-mini; 1 pass",
        "module  kind            calls output    read by    the norm",
        "─" * 80,
        "conv1   Conv2d              1 2x4x28x28 bn1",
        "bn1     BatchNormPool2d     1 2x4x14x14 conv2      folds into conv1",
        "conv2   Conv2d              1 2x8x14x14 bn2",
        "bn2     BatchNormPool2d     1 2x8x7x7   flatten    folds into conv2",
        "flatten Flatten             1 2x392     fc",
        "fc      Linear              1 2x10      (returned)",
        "2 of 2 norms fold",
    ]


def test_out_draws_the_net_and_says_where(batchnorm, run) -> None:
    said = batchnorm("wiring", run, "-o", "net.svg", "--batch-size", 3)
    assert (said.code, said.err) == (0, "picture of the net: net.svg\n")
    texts = [text.text for text in ET.parse("net.svg").iter("{http://www.w3.org/2000/svg}text")]  # noqa: S314 - ours
    assert "ConvBNNet: 2 of 2 norms fold" in texts
    assert "input 3x1x28x28" in texts


def test_json_is_one_line_with_every_row(batchnorm, run) -> None:
    said = batchnorm("wiring", run, "--json")
    assert len(said.out.splitlines()) == 1
    assert said.json["record"] == "WiringRecord"
    assert [row["module"] for row in said.json["rows"]] == ["conv1", "bn1", "conv2", "bn2", "flatten", "fc"]
    assert said.json["rows"][1]["into"] == ["conv1"]


def test_modules_stand_below_the_path_of_what_they_are_in() -> None:
    conv = WiringRow("stage1.0.conv1", "Conv2d", 1, (2, 4, 8, 8), 1, ("stage1.0.bn1",))
    bn = WiringRow("stage1.0.bn1", "BatchNorm2d", 1, (2, 4, 8, 8), 1, ("fc",), "folded", None, ("stage1.0.conv1",))
    rows = printed(record(conv, bn, WiringRow("fc", "Linear", 1, (2, 3), 1, ("(returned)",))))[3:]
    assert [line.split() for line in rows] == [
        ["stage1.0"],
        ["conv1", "Conv2d", "1", "2x4x8x8", "bn1"],
        ["bn1", "BatchNorm2d", "1", "2x4x8x8", "fc", "folds", "into", "conv1"],
        ["fc", "Linear", "1", "2x3", "(returned)"],
    ]
    assert rows[1].startswith("  conv1")


def test_reasons_stand_below_the_table_each_once() -> None:
    reason = "what it reads is made neither by a product with a weight nor by a norm alone"
    first = WiringRow("bn1", "BatchNorm2d", 1, (2, 3), 1, ("bn2",), "scale-shifted", reason)
    second = WiringRow("bn2", "BatchNorm2d", 1, (2, 3), 1, ("bn3",), "scale-shifted", reason)
    third = WiringRow("bn3", "BatchNorm2d", 1, (2, 3), 1, ("(returned)",), "left", "it has hooks")
    found = record(first, second, third)
    assert [line.split()[-2:] for line in printed(found)[3:]] == [
        ["scale-shift", "(1)"],
        ["scale-shift", "(1)"],
        ["left", "(2)"],
    ]
    assert list(lines(found)) == [
        f"(1) {reason}",
        "(2) it has hooks",
        "0 of 3 norms fold, 2 become a scale-shift, 1 stay",
    ]


def test_long_names_and_many_readers_fit_80_columns() -> None:
    path = "features.denseblock4.denselayer12."
    readers = tuple(f"features.denseblock4.denselayer{number}.norm1" for number in range(13, 17))
    row = WiringRow(
        f"{path}conv_with_a_very_long_name_of_its_own", "SeparableConvolution2d", 10, (2, 1024, 112, 112), 1, readers
    )
    norm = WiringRow(f"{path}norm", "BatchNorm2d", 1, (2, 1024, 112, 112), 1, ("fc",), "shift", None, (row.module,))
    text = printed(record(row, norm))
    assert max(map(len, text)) <= 80
    assert any("and 2 more" in line for line in text)
    assert sum("features…norm1" in line for line in text) == 2


def test_modules_that_hand_on_what_they_get_are_left_out_and_counted() -> None:
    drop = WiringRow("drop", "Dropout", 1, (2, 3), None, ("(hands its input on)",))
    found = record(WiringRow("fc", "Linear", 1, (2, 3), 1, ("(returned)",)), drop)
    assert not any("drop" in line for line in printed(found))
    assert list(lines(found)) == [
        "no batch norm",
        "left out: 1 that hand on what they are given (Identity and the like)",
    ]


@pytest.mark.parametrize(
    ("outcome", "colour"), [("folded", "32"), ("shift", "33"), ("scale-shifted", "33"), ("left", "31"), (None, None)]
)
def test_norms_have_the_colour_of_what_can_be_done_with_them(outcome, colour) -> None:
    row = WiringRow("bn", "BatchNorm2d", 1, (2, 3), 1, ("(returned)",), outcome, "why", ("fc",))
    console = Console(width=80, force_terminal=True, color_system="standard", file=StringIO())
    console.print(wiring_table(record(row)))
    (line,) = (line for line in console.file.getvalue().splitlines() if "(returned)" in line)
    assert (f"\x1b[{colour}m" in line) == (outcome is not None)


def test_names_with_brackets_are_printed_as_they_are() -> None:
    row = WiringRow("[red]a", "function", 1, (2, 3), 1, ("[/red]",))
    assert any("[red]a" in line and "[/red]" in line for line in printed(record(row)))


MISTAKES = {
    "another format": (["-o", "net.png"], "--out: expected a name ending in .svg, got net.png. Use net.svg."),
    "no folder": (["-o", "no/net.svg"], "--out: no/net.svg cannot be made: no is not a folder that can be written to"),
    "a folder": (["-o", "own"], "--out: expected the name of a file, got the folder own"),
    "batch size": (["--batch-size", "0"], "--batch-size: expected an integer of at least 1, got 0"),
    "device": (["--device", "cuda:99"], "cuda:99"),
    "model": (["--model", "nowhere:net"], "nowhere"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_line_and_code_2_and_writes_nothing(batchnorm, run, case: str) -> None:
    own = Path(shutil.copytree(run, "own"))
    arguments, message = MISTAKES[case]
    before = sorted(path.name for path in (*Path().iterdir(), *own.iterdir()))
    said = batchnorm("wiring", own, *arguments)
    assert (said.code, said.out, len(said.err.splitlines())) == (2, "", 1)
    assert message in said.err
    assert sorted(path.name for path in (*Path().iterdir(), *own.iterdir())) == before


def test_a_misspelt_run_is_told_the_near_ones(batchnorm, run) -> None:
    shutil.copytree(run, "own")
    said = batchnorm("wiring", "onw")
    assert (said.code, said.out) == (2, "")
    assert said.err.endswith("Check the path. Did you mean 'own'?\n")


def test_a_broken_model_file_is_one_line(batchnorm) -> None:
    Path("net.safetensors").write_bytes(b"\xff" * 40)
    said = batchnorm("wiring", "net.safetensors", "-o", "net.svg")
    assert (said.code, len(said.err.splitlines())) == (2, 1)
    assert not Path("net.svg").exists()
