"""What happens in and around every norm during one forward?"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from ..functional import exact_moments
from ..transaction import Transaction
from ._equivariance import Answered, normalized_axis
from ._evidence import Heard, Movement, first_tensor, is_transformed, movement_of
from ._find import Norm, is_stock
from ._normalizers import Normalizers


@dataclass(slots=True)
class Seen:
    """What was seen of one norm.

    Attributes:
        calls: how often it was called.
        ended: how many of the calls came to their end.
        tensors: the most tensors that it was given at once, or that somebody has laid into its attributes.
        trained: whether it was in training mode at its first call.
        transformed: it was given what a transform of `torch.func` hands out, which holds several tensors at once.
        exchanged: it was called while it held other statistics than its own.
        moved: whether its statistics, or its count of batches, changed while it was called.
        stored: along which axis its input has the moments that it stored, and whether its operators' inputs have.
        operators: how many operators inside it normalized by its statistics.
        silent: in how many calls none did.
        elsewhere: whether an operator normalized something by its statistics that is not what it was given in a call.
        foreign: how many operators inside it normalized by other statistics, such as a copy.
        values: how many values the operators that did were given in the first call.
        fits: each of these tensors had a channel for each of its statistics.
        normalizes: the axis along which it normalizes what it is given by its statistics; None if it does not.
    """

    calls: int = 0
    ended: int = 0
    tensors: int = 0
    trained: bool = False
    transformed: bool = False
    exchanged: bool = False
    moved: bool = False
    stored: Movement = field(default_factory=Movement)
    operators: int = 0
    silent: int = 0
    elsewhere: bool = False
    foreign: int = 0
    values: int = 0
    fits: bool = True
    normalizes: int | None = None


@dataclass(slots=True)
class _Call:
    """One call of a norm that has not ended: its index, what it was given, its statistics before, its operators."""

    index: int
    x: Tensor | None
    before: tuple[Tensor, Tensor]
    heard: list[Heard] = field(default_factory=list)
    own: int = 0


class Look:
    """Hooks on all norms, for one forward, and a mode that sees the operators inside them."""

    def __init__(self, norms: Sequence[Norm]) -> None:
        self.seen = [Seen() for _ in norms]
        self._norms = norms
        self._running: list[_Call] = []
        self._held = [(norm.mean, norm.var) for norm in norms]

    def on(self, change: Transaction) -> Normalizers:
        """Hang the hooks up, until the transaction ends; the mode is for the caller to enter."""
        self._old = [_copies(pair) for pair in self._held]
        for index, norm in enumerate(self._norms):
            for module in norm.modules:
                change.on_input(module, self._entered(index), with_kwargs=True)
                change.on_output(module, self._left(index), with_kwargs=True)
        return Normalizers(self._heard)

    def finish(self) -> None:
        """Note, after the forward, the norms whose statistics were moved outside of their calls."""
        for seen, old, now in zip(self.seen, self._old, self._held, strict=True):
            seen.moved |= seen.elsewhere and not all(map(torch.equal, old, now))

    def _entered(self, index: int) -> Any:
        def hook(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            seen, norm = self.seen[index], self._norms[index]
            x = first_tensor(args, kwargs)
            if not seen.calls:
                seen.trained = module.training
            seen.calls += 1
            seen.exchanged |= norm.held_by(module)[0] is not self._held[index][0]
            given = [*tree_leaves((args, kwargs)), *vars(module).values()]
            seen.tensors = max(seen.tensors, sum(isinstance(one, Tensor) for one in given))
            seen.transformed |= x is not None and is_transformed(x)
            self._running.append(_Call(index, x, _copies(norm.held_by(module))))

        return hook

    def _heard(self, x: Tensor, given: set[int]) -> None:
        call = self._running[-1] if self._running else None
        for index, norm in enumerate(self._norms):
            if self._held[index][0].data_ptr() not in given:
                continue
            seen = self.seen[index]
            if call is None or call.index != index:
                seen.elsewhere = True
            else:
                call.own += 1
                seen.operators += 1
                seen.values += x.numel() if seen.calls == 1 else 0
                seen.elsewhere |= not _is_same(x, call.x)
            seen.fits &= x.dim() >= 2 and x.shape[1] == len(norm.mean)
        if call is not None:
            self._note(call, x, given)

    def _note(self, call: _Call, x: Tensor, given: set[int]) -> None:
        """Keep the moments of what an operator inside a norm is given."""
        mean, var = self._held[call.index]
        self.seen[call.index].foreign += mean.data_ptr() not in given
        if x.dim() >= 2 and x.shape[1] == len(mean) and not is_transformed(x):
            call.heard.append(Heard(exact_moments(x.detach()), (mean.clone(), var.clone())))

    def _left(self, index: int) -> Any:
        def hook(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: object) -> None:
            call = self._ended(index)
            if call is None:
                return
            seen, now = self.seen[index], self._norms[index].held_by(module)
            seen.ended += 1
            seen.silent += not call.own
            if not seen.exchanged:
                self._held[index] = now  # some put others in the place of what they held
            if call.x is not None and not seen.transformed and now[0].shape == call.before[0].shape:
                with torch.no_grad():
                    self._judge(call, now, Answered(module, call.x, args, kwargs, output))

        return hook

    def _ended(self, index: int) -> _Call | None:
        """The call of a norm that ends; those inside it that were left by an error end with it."""
        while self._running:
            call = self._running.pop()
            if call.index == index:
                return call
        return None

    def _judge(self, call: _Call, now: tuple[Tensor, Tensor], answered: Answered) -> None:
        """Whose moments did a call store, or what did it normalize?"""
        seen = self.seen[call.index]
        moved = not all(map(torch.equal, call.before, now))
        if moved and not seen.moved:
            seen.moved, seen.stored = True, movement_of(answered.x, call.heard, call.before, now)
        if not (moved or call.own or answered.module.training or is_stock(answered.module)):
            seen.normalizes = normalized_axis(self._norms[call.index], answered)


def _copies(pair: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    return pair[0].clone(), pair[1].clone()


def _is_same(x: Tensor, given: Tensor | None) -> bool:
    """Whether an operator is given just what its norm was."""
    if given is None or is_transformed(x) or is_transformed(given):
        return given is x
    return x.shape == given.shape and (x.data_ptr() == given.data_ptr() or torch.equal(x, given))
