"""How is a plan carried out on a model, in part or whole, and taken back bit for bit?"""

from collections.abc import Callable, Collection

import torch
from torch import Tensor, nn

from ..nn import ScaleShift
from ._edit import Edit, edit_weight
from ._pair import pair_of
from ._plan import Change, Plan
from ._stash import Replaced, Stash, find_tensor, hang, tensor_of
from ._weights import owner_of

Original = Callable[[str], Tensor]


class FoldOperation:
    """Brings a model into the state in which some of a plan's changes are made: always from the original numbers.

    Args:
        model: the model, or a copy of it.
        plan: made for the model, or for what it is a copy of.
        original: gives a weight as it was; None: the operation keeps those that it changes itself.
    """

    def __init__(self, model: nn.Module, plan: Plan, original: Original | None = None) -> None:
        self._model = model
        self._plan = plan
        self._norms = _places(model, plan)
        names = [*dict.fromkeys(name for edit in _edits(plan.changes) for name in edit.names)]
        self._made = [name for name in names if find_tensor(model, name) is None]
        self._kept = (
            {} if original else {name: tensor_of(model, name).clone() for name in names if name not in self._made}
        )
        self._original = original or self._kept.__getitem__
        # Of the plan as it is now: a change that is demoted later has to be taken back all the same.
        self._biases: dict[str, str | None] = {}
        for edit in _edits(plan.changes):
            self._biases[edit.weight] = edit.bias or self._biases.get(edit.weight)

    def carry_out(self, active: Collection[str]) -> None:
        """Make the changes of these norms, and no other."""
        changes = [change for change in self._plan.changes if change.norm in active and change.outcome != "left"]
        made = {change.norm for change in changes}
        pairs = pairs_of(changes)
        for weight in self._biases:
            self._write(weight, [(edit, *pairs[change.norm]) for change in changes for edit in change.edits])
        for first, (names, norm) in self._norms.items():
            change = self._plan.of(first)
            stands = _in_place_of(change, norm, pairs) if first in made else norm
            for name in names:
                hang(self._model, name, stands)

    def stash(self) -> Stash:
        """What it takes to undo what has been carried out."""
        kept = [
            Replaced(*self._norms[change.norm], change.outcome, change.rest, self._taken_up_by(change))
            for change in self._plan.changes
            if change.outcome != "left" and change.rest is not None
        ]
        changed = {name: tensor for name, tensor in self._kept.items() if self._is_edited(name)}
        made = [name for name in self._made if find_tensor(self._model, name) is not None]
        return Stash(changed, made, kept, self._plan.plain)

    def _taken_up_by(self, change: Change) -> tuple[str, ...]:
        """The tensors into which a norm has gone, by way of other norms, too."""
        names = [edit.weight for edit in change.edits]
        for merge in change.merged:
            names += self._taken_up_by(self._plan.of(merge.norm))
        return tuple(dict.fromkeys(names))

    def _is_edited(self, name: str) -> bool:
        return any(name in edit.names for edit in _edits(self._plan.changes))

    def _write(self, weight: str, edits: list[tuple[Edit, Tensor, Tensor]]) -> None:
        """Set one weight, and its bias, to what they become; one rounding at the end."""
        mine = [entry for entry in edits if entry[0].weight == weight]
        bias = self._biases[weight]
        values = self._original(weight).to(torch.float64)
        offset = None if bias is None or bias in self._made else self._original(bias).to(torch.float64)
        for edit, scale, shift in mine:
            home = values.device
            values, offset = edit_weight(values, offset, edit, scale.to(home), shift.to(home))
        present = tensor_of(self._model, weight)
        present.copy_(values)
        if bias is not None:
            self._set_bias(bias, offset if any(edit.bias for edit, _, _ in mine) else None, present)

    def _set_bias(self, name: str, value: Tensor | None, weight: Tensor) -> None:
        owner, last = owner_of(self._model, name)
        if name not in self._made:
            tensor_of(self._model, name).copy_(self._original(name) if value is None else value)
        elif value is None:
            owner._parameters[last] = None
        else:
            trains = any(parameter.requires_grad for parameter in owner.parameters(recurse=False))
            owner._parameters[last] = nn.Parameter(value.to(weight.dtype), requires_grad=trains)


def pairs_of(changes: list[Change]) -> dict[str, tuple[Tensor, Tensor]]:
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


def _in_place_of(change: Change, norm: nn.Module, pairs: dict[str, tuple[Tensor, Tensor]]) -> nn.Module:
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


def _places(model: nn.Module, plan: Plan) -> dict[str, tuple[tuple[str, ...], nn.Module]]:
    """For each norm every name that it has, and the module."""
    names: dict[int, list[str]] = {}
    for name, module in model.named_modules(remove_duplicate=False):
        names.setdefault(id(module), []).append(name)
    changes = (change for change in plan.changes if change.outcome != "left")
    modules = {change.norm: model.get_submodule(change.norm) for change in changes}
    return {norm: (tuple(names[id(module)]), module) for norm, module in modules.items()}


def _edits(changes: list[Change]) -> list[Edit]:
    return [edit for change in changes for edit in change.edits]
