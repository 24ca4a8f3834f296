"""How does a norm that comes back follow what its model has gone through: dtype, device, mode, what is trained?"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn

from ...norms import put_into
from ...transaction import transaction
from ._marks import Mark

Value = TypeVar("Value", torch.dtype, torch.device)


def follow(module: nn.Module, pairs: Sequence[tuple[Mark, Tensor]]) -> None:
    """Move, convert, freeze or thaw a module in place as the tensors that took it up have been since.

    Args:
        module: comes back into the model.
        pairs: of each of these tensors what it was when the model had been folded, and what it is now. A dtype (or
            device) of the module becomes what the tensors of that dtype have become, if that is one and the same.
    """
    dtypes = _changes((mark.dtype, tensor.dtype) for mark, tensor in pairs)
    devices = _changes((mark.device, tensor.device) for mark, tensor in pairs)

    def moved(tensor: Tensor) -> Tensor:
        return tensor.to(devices.get(tensor.device, tensor.device), dtypes.get(tensor.dtype, tensor.dtype))

    if dtypes or devices:
        module._apply(moved)  # type: ignore[no-untyped-call]  # torch's: as `module.to` does it
    trained = {(mark.requires_grad, tensor.requires_grad) for mark, tensor in pairs if isinstance(tensor, nn.Parameter)}
    if trained in ({(True, False)}, {(False, True)}):
        module.requires_grad_((False, True) in trained)


def take_mode(norm: nn.Module, stands: nn.Module) -> None:
    """Let a norm be in the mode of what stood in its place; its children that ran there have their own."""
    ran = {id(module) for module in stands.modules()}
    for module in norm.modules():
        if id(module) not in ran:
            put_into(module, mode=stands.training)


def freeze_as_train_does(model: nn.Module, norms: Iterable[nn.Module]) -> None:
    """Leave those norms in evaluation that the model's own `train()` keeps there: it could not see them."""
    training = [norm for norm in norms if norm.training]
    if not training or all(type(module).train is nn.Module.train for module in model.modules()):
        return
    with transaction(model, scripts=True) as change:
        change.train()
        frozen = [norm for norm in training if not norm.training]
    for norm in frozen:
        norm.training = False


def pairs_of(
    names: Iterable[str], marks: Mapping[str, Mark], present: Mapping[str, Tensor]
) -> Iterator[tuple[Mark, Tensor]]:
    """Of the tensors of some names what they were, and what they are."""
    return ((marks[name], present[name]) for name in names if name in marks and name in present)


def _changes(moves: Iterable[tuple[Value, Value]]) -> dict[Value, Value]:
    found: dict[Value, set[Value]] = {}
    for before, now in moves:
        found.setdefault(before, set()).add(now)
    return {before: next(iter(now)) for before, now in found.items() if len(now) == 1 and before not in now}
