"""Which actions make some of a plan's changes, on the model or on a copy of it, always from the original numbers?"""

from collections.abc import Collection, Iterator

import torch
from torch import Tensor, nn

from ...nn import ScaleShift
from .._actions import Action, MakeParameter, PutModule, SetNumbers
from .._names import owner_of, tensor_of
from .._operation import Operation, Original
from ._edit import Edit, edit_weight
from ._pair import pair_of
from ._plan import Change, Plan
from ._stash import Replaced, Stash

Pairs = dict[str, tuple[Tensor, Tensor]]


def operation_for(model: nn.Module, plan: Plan, original: Original | None = None) -> Operation:
    """An operation that reaches all that a plan may change, also what is demoted later.

    Args:
        model: the model, or a copy of it.
        plan: made for the model, or for what it is a copy of.
        original: gives a weight as it was; None: the operation keeps those itself.
    """
    tensors = (name for edit in _edits(plan.changes) for name in edit.names)
    return Operation(model, tensors, plan.active, original)


def actions_of(operation: Operation, plan: Plan, active: Collection[str]) -> Iterator[Action]:
    """What makes the changes of these norms: weights with one rounding each, and what is left in the norms' places."""
    changes = [change for change in plan.changes if change.norm in active and change.outcome != "left"]
    pairs = pairs_of(changes)
    by_weight: dict[str, list[tuple[Edit, str]]] = {}
    for change in changes:
        for edit in change.edits:
            by_weight.setdefault(edit.weight, []).append((edit, change.norm))
    for weight, edits in by_weight.items():
        yield from _edited(operation, weight, [(edit, *pairs[norm]) for edit, norm in edits])
    for change in changes:
        stands = _in_place_of(change, operation.module(change.norm), pairs)
        yield PutModule(operation.names_of(change.norm), stands)


def stash_of(operation: Operation, plan: Plan) -> Stash:
    """What it takes to undo what has been carried out."""
    kept = [
        Replaced(
            operation.names_of(change.norm),
            operation.module(change.norm),
            change.outcome,
            change.rest,
            _taken_up_by(plan, change),
        )
        for change in plan.changes
        if change.outcome != "left" and change.rest is not None
    ]
    edited = {name for edit in _edits(plan.changes) for name in edit.names}
    changed = {name: tensor for name, tensor in operation.kept.items() if name in edited}
    return Stash(changed, operation.made, kept, plan.plain)


def _taken_up_by(plan: Plan, change: Change) -> tuple[str, ...]:
    """The tensors into which a norm has gone, by way of other norms, too."""
    names = [edit.weight for edit in change.edits]
    for merge in change.merged:
        names += _taken_up_by(plan, plan.of(merge.norm))
    return tuple(dict.fromkeys(names))


def _edited(operation: Operation, weight: str, edits: list[tuple[Edit, Tensor, Tensor]]) -> Iterator[Action]:
    """One weight, and its bias, as all their edits together make them."""
    bias = next((edit.bias for edit, _, _ in edits if edit.bias is not None), None)
    values = operation.original(weight).to(torch.float64)
    offset = None if bias is None or operation.makes(bias) else operation.original(bias).to(torch.float64)
    for edit, scale, shift in edits:
        home = values.device
        values, offset = edit_weight(values, offset, edit, scale.to(home), shift.to(home))
    yield SetNumbers(weight, values)
    if bias is not None and offset is not None:
        yield _made(operation.model, bias, offset, weight) if operation.makes(bias) else SetNumbers(bias, offset)


def _made(model: nn.Module, bias: str, values: Tensor, weight: str) -> MakeParameter:
    """A new bias: in the dtype of its weight, and trained if anything beside it is."""
    owner, _ = owner_of(model, bias)
    trains = any(parameter.requires_grad for parameter in owner.parameters(recurse=False))
    return MakeParameter(bias, values.to(tensor_of(model, weight).dtype), trains)


def pairs_of(changes: list[Change]) -> Pairs:
    """Scale and shift of each norm, with those of the norms in them that it takes up."""
    pairs = {change.norm: pair_of(change.module) for change in changes}
    # Those that ran last were decided first; a chain is put together from its end.
    for change in _ends_first(changes):
        scale, shift = pairs[change.norm]
        for merge in change.merged:
            if merge.norm not in pairs:
                continue
            first, second = pairs[merge.norm]
            known = merge.channels >= 0
            chosen = merge.channels.clamp(min=0).to(scale.device)
            known = known.to(scale.device)
            factor = torch.where(known, scale[chosen], 1.0)
            pairs[merge.norm] = first * factor, second * factor + torch.where(known, shift[chosen], 0.0)
    return pairs


def _ends_first(changes: list[Change]) -> list[Change]:
    """The norms so that each comes behind those that it takes up."""
    done: list[Change] = []
    waiting = list(changes)
    while waiting:
        taken_up_by = {merge.norm for change in waiting for merge in change.merged}
        # A norm may be handed on when nobody who is still waiting hands something to it.
        free = [change for change in waiting if change.norm not in taken_up_by] or waiting
        done += free
        waiting = [change for change in waiting if change not in free]
    return done


def _in_place_of(change: Change, norm: nn.Module, pairs: Pairs) -> nn.Module:
    assert change.rest is not None  # noqa: S101  # such a norm is left
    scale, shift = pairs[change.norm]
    mean = norm.get_buffer("running_mean")
    affine = None
    if change.outcome == "scale-shifted":
        affine = ScaleShift(scale.to(mean), shift.to(mean))
    elif change.outcome == "shift":
        affine = ScaleShift(None, shift.to(mean))
    stands = change.rest.of(norm, affine)
    stands.training = norm.training
    return stands


def _edits(changes: list[Change]) -> list[Edit]:
    return [edit for change in changes for edit in change.edits]
