"""What a user is told whose torchvision is of another torch: torchmetrics imports it wherever it is installed."""

import importlib
import sys

import pytest
import torch

from batchnorm.errors import RefusedError
from batchnorm.runs._scores import score


def test_a_torchvision_that_cannot_be_imported_is_told_with_what_to_do(monkeypatch, tmp_path):
    for entry in [entry for entry in sys.modules if entry.partition(".")[0] == "torchmetrics"]:
        monkeypatch.delitem(sys.modules, entry)
    (tmp_path / "torchmetrics.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    said = r"imports the torchvision that is installed, and that raised: operator torchvision::nms does not exist\."
    with pytest.raises(RefusedError, match=said):
        score(torch.zeros(2, 3), torch.zeros(2, dtype=torch.int64), ("a", "b", "c"))
