"""Where in a pass was something normalized by a batch norm, whoever computed it?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ._events import Operation, Pass, Value
from ._schema import arguments

NUMBERS = ("weight", "bias", "running_mean", "running_var")
_OPERATORS = {
    "aten.native_batch_norm",
    "aten._native_batch_norm_legit",
    "aten._native_batch_norm_legit_functional",
    "aten._native_batch_norm_legit_no_training",
    "aten._batch_norm_with_update",
    "aten._batch_norm_with_update_functional",
    "aten._batch_norm_no_update",
    "aten.batch_norm",
    "aten.cudnn_batch_norm",
    "aten.miopen_batch_norm",
    "aten.quantized_batch_norm",
    "quantized.batch_norm",
    "quantized.batch_norm_relu",
    "batchnorm.fused_training",
    "batchnorm.fused_evaluation",
}
"""The operators of PyTorch, and ours where somebody calls one of them himself, as an exported program may."""

_OTHER_WORDS = {
    "x": "input",
    "qx": "input",
    "mean": "running_mean",
    "var": "running_var",
    "epsilon": "eps",  # cuDNN's and MIOpen's
}


@dataclass(frozen=True, slots=True, eq=False)
class Normalization:
    """One batch norm: a call of a function of this library, or an operator.

    Attributes:
        name: of the function; `batch_norm` for an operator.
        events: the operators that it is made of.
        calls: the calls of modules that it ran in, the innermost last.
        given: its arguments by torch's names.
        output: the result, if that is a tensor.
    """

    name: str
    events: range
    calls: tuple[int, ...]
    given: dict[str, Any]
    output: Value | None

    @property
    def training(self) -> bool:
        """Whether it normalized by the batch."""
        return bool(self.given.get("training"))

    @property
    def activation(self) -> object:
        """What it applied to the result: None, a name, or something that stands for a function."""
        activation = self.given.get("activation")
        return None if activation == "identity" else activation

    @property
    def does_more(self) -> bool:
        """Whether it adds or pools, too."""
        given = self.given
        return any(given.get(name) not in (None, False) for name in ("residual", "pool", "kernel_size"))


def normalizations_of(seen: Pass) -> Iterator[Normalization]:
    """All of them, in the order in which they ended; what a function of ours is computed by is no more than a part."""
    inside: set[int] = set()
    for function in seen.functions:
        inside.update(function.events)
        output = function.result if isinstance(function.result, Value) else None
        yield Normalization(function.name, function.events, function.calls, _named(function.given), output)
    for operation in seen.operations:
        if operation.name in _OPERATORS and operation.index not in inside:
            yield _by_operator(operation)


def _by_operator(operation: Operation) -> Normalization:
    given = _named(arguments(operation))
    if operation.name == "batchnorm.fused_training":
        given["training"] = True
    events = range(operation.index, operation.index + 1)
    output = next(iter(operation.outputs), None)
    return Normalization("batch_norm", events, operation.calls, given, output)


def _named(given: dict[str, Any]) -> dict[str, Any]:
    return {_OTHER_WORDS.get(name, name): value for name, value in given.items()}
