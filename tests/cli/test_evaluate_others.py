"""`batchnorm evaluate` of something else than a run on its own test images."""

import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from .conftest import FewImages


@pytest.mark.parametrize(
    ("of", "options", "name"),
    [
        ("run", ["--split", "train"], "confusion_matrix-train.png"),
        ("file", [], "confusion_matrix-other.png"),
        ("run", ["--data", "shifted:source"], "confusion_matrix-shifted.png"),
    ],
)
def test_an_evaluation_of_something_else_leaves_the_runs_picture_alone(
    batchnorm, run, monkeypatch, of: str, options: list[str], name: str
) -> None:
    own = Path(shutil.copytree(run, "own", ignore=shutil.ignore_patterns("*.png")))
    (own / "confusion_matrix.png").write_bytes(b"the run's")
    shutil.copy(own / "model.safetensors", own / "other.safetensors")
    few = FewImages("shifted")
    monkeypatch.setitem(sys.modules, "shifted", SimpleNamespace(source=few, __spec__=None))
    assert batchnorm("evaluate", own if of == "run" else own / "other.safetensors", *options, "--json").code == 0
    assert (own / "confusion_matrix.png").read_bytes() == b"the run's"
    assert (own / name).exists()


def test_a_net_without_norms_is_said_to_have_none(batchnorm, small) -> None:
    assert batchnorm("train", "--norm", "none", "--epochs", 1, "--out", "run", "--quiet", *small).code == 0
    out = batchnorm("evaluate", "run").out
    assert "nothing: there is no batch norm" in out
    assert "running statistics" not in out
