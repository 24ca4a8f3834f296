"""`batchnorm bench` and `batchnorm warmup`: what they print and write, and how they refuse."""

import json
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

from batchnorm.records import Benchmark, from_json

ONE_ROW = ["--shape", "4x3x6x6", "--format", "nchw", "--route", "native", "--rounds", 2, "--threads", 1, "--no-compile"]


@pytest.fixture
def in_this_process(monkeypatch) -> None:
    """Measure rows here: that each has a process of its own is told by the tests of the room."""
    from batchnorm.bench import _run, measure_layer

    def here(case, allocator, settings):
        return measure_layer(case, settings, allocator), "as it is"

    monkeypatch.setattr(_run, "_in_a_process_of_its_own", here)


@pytest.mark.usefixtures("in_this_process")
def test_one_row_is_measured_shown_and_written(batchnorm, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    said = batchnorm("bench", *ONE_ROW, "--out", "results")
    assert said.code == 0
    assert said.out.startswith("BN+ReLU 4x3x6x6 float32")
    assert "native / ours" in " ".join(said.out.replace("┃", " ").split())
    assert "compile was left out: it was not asked for" in said.out
    assert "1/2 bn+act 4x3x6x6 nchw float32 relu, tuned" in said.err
    assert "note: quartiles of fewer than 7 rounds say little" in said.err
    benchmark = from_json(Path("results/bench.json").read_text(), Benchmark)
    assert [(row.shape, row.allocator) for row in benchmark.layers] == [
        ((4, 3, 6, 6), "tuned"),
        ((4, 3, 6, 6), "untuned"),
    ]
    assert not benchmark.steps
    assert Path("results/bench.md").read_text().startswith("# What batch norm costs\n")
    assert sorted(path.name for path in Path("results").iterdir()) == ["bench.json", "bench.md"]


@pytest.mark.usefixtures("in_this_process")
def test_json_is_one_line_and_quiet_leaves_the_standard_error_to_notes(batchnorm) -> None:
    said = batchnorm("bench", *ONE_ROW, "--json", "--quiet")
    assert said.code == 0
    assert len(said.out.splitlines()) == 1
    assert from_json(json.dumps(said.json), Benchmark).layers[0].family == "bn+act"
    assert all(line.startswith("note: ") for line in said.err.splitlines())


@pytest.fixture
def asked(monkeypatch) -> list[tuple[list[str], list[str], object]]:
    """What would have been measured: layers, nets, settings."""
    from batchnorm.cli import _bench

    calls = []

    def measure(layers, nets, settings, report):
        calls.append(([str(case) for case in layers], [case.net for case in nets], settings))
        raise RuntimeError("not measured")

    monkeypatch.setattr(_bench, "run_benchmark", measure)
    return calls


@pytest.mark.parametrize(
    ("options", "layers", "nets"),
    [
        ([], 46, 3),
        (["--no-steps"], 46, 0),
        (["--steps"], 0, 3),
        (["--family", "bn+act+pool"], 4, 0),
        (["--format", "nchw"], 23, 3),
        (["--shape", "32x64x112x112"], 2, 0),
        (["--shape", "32x64x112x112", "--format", "nchw"], 1, 0),
        (["--shape", "64x10"], 1, 0),
    ],
)
def test_the_options_choose_what_is_measured(batchnorm, asked, options: list[str], layers: int, nets: int) -> None:
    assert batchnorm("bench", "--route", "native", *options).code == 1
    assert [len(asked[0][0]), len(asked[0][1])] == [layers, nets]


def test_the_options_reach_the_row_and_the_settings(batchnorm, asked) -> None:
    row = ["--shape", "8x4x6x6", "--format", "channels_last", "--family", "bn+add+act"]
    kind = ["--dtype", "float64", "--activation", "silu", "--route", "composed"]
    batchnorm("bench", *row, *kind, "--threads", 3, "--rounds", 9, "--no-compile")
    layers, _, settings = asked[0]
    assert layers == ["bn+add+act 8x4x6x6 channels_last float64 silu"]
    assert (settings.route, settings.net_route, settings.threads, settings.rounds) == ("composed", "auto", 3, 9)
    assert not settings.compiled


MISTAKES = {
    "no sizes": (["--shape", "large"], "--shape: expected sizes with an x between them"),
    "a size missing": (["--shape", "3x"], "--shape: expected sizes with an x between them"),
    "a negative size": (["--shape", "3x-4x5x5"], "--shape: expected sizes with an x between them"),
    "a size without end": (["--shape", "3x" + "9" * 5000], "--shape: expected sizes with an x between them"),
    "one axis": (["--shape", "3"], "shape: expected two to five sizes"),
    "one value per channel": (["--shape", "1x3"], "shape: expected more than one value per channel"),
    "a layout with a typo": (["--format", "chanels_last"], "Did you mean 'channels_last'?"),
    "a layout that cannot be": (["--shape", "3x4x5", "--format", "channels_last"], "for channels_last"),
    "a family with a typo": (["--family", "bn+pool"], "--family: expected one of bn+act, bn+add+act, bn+act+pool"),
    "a dtype with a typo": (["--dtype", "float"], "dtype: expected one of float32, float64, bfloat16, got 'float'"),
    "an activation with a typo": (["--activation", "rellu"], "Did you mean 'relu' or 'relu6'?"),
    "a route with a typo": (["--route", "nativ"], "Did you mean 'native'?"),
    "no rounds": (["--rounds", "0"], "rounds: expected an integer of at least 1, got 0"),
    "no threads": (["--threads", "0"], "threads: expected an integer of at least 1, got 0"),
    "no integer": (["--rounds", "many"], "--rounds"),
    "steps of a shape": (["--steps", "--shape", "3x4"], "--steps: measures whole training steps and no layer"),
    "steps and no steps": (["--steps", "--no-steps"], "--steps: measures whole training steps and no layer"),
    "a folder below a file": (["--out", "file/results"], "--out: file/results cannot be made"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_message_and_code_2_and_nothing_is_measured(batchnorm, asked, case: str) -> None:
    Path("file").write_text("")
    arguments, message = MISTAKES[case]
    said = batchnorm("bench", *([] if "--route" in arguments else ["--route", "native"]), *arguments)
    assert said.code == 2
    assert message in " ".join(said.err.replace("│", " ").split())
    assert "Traceback" not in said.err
    assert not asked


def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_measured(batchnorm, asked, monkeypatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    said = batchnorm("bench", *ONE_ROW, "--out", "results")
    assert (said.code, asked) == (2, [])
    assert "--out: expected a folder that can be written to, got results" in said.err


def test_a_measurement_that_fails_is_one_message_and_leaves_older_results(batchnorm, asked) -> None:
    Path("results").mkdir()
    Path("results/bench.json").write_text("older")
    said = batchnorm("bench", *ONE_ROW, "--out", "results")
    assert said.code == 1
    assert "batchnorm bench: not measured" in said.err
    assert [(path.name, path.read_text()) for path in Path("results").iterdir()] == [("bench.json", "older")]


def test_a_busy_machine_is_named_before_the_start(batchnorm, asked, monkeypatch) -> None:
    from batchnorm.cli import _bench

    monkeypatch.setattr(_bench, "machine_load", lambda: 3.0)
    assert "note: the machine is busy (load 3.0)" in batchnorm("bench", *ONE_ROW).err
    monkeypatch.setattr(_bench, "machine_load", lambda: None)
    assert "busy" not in batchnorm("bench", *ONE_ROW).err


@pytest.fixture
def kernels(monkeypatch) -> ModuleType:
    """The CPU's kernels, of which there are three, compiled at once."""
    fake = ModuleType("batchnorm.kernels.cpu")

    def warmup(report, dtypes) -> int:
        for number, name in enumerate(("one", "two", "three")):
            report(number, 3, name)
        return 3

    fake.warmup, fake.why_unavailable, fake.folder = warmup, lambda: None, lambda: Path("/cache/kernels/abc")
    fake.kept_kernels = lambda dtypes: 3
    monkeypatch.setitem(sys.modules, "batchnorm.kernels.cpu", fake)
    return fake


def test_warmup_says_how_many_kernels_how_long_and_where(batchnorm, kernels) -> None:
    said = batchnorm("warmup")
    assert said.code == 0
    assert said.out.startswith("3 kernels in ")
    assert said.out.endswith(" s, kept in /cache/kernels/abc\n")
    assert said.err == ""


def test_warmup_without_a_cache_folder_says_that_nothing_is_kept(batchnorm, kernels) -> None:
    kernels.folder = lambda: None
    assert "not kept: there is no home folder; set BATCHNORM_CACHE to one" in batchnorm("warmup", "--quiet").out


def test_warmup_without_numba_is_one_message_and_code_1(batchnorm, kernels) -> None:
    kernels.why_unavailable = lambda: "numba, which is not installed"
    said = batchnorm("warmup")
    assert (said.code, said.out) == (1, "")
    assert "batchnorm warmup: the CPU kernels need numba, which is not installed" in said.err
    assert "Traceback" not in said.err


def test_warmup_says_when_not_all_could_be_kept(batchnorm, kernels) -> None:
    kernels.kept_kernels = lambda dtypes: 2
    assert "not all kept: /cache/kernels/abc cannot be written" in batchnorm("warmup").out
