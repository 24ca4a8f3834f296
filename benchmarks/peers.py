"""How are timm and torchvision imported, which the environment itself must not contain?

The registry's torchvision is built for CUDA. Beside a torch for the CPU it raises when it is imported, and so does
torchmetrics, which imports it wherever it is installed. So `make` puts timm and torchvision, without what they depend
on, into a folder of their own, `peers` in the environment; it is on the path only while they are imported.
"""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import torch

FOLDER = Path(sys.prefix) / "peers"
MISSING = ("nms", "qnms")
"""Operators that torchvision describes to torch, and which only its compiled part defines."""
DEFINED: list[torch.library.Library] = []
"""What was defined here; an operator goes when its library does."""


def load(name: str) -> ModuleType:
    """Import timm or torchvision, or a module of theirs.

    Raises:
        ModuleNotFoundError: it is neither in the environment nor in the folder of its peers.
    """
    with _on_the_path(FOLDER):
        _load_torchvision()
        return importlib.import_module(name)


def _load_torchvision() -> None:
    try:
        importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "FRAGMENT")
        for operator in MISSING:
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        DEFINED.append(library)
        importlib.import_module("torchvision")


@contextmanager
def _on_the_path(folder: Path) -> Iterator[None]:
    before = list(sys.path)
    sys.path.append(str(folder))
    try:
        yield
    finally:
        sys.path[:] = before
