"""How does a model leave Python's classes, and what is in what comes out?

Each way takes a model in evaluation mode and an example, and gives something that can be called, the operators in its
graph, and the bytes of its file.
"""

import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import onnx
import onnxruntime
import torch
from torch import Tensor, nn


class Shipped(NamedTuple):
    """A model that was exported.

    Attributes:
        run: called with the input; without gradients.
        operators: of its graph, constants left out.
        size: bytes of its file.
    """

    run: Callable[[Tensor], Any]
    operators: list[str]
    size: int

    @property
    def norms(self) -> int:
        """How many of the operators are batch norms."""
        return sum("batch_norm" in name or name == "BatchNormalization" for name in self.operators)


@contextmanager
def quietly() -> Iterator[None]:
    """Keep to ourselves that two of the ways are deprecated, and which operators of torchvision are missing."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


def by_export(model: nn.Module, x: Tensor) -> Shipped:
    """`torch.export`."""
    program = torch.export.export(model, (x,))
    operators = [str(node.target) for node in program.graph.nodes if node.op == "call_function"]
    return Shipped(program.module(), operators, _size(lambda path: torch.export.save(program, path), ".pt2"))


def by_onnx(model: nn.Module, x: Tensor) -> Shipped:
    """ONNX by way of `torch.export`."""
    return _onnx(lambda path: torch.onnx.export(model, (x,), path, dynamo=True, external_data=False, verbose=False))


def by_old_onnx(model: nn.Module, x: Tensor) -> Shipped:
    """ONNX by way of TorchScript."""
    return _onnx(lambda path: torch.onnx.export(model, (x,), path, dynamo=False))


def by_torchscript(model: nn.Module, x: Tensor) -> Shipped:
    """TorchScript: trace and freeze. Not `strict`, which refuses a dict for an output."""
    script = torch.jit.freeze(torch.jit.trace(model, x, strict=False, check_trace=False))
    nodes = [node.kind() for node in script.graph.nodes()]
    operators = [kind for kind in nodes if not kind.startswith("prim::")]
    return Shipped(script, operators, _size(script.save, ".pt"))


EXPORTERS = {
    "torch.export": by_export,
    "ONNX": by_onnx,
    "ONNX, TorchScript-based": by_old_onnx,
    "TorchScript": by_torchscript,
}


def export(way: str, model: nn.Module, x: Tensor) -> Shipped:
    """Export by one of the ways."""
    with quietly(), torch.no_grad():
        return EXPORTERS[way](model, x)


def _onnx(write: Callable[[str], object]) -> Shipped:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        write(str(path))
        operators = [node.op_type for node in onnx.load(path).graph.node if node.op_type != "Constant"]
        return Shipped(_session(path), operators, path.stat().st_size)


def _session(path: Path) -> Callable[[Tensor], Any]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    (name,) = [found.name for found in session.get_inputs()]
    return lambda x: [torch.from_numpy(found) for found in session.run(None, {name: x.numpy()})]


def _size(write: Callable[[str], object], suffix: str) -> int:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"model{suffix}"
        write(str(path))
        return path.stat().st_size
