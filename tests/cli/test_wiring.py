"""`batchnorm wiring`: what it prints and draws, and what it refuses."""

import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest


def test_a_table_of_the_net_is_printed(batchnorm, run, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    said = batchnorm("wiring", run)
    assert (said.code, said.err) == (0, "")
    assert [line.rstrip() for line in said.out.splitlines()] == [
        "ConvBNNet: input 2x1x28x28, test images of fashion-mnist-mini; 1 pass",
        "module   kind             output     read by     the norm",
        "─" * 65,
        "conv1    Conv2d           2x4x28x28  bn1",
        "bn1      BatchNormPool2d  2x4x14x14  conv2       folds into conv1",
        "conv2    Conv2d           2x8x14x14  bn2",
        "bn2      BatchNormPool2d  2x8x7x7    flatten     folds into conv2",
        "flatten  Flatten          2x392      fc",
        "fc       Linear           2x10       (returned)",
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
