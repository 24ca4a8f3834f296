"""How is a model called with what somebody gives as a batch or as an example? The one place where that is decided."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence
from torch.optim.swa_utils import AveragedModel

from ..errors import ForPython, InputError, InputTypeError
from ._call import Call, ForwardFn
from ._leaves import leaves_of
from ._no_example import refuse_no_example

_HOW = ForPython("Say how the model is called with it: forward_fn=lambda model, batch: ...")


class Room(NamedTuple):
    """How many positional arguments a forward needs, and how many it takes; at least one, for something is given."""

    needed: int
    taken: int


class Reader:
    """Reads batches and examples for one model.

    =====================  =====================================================================================
    given                  the model is called with
    =====================  =====================================================================================
    a tensor               that tensor
    a dict                 its entries as keyword arguments
    a tuple                its members as positional arguments: of a loader's batch as many as the forward needs, for
                           labels come behind them; of an example, which was written for the model, as many as it takes
    a list                 a batch: as a tuple, which is what a DataLoader makes lists of; in the place of one example
                           it may also be several, if each member can be one by itself
    another object         that object, if tensors are found in it (a graph, a dataclass)
    anything, forward_fn   `forward_fn(model, given)`
    =====================  =====================================================================================

    Args:
        model: whose forward says how many arguments it takes.
        verb: whose mistakes are told.
        forward_fn: the caller's own way.
    """

    def __init__(self, model: nn.Module, verb: str, forward_fn: ForwardFn | None = None) -> None:
        self.verb = verb
        self.forward_fn = forward_fn
        self._signature = _signature(model)
        self._room = _room(self._signature)

    def batch(self, raw: Any) -> Call:
        """Read what a loader gave.

        Raises:
            InputTypeError: it is nothing that a model can be called with, or has a key that its forward does not take.
        """
        if self.forward_fn is not None:
            return Call((raw,), {}, self.forward_fn)
        if isinstance(raw, Mapping):
            return self._checked(Call((), {str(key): value for key, value in raw.items()}))
        given = raw[: self._room.needed] if type(raw) in (tuple, list) or _is_named(raw) else (raw,)
        if given and _holds_tensors(given[0]):
            return Call((*given,), {})
        raise InputTypeError(
            verb=self.verb,
            argument="loader",
            expected=(
                "batches that are a tensor, a tuple or list with the tensor first, a dict of keyword arguments, or an "
                "object with tensors in it"
            ),
            got=_got(raw),
            cure=_HOW,
        )

    def beside(self, raw: Any) -> tuple[Any, ...]:
        """What a loader's tuple or list holds behind the model's arguments, such as labels; nothing of other batches.

        With an own `forward_fn` nobody knows what it takes: of two members it is the second.

        Example:
            >>> Reader(nn.Bilinear(2, 2, 1), "evaluate").beside(["left", "right", "label"])
            ('label',)
        """
        if type(raw) not in (tuple, list) and not _is_named(raw):
            return ()
        if self.forward_fn is None:
            return tuple(raw[self._room.needed :])
        return tuple(raw[1:]) if len(raw) == 2 else ()

    def example(self, raw: Any) -> Call:
        """Read what a caller gave as the arguments of one call.

        Raises:
            InputTypeError: it is nothing that a model can be called with.

        Example:
            >>> import torch
            >>> reader = Reader(nn.Bilinear(2, 2, 1), "fold")
            >>> reader.example((torch.zeros(1, 2), torch.ones(1, 2), "label")).args
            (tensor([[0., 0.]]), tensor([[1., 1.]]))
            >>> reader.example({"input1": 1, "input2": 2}).kwargs
            {'input1': 1, 'input2': 2}
        """
        if isinstance(raw, Mapping):
            return self._checked(Call((), {str(key): value for key, value in raw.items()}))
        refuse_no_example(raw, self.verb, self._room.taken)
        if type(raw) in (tuple, list) or _is_named(raw):
            return Call((*raw[: self._room.taken],), {})
        if _holds_tensors(raw):
            return Call((raw,), {})
        raise InputTypeError(
            verb=self.verb,
            argument="example_inputs",
            expected=(
                "an example that is a tensor, a tuple of the model's arguments, a dict of its keyword arguments, or an "
                "object with tensors in it"
            ),
            got=type(raw).__name__,
            cure=ForPython(
                f"Pass what the model is called with: {self.verb}(model, torch.randn(1, 3, 224, 224))",
                otherwise="Pass what the model is called with.",
            ),
        )

    def examples(self, raw: Any) -> tuple[Call, ...]:
        """Read one example, or a list of several.

        Raises:
            InputTypeError: one of them is nothing that a model can be called with.
            InputError: the list is empty.
        """
        if not isinstance(raw, list):
            return (self.example(raw),)
        refuse_no_example(raw, self.verb, self._room.taken)
        if not raw:
            raise InputError(
                verb=self.verb,
                argument="example_inputs",
                expected="at least one example",
                got="an empty list",
                cure="Pass what the model is called with.",
            )
        return (self.example(raw),) if self._is_one(raw) else tuple(map(self.example, raw))

    def left_out(self, calls: Sequence[Call]) -> tuple[str, ...]:
        """The optional arguments of the model's forward that none of these calls gives.

        Example:
            >>> import torch
            >>> reader = Reader(nn.MaxUnpool1d(2), "fold")
            >>> reader.left_out([reader.example((torch.zeros(1, 1, 1), torch.zeros(1, 1, 1, dtype=torch.long)))])
            ('output_size',)
        """
        if self._signature is None:
            return ()
        given = {name for call in calls for name in self._signature.bind_partial(*call.args, **call.kwargs).arguments}
        optional = (name for name, one in self._signature.parameters.items() if one.default is not one.empty)
        return tuple(name for name in optional if name not in given)

    def _is_one(self, raw: list[Any]) -> bool:
        """Whether a list is one batch, as a loader gives it, and not several examples."""
        first, *others = raw
        if not isinstance(first, Tensor) or not others:
            return False
        if self._room.needed > 1 and all(isinstance(other, Tensor) for other in others):
            return True
        return any(is_label(other, first) for other in others)

    def _checked(self, call: Call) -> Call:
        """Raise where a dict has an entry that the forward does not take, or lacks one."""
        if self._signature is None:
            return call
        try:
            self._signature.bind(**call.kwargs)
        except TypeError as error:
            is_batch = self.verb in ("recalibrate", "evaluate", "lr_range_test")
            raise InputTypeError(
                verb=self.verb,
                argument="loader" if is_batch else "example_inputs",
                expected=f"a dict of the arguments of the model's forward{self._signature}",
                got=f"one that it does not take: {error}",
                cure=_HOW if is_batch else "Pass what the model is called with, and nothing else.",
            ) from None
        return call


def check_device(calls: Sequence[Call], model: nn.Module, verb: str) -> None:
    """Say it if an example lies on another device than the whole model.

    Raises:
        InputError: it does.
    """
    homes = {tensor.device for tensor in (*model.parameters(), *model.buffers())}
    for call in calls:
        for tensor in call.tensors:
            if len(homes) == 1 and tensor.device not in homes:
                (home,) = homes
                raise InputError(
                    verb=verb,
                    argument="example_inputs",
                    expected=f"examples on the model's device {home}",
                    got=f"one on {tensor.device}",
                    cure=ForPython(f"Move it: example.to({str(home)!r})"),
                )


def _signature(model: nn.Module) -> inspect.Signature | None:
    """That of the model's forward; None where something else is called, or changes the arguments before."""
    while isinstance(model, AveragedModel):
        model = model.module
    if type(model).__call__ is not nn.Module.__call__ or model._forward_pre_hooks:
        return None
    try:
        return inspect.signature(model.forward)
    except (TypeError, ValueError):  # a forward of C++
        return None


def _room(signature: inspect.Signature | None) -> Room:
    if signature is None:
        return Room(1, 1_000)
    needed = taken = 0
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            taken = 1_000
        elif parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            taken += 1
            needed += parameter.default is parameter.empty
    return Room(max(1, needed), max(1, taken))


def _is_named(raw: object) -> bool:
    return isinstance(raw, tuple) and hasattr(raw, "_fields") and not isinstance(raw, PackedSequence)


def is_label(other: object, first: Tensor) -> bool:
    """Whether a member of a list is no second example like the first one, but what a loader gives beside it."""
    if not isinstance(other, Tensor):
        return not _holds_tensors(other)
    if len(other.shape) == 0 or len(first.shape) == 0:
        return False
    flat = other.ndim <= 1 < first.ndim
    return len(other) == len(first) and (flat or first.is_floating_point() > other.is_floating_point())


def _holds_tensors(value: object) -> bool:
    return isinstance(value, Tensor) or bool(leaves_of(value).tensors)


def _got(raw: object) -> str:
    got = type(raw).__name__
    if isinstance(raw, tuple | list):
        got += f" that begins with {type(raw[0]).__name__}" if raw else " that is empty"
    return got
