"""How many norms run when a model is called, counted by operators and not by modules?

A norm whose arithmetic is traced into a graph is not gone. So beside the norm operators those are counted that multiply
or shift an activation by a constant of several values, whatever module or graph they stand in: what a tool has made
more of them than there were is what it has made of norms. A bias that `linear` adds is `linear`'s.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from batchnorm.nn import ScaleShift

NORMS = {
    "batch_norm",
    "native_batch_norm",
    "_native_batch_norm_legit",
    "_native_batch_norm_legit_no_training",
    "_batch_norm_impl_index",
    "cudnn_batch_norm",
}
AFFINE = {"mul", "mul_", "div", "div_", "add", "add_", "sub", "sub_", "addcmul", "addcmul_"}


PRODUCTS = {F.linear, F.conv1d, F.conv2d, F.conv3d, F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d}


class Count(NamedTuple):
    """Norm operators (a `ScaleShift` is one), and multiplications and sums with a constant of several values."""

    norms: int
    affine: int

    def left(self, before: "Count") -> int:
        """Return how many norms still run, as operators or as arithmetic."""
        return self.norms + max(0, self.affine - before.affine)


def count_calls(model: nn.Module, x: Tensor) -> Count:
    """Call a model, a `GraphModule` too, and count."""
    counter = _Counter(x)
    with _inside(model, ScaleShift, counter), _Products(counter), torch.no_grad(), counter:
        model(x)
    return Count(counter.norms, counter.affine)


def count_nodes(graph: torch.Graph) -> Count:
    """Count in a frozen graph, whose constants are nodes; an operator in a branch or in a loop is counted once."""
    moving = {value.debugName() for value in graph.inputs()}
    norms = affine = 0
    for node in _nodes(graph):
        kind, inputs = node.kind().removeprefix("aten::"), list(node.inputs())
        is_moving = [value.debugName() in moving for value in inputs]
        if any(is_moving):
            moving.update(value.debugName() for value in node.outputs())
            moving.update(value.debugName() for block in node.blocks() for value in block.inputs())
        norms += kind in NORMS and is_moving[0]
        affine += kind in AFFINE and any(is_moving) and any(map(_is_constant_of_several, inputs))
    return Count(norms, affine)


class _Counter(TorchDispatchMode):
    """Sees every operator; what is made of the input alone or together with others moves, all else is constant."""

    def __init__(self, x: Tensor) -> None:
        super().__init__()
        self.norms = self.affine = self.inside = 0
        self._moving = {x.untyped_storage().data_ptr()}
        # A storage that is freed could come again as that of a constant.
        self._held: list[Tensor] = [x]

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Count, and see what comes out."""
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        tensors = [leaf for leaf in torch.utils._pytree.tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        if any(map(self._moves, tensors)):
            for leaf in torch.utils._pytree.tree_leaves(result):
                if isinstance(leaf, Tensor):
                    self._held.append(leaf)
                    self._moving.add(leaf.untyped_storage().data_ptr())
            self._count(func.overloadpacket.__name__, tensors)
        return result

    def _count(self, name: str, tensors: list[Tensor]) -> None:
        if self.inside:
            return
        self.norms += name in NORMS and self._moves(tensors[0])
        self.affine += name in AFFINE and any(t.numel() > 1 and not self._moves(t) for t in tensors)

    def _moves(self, tensor: Tensor) -> bool:
        return tensor.untyped_storage().data_ptr() in self._moving


class _Products(TorchFunctionMode):
    """Says when a product runs: what it is made of, a sum with its bias among it, is the product's."""

    def __init__(self, counter: _Counter) -> None:
        super().__init__()
        self._counter = counter

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call, and let nothing be counted meanwhile that a product is made of."""
        inside = func in PRODUCTS
        self._counter.inside += inside
        try:
            return func(*args, **(kwargs or {}))
        finally:
            self._counter.inside -= inside


@contextmanager
def _inside(model: nn.Module, kind: type[nn.Module], counter: _Counter) -> Iterator[None]:
    """Count each call of such a module as one norm, and nothing of what runs inside it."""

    def enter(*_: object) -> None:
        counter.norms += not counter.inside
        counter.inside += 1

    def leave(*_: object) -> None:
        counter.inside -= 1

    modules = [module for module in model.modules() if isinstance(module, kind)]
    handles = [module.register_forward_pre_hook(enter) for module in modules]
    handles += [module.register_forward_hook(leave) for module in modules]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _nodes(block: Any) -> Iterator[Any]:
    for node in block.nodes():
        yield node
        for inner in node.blocks():
            yield from _nodes(inner)


def _is_constant_of_several(value: Any) -> bool:
    node = value.node()
    if node.kind() != "prim::Constant" or "value" not in node.attributeNames() or node.kindOf("value") != "t":
        return False
    return node.t("value").numel() > 1
