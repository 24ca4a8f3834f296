"""Is what the committed benchmark says written where it is read, and found when it is stale?"""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from batchnorm.errors import InputError
from batchnorm.records import Benchmark, Conditions, Errors, LayerRow, Timing, to_json

TOOL = Path(__file__).parents[1] / "tools" / "write_speed.py"
ARMS = {"ours": Timing(10.0, 9.0, 11.0, 9), "native": Timing(30.0, 29.0, 31.0, 9), "copy": Timing(4.0, 4.0, 4.0, 9)}
DIRECTIONS = ("forward", "backward", "both", "evaluation")
ROW = LayerRow(
    family="bn+act",
    shape=(32, 64, 112, 112),
    memory_format="nchw",
    dtype="float32",
    activation="relu",
    route="fused",
    allocator="tuned",
    tensor_bytes=300,
    floor_bytes=dict.fromkeys(DIRECTIONS, 2100),
    streamed_bytes=dict.fromkeys(DIRECTIONS, 1500),
    timings=dict.fromkeys(DIRECTIONS, ARMS),
    errors=dict.fromkeys(("ours", "native"), Errors(1e-7, 1e-7, 1e-7)),
    left_out={},
)
CONDITIONS = Conditions({"torch": "2.13.0"}, "a processor", 4, 2, 32, 64, "in turn", 3, 9, 0.0, {"tuned": "keeps"})
BENCHMARK = Benchmark(CONDITIONS, (ROW,), ())


@pytest.fixture
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_speed", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def root(tool, tmp_path) -> Path:
    """A project with a committed benchmark and a README with the marks."""
    (tmp_path / "benchmarks/results").mkdir(parents=True)
    (tmp_path / tool.RESULT).write_text(to_json(BENCHMARK, lines=True))
    (tmp_path / "README.md").write_text(f"# Title\n\n{tool.BEGIN}\nold\n{tool.END}\n\nafter\n")
    return tmp_path


def test_what_was_written_is_fresh_and_the_rest_of_the_readme_stays(tool, root) -> None:
    assert tool.stale(root) == [tool.PAGE, "README.md", tool.CHART]
    tool.write(root)
    assert tool.stale(root) == []
    readme = (root / "README.md").read_text()
    assert readme.startswith(f"# Title\n\n{tool.BEGIN}\n\nOne training step")
    assert readme.endswith(f"{tool.END}\n\nafter\n")
    assert "Medians of 9 rounds" in readme
    assert "old" not in readme


def test_writing_twice_changes_nothing(tool, root) -> None:
    tool.write(root)
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    tool.write(root)
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("name", ["PAGE", "README", "CHART", "RESULT"])
def test_whatever_is_changed_by_hand_is_found(tool, root, name: str) -> None:
    tool.write(root)
    path = root / ("README.md" if name == "README" else getattr(tool, name))
    if name == "RESULT":
        faster = replace(ROW, timings={name: {**ARMS, "native": Timing(60.0, 59.0, 61.0, 9)} for name in DIRECTIONS})
        path.write_text(to_json(replace(BENCHMARK, layers=(faster,))))
        expected = [tool.PAGE, tool.CHART]  # README has the steps alone
    else:
        path.write_text(
            path.read_text()
            .replace("3.00", "9.00")
            .replace("9 rounds", "8 rounds")
            .replace("<dc:description>benchmark", "<dc:description>")
        )
        expected = ["README.md" if name == "README" else getattr(tool, name)]
    assert tool.stale(root) == expected


def test_check_names_what_is_stale_and_writes_nothing(tool, root, monkeypatch, capsys) -> None:
    monkeypatch.setattr(tool, "ROOT", root)
    monkeypatch.setattr(sys, "argv", ["write_speed.py", "--check"])
    assert tool.main() == 1
    assert "README.md is not what benchmarks/results/bench.json says" in capsys.readouterr().err
    assert not (root / tool.CHART).exists()
    monkeypatch.setattr(sys, "argv", ["write_speed.py"])
    assert tool.main() == 0
    monkeypatch.setattr(sys, "argv", ["write_speed.py", "--check"])
    assert tool.main() == 0


def test_without_a_result_the_message_says_how_to_get_one(tool, root, monkeypatch, capsys) -> None:
    (root / tool.RESULT).unlink()
    monkeypatch.setattr(tool, "ROOT", root)
    monkeypatch.setattr(sys, "argv", ["write_speed.py", "--check"])
    assert tool.main() == 2
    assert "bench.json is not there; measure it on a quiet machine: make bench" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text", ["", "{BEGIN}", "{END}", "{END} {BEGIN}", "{BEGIN} {END} {END}", "{BEGIN} {BEGIN} {END}"]
)
def test_a_readme_without_the_two_marks_is_refused(tool, text: str) -> None:
    with pytest.raises(InputError, match=r"^README\.md: expected one line '<!-- speed: written by .* and below it"):
        tool.with_section(text.format(BEGIN=tool.BEGIN, END=tool.END), "new")


def test_the_readme_the_page_and_the_chart_say_what_the_committed_benchmark_says(tool) -> None:
    assert tool.stale(tool.ROOT) == []
