"""What does it take to take a fold back, does the model still have the places for it, and how is it done?"""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import RefusedError
from ...nn import ScaleShift
from .._actions import PutModule, SetNumbers, TakeParameter
from .._names import find_tensor, named_tensors
from .._twin import STASH
from ._follow import follow, pairs_of, take_mode
from ._marks import Mark
from ._materialize import Before
from ._rest import Rest


@dataclass(frozen=True, slots=True)
class Replaced:
    """A norm that stands in its place no more.

    Attributes:
        names: every name that it has in the model, the first one first.
        module: the norm itself.
        outcome: what became of it.
        rest: what it did besides normalizing.
        weights: the tensors that took it up, by their names; none where that is not known, as in a file.
    """

    names: tuple[str, ...]
    module: nn.Module
    outcome: str
    rest: Rest
    weights: tuple[str, ...] = ()


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
        marks: what the tensors of the model were when it had been folded, by which it is seen whether it was trained.
        trained: the tensors that had been trained already when the folded model was written to a file.
        number: in the order of all folds: of two of them the later one is undone first.
    """

    tensors: dict[str, Tensor] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)
    norms: list[Replaced] = field(default_factory=list)
    plain: list[Before] = field(default_factory=list)
    marks: dict[str, Mark] = field(default_factory=dict)
    trained: list[str] = field(default_factory=list)
    number: int = field(default_factory=_Folds.next)

    def __setstate__(self, state: tuple[None, dict[str, Any]]) -> None:
        """Come back from a copy or a pickle; folds that follow are later than it, wherever it was made."""
        self.marks, self.trained = {}, []  # pickles are older than these
        for name, value in state[1].items():
            setattr(self, name, value)
        _Folds.latest = max(_Folds.latest, self.number)


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
        raise RefusedError(
            argument="model",
            expected="the model as it was folded",
            got=f"one without {', '.join(dict.fromkeys(lost))}",
            cure="Unfold it before its modules are exchanged.",
        )


def _stands(model: nn.Module, name: str, replaced: Replaced) -> bool:
    """Whether at a norm's place there is what a fold puts there, if not the very same."""
    mean = replaced.module.get_buffer("running_mean")
    affine = None if replaced.outcome == "folded" else ScaleShift(None, mean)
    path, _, last = name.rpartition(".")
    return isinstance(model.get_submodule(path)._modules.get(last), type(replaced.rest.of(replaced.module, affine)))


def _shape(model: nn.Module, name: str) -> torch.Size | None:
    found = find_tensor(model, name)
    return None if found is None else found.shape


def undo(model: nn.Module, stash: Stash) -> None:
    """Give a model back what a stash holds, where the model is now, in its dtypes and its modes."""
    present = dict(named_tensors(model))
    for replaced in stash.norms:
        _let_follow(model, replaced, stash, present)
    with torch.no_grad():
        for name, tensor in stash.tensors.items():
            SetNumbers(name, tensor).do(model)
    for name in stash.made:
        TakeParameter(name).do(model)
    for replaced in stash.norms:
        PutModule(replaced.names, replaced.module).do(model)
    for before in stash.plain:
        before.put_back(model)
        names = [name for name in stash.marks if name.rpartition(".")[0] == before.name]
        follow(model.get_submodule(before.name), [*pairs_of(names, stash.marks, present)])


def _let_follow(model: nn.Module, replaced: Replaced, stash: Stash, present: dict[str, Tensor]) -> None:
    """Let a norm be where those are, and as those are, that it had gone into."""
    first = replaced.names[0]
    stands = model.get_submodule(first)
    own = [f"{first}.{name}" for name, _ in stands.named_buffers()]
    weights = getattr(replaced, "weights", ()) or stash.tensors  # pickles are older than these
    follow(replaced.module, [*pairs_of((*weights, *own), stash.marks, present)])
    take_mode(replaced.module, stands)


def stashes_of(model: nn.Module) -> list[Stash]:
    """What the folds of a model left with it, the last one last."""
    return list(vars(model).get(STASH, ()))


def set_stashes(model: nn.Module, stashes: list[Stash]) -> None:
    """Leave that with a model."""
    if stashes:
        vars(model)[STASH] = stashes
    else:
        vars(model).pop(STASH, None)
