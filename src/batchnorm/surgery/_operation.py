"""How is a plan carried out on a model, in part or whole, and taken back bit for bit?"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ..nn import ScaleShift
from ._edit import Edit, edit_weight
from ._materialize import Before
from ._pair import pair_of
from ._plan import Change, Plan
from ._rest import Rest
from ._weights import owner_of

Original = Callable[[str], Tensor]


@dataclass(frozen=True, slots=True)
class Replaced:
    """A norm that stands in its place no more.

    Attributes:
        names: every name that it has in the model, the first one first.
        module: the norm itself.
        outcome: what became of it.
        rest: what it did besides normalizing.
    """

    names: tuple[str, ...]
    module: nn.Module
    outcome: str
    rest: Rest


class _Folds:
    """Numbers the folds, of all models, in their order: no clock decides, for a clock can be set back."""

    latest = 0

    @classmethod
    def next(cls) -> int:
        cls.latest += 1
        return cls.latest


@dataclass(slots=True)
class Stash:
    """What it takes to undo a fold, by names in the model.

    Attributes:
        tensors: the weights and biases that were changed, as they were.
        made: the biases that were made.
        norms: the modules that were replaced.
        plain: modules whose weight was computed in each call, as they were.
        number: in the order of all folds: of two of them the later one is undone first.
    """

    tensors: dict[str, Tensor] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)
    norms: list[Replaced] = field(default_factory=list)
    plain: list[Before] = field(default_factory=list)
    number: int = field(default_factory=_Folds.next)

    def __setstate__(self, state: tuple[None, dict[str, Any]]) -> None:
        """Come back from a copy or a pickle; folds that follow are later than it, wherever it was made."""
        for name, value in state[1].items():
            setattr(self, name, value)
        _Folds.latest = max(_Folds.latest, self.number)


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
        self._made = [name for name in names if _get(model, name) is None]
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
                _hang(self._model, name, stands)

    def stash(self) -> Stash:
        """What it takes to undo what has been carried out."""
        kept = [
            Replaced(*self._norms[change.norm], change.outcome, change.rest)
            for change in self._plan.changes
            if change.outcome != "left" and change.rest is not None
        ]
        changed = {name: tensor for name, tensor in self._kept.items() if self._is_edited(name)}
        made = [name for name in self._made if _get(self._model, name) is not None]
        return Stash(changed, made, kept, self._plan.plain)

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


def check_fits(model: nn.Module, stash: Stash) -> None:
    """Look whether a model still has the places that a stash is for, before any is touched.

    Raises:
        RuntimeError: it has been changed since it was folded.
    """
    names = [name.rpartition(".")[0] for replaced in stash.norms for name in replaced.names]
    names += [name.rpartition(".")[0] for name in (*stash.made, *stash.tensors)]
    modules = {name for name, _ in model.named_modules(remove_duplicate=False)}
    lost = [name for name in names if name not in modules]
    lost += [
        name
        for name, tensor in stash.tensors.items()
        if name.rpartition(".")[0] in modules and _shape(model, name) != tensor.shape
    ]
    if not lost:
        lost += [f"what stood at {name}" for one in stash.norms for name in one.names if not _stands(model, name, one)]
    if lost:
        raise RuntimeError(
            f"unfold: expected the model as it was folded, got one without {', '.join(dict.fromkeys(lost))}. Unfold it "
            "before its modules are exchanged."
        )


def _stands(model: nn.Module, name: str, replaced: Replaced) -> bool:
    """Whether at a norm's place there is what a fold puts there, if not the very same."""
    mean = replaced.module.get_buffer("running_mean")
    affine = None if replaced.outcome == "folded" else ScaleShift(None, mean)
    path, _, last = name.rpartition(".")
    return isinstance(model.get_submodule(path)._modules.get(last), type(replaced.rest.of(replaced.module, affine)))


def _shape(model: nn.Module, name: str) -> torch.Size | None:
    found = _get(model, name)
    return None if found is None else found.shape


def undo(model: nn.Module, stash: Stash) -> None:
    """Give a model back what a stash holds."""
    with torch.no_grad():
        for name, tensor in stash.tensors.items():
            tensor_of(model, name).copy_(tensor)
    for name in stash.made:
        owner, last = owner_of(model, name)
        owner._parameters[last] = None
    for replaced in stash.norms:
        for name in replaced.names:
            _hang(model, name, replaced.module)
    for before in stash.plain:
        before.put_back(model)


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


def _get(model: nn.Module, name: str) -> Tensor | None:
    owner, last = owner_of(model, name)
    parameter = owner._parameters.get(last)
    found = owner._buffers.get(last) if parameter is None else parameter
    return None if found is None else found.detach()


def tensor_of(model: nn.Module, name: str) -> Tensor:
    """A parameter or buffer of a model by its name.

    Raises:
        RuntimeError: there is none.
    """
    found = _get(model, name)
    if found is None:
        raise RuntimeError(f"tensor_of: expected a tensor {name} in the model, got none. Has the model been changed?")
    return found


def _hang(model: nn.Module, name: str, module: nn.Module) -> None:
    path, _, last = name.rpartition(".")
    model.get_submodule(path)._modules[last] = module
