"""The command line in a process of its own, whose standard streams are closed, full, broken or narrow-minded."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import torch

BATCHNORM = [sys.executable, "-m", "batchnorm"]
PLAIN = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON") or name == "PYTHONPATH"}


def shell(line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `line`, in which "$@" is the command."""
    return subprocess.run(
        ["/bin/sh", "-c", line, "sh", *BATCHNORM], capture_output=True, text=True, env=PLAIN | environment, check=False
    )


def test_output_that_nobody_reads_is_no_message() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as pipe:
        done = subprocess.run([*BATCHNORM, "info"], stdout=pipe, stderr=subprocess.PIPE, env=PLAIN, check=False)
    assert (done.stderr, done.returncode) == (b"", 1)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_full_disk_below_the_output_is_one_message() -> None:
    done = shell('"$@" info >/dev/full')
    assert done.returncode == 1
    assert done.stderr.startswith("batchnorm info: [Errno 28] No space left on device")
    assert len(done.stderr.splitlines()) == 2  # the other one says how to get the traceback


@pytest.mark.parametrize(("line", "code"), [('"$@" --version >&-', 0), ('"$@" evaluate nowhere 2>&-', 2)])
def test_a_closed_stream_changes_nothing_but_what_is_seen(line: str, code: int) -> None:
    done = shell(line)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", "")


def test_streams_are_put_back() -> None:
    from batchnorm.cli import main

    before = sys.stdout, sys.stderr, sys.stdout.errors
    assert main(["--version"]) == 0
    assert (sys.stdout, sys.stderr, sys.stdout.errors) == before


def test_a_file_name_that_the_encoding_lacks_is_printed_escaped(run, tmp_path) -> None:
    from PIL import Image

    Image.new("L", (28, 28)).save(tmp_path / "x.png")
    (tmp_path / "x.png").rename(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png"))
    done = subprocess.run(
        [*BATCHNORM, "predict", run, b"\xff.png", "--top", "1"],
        cwd=tmp_path,
        capture_output=True,
        env=PLAIN | {"PYTHONIOENCODING": "utf-8:strict"},
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\\udcff.png" in done.stdout


INTERRUPTED_IMPORT = """
import sys

class CtrlC:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            raise KeyboardInterrupt

sys.meta_path.insert(0, CtrlC())
from batchnorm.__main__ import start
sys.exit(start())
"""


def test_ctrl_c_while_torch_is_imported_is_no_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_IMPORT], capture_output=True, text=True, env=PLAIN, check=False
    )
    assert (done.returncode, done.stderr) == (130, "")


def test_the_installed_command_begins_at_the_light_door() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["scripts"] == {"batchnorm": "batchnorm.__main__:start"}


def test_what_steers_a_terminal_is_not_printed(batchnorm) -> None:
    said = batchnorm("evaluate", "runs/\x1b[31mred\x1b]0;title\x07")
    assert (said.code, said.err) == (
        2,
        "batchnorm evaluate: runs/red: expected the folder of a run, found none. Check the path.\n",
    )


def test_the_error_of_a_model_of_ones_own_comes_in_one_line_without_colours(batchnorm) -> None:
    Path("loud.py").write_text('def net():\n    raise ValueError("\\x1b[31mred\\x1b[0m\\nsecond")\n')
    said = batchnorm("train", "--model", "loud:net", "--out", "run")
    assert (said.code, said.err) == (
        2,
        "batchnorm train: --model: 'loud:net': the function raised ValueError: red second\n",
    )


def test_a_whole_model_in_the_place_of_a_state_dict_is_named_without_the_words_of_torch(batchnorm) -> None:
    torch.save(torch.nn.Sequential(torch.nn.Linear(2, 2)), "whole.pt")
    said = batchnorm("fold", "whole.pt", "--model", "m:f", "--input", "1x2", "-o", "f.safetensors")
    assert said.code == 2
    assert "(it holds an object of torch.nn.modules.container.Sequential)" in said.err
    assert "Save the state_dict of a model, not the model: torch.save(model.state_dict(), path)." in said.err
    assert "\x1b" not in said.err
