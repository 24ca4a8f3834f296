"""How do several batches move the running statistics together, as one?"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from operator import index
from traceback import walk_stack
from types import FrameType
from typing import SupportsIndex

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from ...errors import InputError, InputTypeError, RefusedError
from ...nn import is_recomputing
from ...norms import Norm, is_frozen, is_norm, is_stock, keep_out_of_copies
from ...transaction import Attributes, attributes, block
from ._laid import lay_on_all, norms_of
from ._window import Forwards, Window, is_replica


@block
def accumulate_statistics(model: nn.Module, steps: int) -> Iterator[None]:
    """Move the running statistics once for every `steps` forwards inside a `with` block, by all their batches together.

        count, mean, M2 = merged over the batches of `steps` forwards
        running_mean = (1 - momentum) * running_mean + momentum * mean
        running_var  = (1 - momentum) * running_var  + momentum * M2 / (count - 1)
        num_batches_tracked += 1

    For gradient accumulation: without it, four small batches per update move the statistics four times, and their
    variance misses what lies between the batches. Each batch still normalizes by itself; what is mended are the
    statistics that evaluation uses.

    Each norm counts the forwards of `model` in which it is called, in training; the calls of one forward count
    together. Where a part of the model is called by itself, each call counts. A window that is not complete when the
    block ends moves the statistics by what is there, and is dropped if an exception ends the block. Forwards that
    activation checkpointing runs again count for nothing while the block lasts; where `backward()` comes behind it,
    norms that are not of this library need `checkpoint_safe`. Moments are merged in float64, and nothing is read back
    from the device.

    Blocks may stand in each other, in any order. A copy of the model that is made inside is an ordinary one. What
    `torch.compile` has made of the model is compiled anew for the block, once.

    Args:
        model: any module with batch norm of torch, timm or this library; the modules that are its children when the
            block begins are meant.
        steps: how many forwards move the statistics together.

    Raises:
        InputTypeError: no module; `steps` is no integer.
        InputError: `steps` is below 1; the model has no batch norm that keeps running statistics, or none moves them.
        RefusedError: a norm has a forward of its own, so that nobody knows of how many values its moments are; a lazy
            one has seen no batch yet; one is of an exported graph, which does not call it.

    Example:
        >>> import torch
        >>> norm = nn.BatchNorm1d(1, momentum=1.0)
        >>> with accumulate_statistics(norm, 2):
        ...     _ = norm(torch.tensor([[0.0], [2.0]]))
        ...     _ = norm(torch.tensor([[4.0], [6.0]]))
        >>> norm.running_mean, norm.running_var, norm.num_batches_tracked
        (tensor([3.]), tensor([6.6667]), tensor(1))

    Source: Chan, Golub, LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979, for
    the merge; https://github.com/pytorch/pytorch/issues/46516
    """
    steps = _checked(steps)
    norms = _moving(norms_of(model, "accumulate_statistics"))
    forwards = Forwards()
    windows = [Window(norm, steps, forwards) for norm in norms]
    with attributes() as change:
        for norm, window in zip(norms, windows, strict=True):
            lay_on_all(change, [norm], window)
        if not is_norm(model):  # there every call is one
            _count(change, model, forwards)
        yield
        for window in windows:
            window.finish()


def _checked(steps: object) -> int:
    """The number of forwards, of Python, NumPy or torch, as one of Python."""
    number = None
    if not isinstance(steps, bool) and isinstance(steps, SupportsIndex):
        with suppress(TypeError):  # a tensor of several, or of fractions
            number = index(steps)
    if number is not None and number >= 1:
        return number
    raise (InputTypeError if number is None else InputError)(
        verb="accumulate_statistics",
        argument="steps",
        expected="how many forwards move the statistics together, an integer of at least 1",
        got=repr(steps)[:100],
        cure="It is the number of batches for each step of the optimizer.",
    )


def _moving(norms: list[Norm]) -> list[Norm]:
    """Those that batches move."""
    moving = [norm for norm in norms if not all(map(_is_constant, norm.modules))]
    _check_counts(moving)
    if not moving:
        raise InputError(
            verb="accumulate_statistics",
            argument="model",
            expected="a model with batch norm whose statistics move",
            got=f"only constants, such as {norms[0].name} ({norms[0].kind})",
            cure="Leave the block out.",
        )
    return moving


def _is_constant(module: nn.Module) -> bool:
    """Whether a norm is frozen: torchvision's and timm's classes that are have no momentum."""
    return is_frozen(module) if not is_stock(module) else not hasattr(module, "momentum")


def _check_counts(norms: list[Norm]) -> None:
    for norm in norms:
        for module in norm.modules:
            if not is_stock(module):
                raise RefusedError(
                    verb="accumulate_statistics",
                    argument="model",
                    expected="batch norm of torch, timm or this library",
                    got=f"{norm.name} ({norm.kind}), which has a forward of its own: of how many values its moments "
                    "are is not known",
                    cure="Replace that layer, or call the function on the parts of the model that do not hold it.",
                )


def _count(change: Attributes, model: nn.Module, forwards: Forwards) -> None:
    """Tell when a forward of the whole model begins and ends; of the end the innermost block hears first.

    Ours is the first of the hooks before it, for torch calls the one behind it where another of them raises, too.
    """
    before = model.register_forward_pre_hook(_Heard(partial(_begin, model, forwards)), prepend=True)
    change.afterwards(partial(_take_away, model, before))
    after = model.register_forward_hook(_Heard(partial(_end, forwards)), prepend=True, always_call=True)
    change.afterwards(partial(_take_away, model, after))
    keep_out_of_copies(model, _Heard.is_one)


def _take_away(model: nn.Module, hook: RemovableHandle) -> None:
    hook.remove()
    keep_out_of_copies(model, _Heard.is_one)


def _begin(model: nn.Module, forwards: Forwards) -> None:
    """One that Ctrl-C has broken off had no hook called at its end, and is on the stack no more."""
    if forwards.depth and not torch.compiler.is_compiling():
        forwards.depth = sum(_is_call(frame, model) for frame, _ in walk_stack(None)) - 1
    forwards.begin()


def _is_call(frame: FrameType, model: nn.Module) -> bool:
    return frame.f_code is nn.Module._call_impl.__code__ and frame.f_locals.get("self") is model


def _end(forwards: Forwards) -> None:
    forwards.end(counts=not is_recomputing())


class _Heard:
    """A hook that tells somebody; where a class copies all that a model holds by itself, nobody."""

    def __init__(self, tell: Callable[[], None] | None = None) -> None:
        self._tell = tell

    def __call__(self, module: object, *given: object) -> None:
        if self._tell is not None and not is_replica(module):  # which run at the same time
            self._tell()

    def __reduce__(self) -> tuple[type["_Heard"], tuple[()]]:
        return _Heard, ()

    @classmethod
    def is_one(cls, hook: object) -> bool:
        """Whether a hook is such a one."""
        return isinstance(hook, cls)
