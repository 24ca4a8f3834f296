"""What does a model do when it is called?"""

import random
from contextlib import ExitStack
from typing import Any

import numpy as np
import torch
from torch import nn

from ..calls import MOST_OF_ITERATOR, Call, Reader, check_device, leaves_of
from ..errors import InputError
from ..transaction import Transaction, original, rng_state, same_rng, transaction, verb
from ._calls import Calls
from ._escapes import Escapes
from ._events import Pass, values_in
from ._functions import Functions
from ._recorder import Recorder
from ._storages import Storages
from ._unseen import check_repeatable, unseen_in
from ._wiring import Wiring

_MOST_PATHS = 32
_OTHER_CHANCES = (20231, 20232, 20233)
"""Seeds that are nobody's first choice, so that the model hardly draws the same again."""


@verb
def trace(model: nn.Module, *example_inputs: object) -> Wiring:
    """Run a model once for each example, and record which module or function produced each tensor, and which used it.

    The pass is in evaluation mode, without gradients, and changes nothing: modes, buffers, hooks and the random state
    are as before. A model that branches on data (`if x.mean() > 0`) is run once more with the other answer, so that
    both branches are seen; a model that draws random numbers is run again with others.

    Args:
        model: a module; in training mode it is traced as in evaluation. `torch.compile` is seen through.
        example_inputs: each the arguments of one call: a tensor, a tuple of arguments, or a dict of keyword arguments
            (`batchnorm.calls.Reader` has the table).

    Raises:
        InputTypeError: an example is none of these.
        InputError: there is no example, or it lies on another device than the model.
        Exception: whatever the model raises.

    Example:
        >>> net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU())
        >>> wiring = trace(net, torch.zeros(1, 1, 5, 5))
        >>> [call.name for call in wiring.calls]
        ['', '0', '1', '2']
        >>> wiring.readers_of("0")
        ('1',)
    """
    reader = Reader(original(model)[0], "trace")
    examples = tuple(reader.example(raw) for raw in example_inputs)
    if not examples:
        raise InputError(
            argument="example_inputs",
            expected="at least one example",
            got="none",
            cure="Pass what the model is called with.",
        )
    return trace_examples(model, examples, "trace")


@verb
def trace_examples(model: nn.Module, examples: tuple[Call, ...], verb: str) -> Wiring:
    """`trace` of examples that have been read, for a verb that stands on it."""
    check_device(examples, model, verb)
    check_repeatable(examples, verb)
    passes: list[Pass] = []
    complete, draws = True, False
    with torch.inference_mode(mode=False), torch.no_grad(), transaction(model, scripts=True) as change:
        if change.module.training:
            change.evaluate()
        for example in examples:
            found, all_of_them, by_chance = _paths(change, example)
            passes += found
            complete &= all_of_them
            draws |= by_chance
        unseen = tuple(dict.fromkeys(part for example in examples for part in unseen_in(example)))
        return Wiring(change.module, tuple(passes), change.notes, complete=complete, unseen=unseen, draws=draws)


def one_pass(change: Transaction, call: Call) -> Pass:
    """What the model does with one call, in the modes that it is in, by the one way that its data open."""
    return _run(change, call, frozenset())[0]


def _paths(change: Transaction, example: Call) -> tuple[list[Pass], bool, bool]:
    """Every way through the model that an answer of the data can open, whether these are all, and whether it draws."""
    seen, asked, drew = _run(change, example, frozenset())
    found, waiting, tried, complete = [seen], [(frozenset[int](), asked)], 1, True
    if drew:
        found += [_run(change, example, frozenset(), seed)[0] for seed in _OTHER_CHANCES]
    while waiting:
        flips, questions = waiting.pop()
        # Each set of answers is reached once: a flip is added behind the last one only.
        for place in range(max(flips, default=-1) + 1, questions):
            if tried == _MOST_PATHS:
                return found, False, drew
            tried += 1
            other = flips | {place}
            try:
                seen, asked, _ = _run(change, example, other)
            except _DeadEnd as end:
                # An assertion of the model's lets nobody pass; but who was on a way may be stopped by the wrong data.
                complete &= not end.went_on
            else:
                found.append(seen)
                waiting.append((other, asked))
    return found, complete, drew


def _run(change: Transaction, example: Call, flips: frozenset[int], seed: int | None = None) -> tuple[Pass, int, bool]:
    """One forward, how many questions of yes or no were asked of the data, and whether chance was used."""
    seen, storages, module = Pass(), Storages(), change.module
    for name, tensor in _named_tensors(module):
        value = storages.value(tensor)
        if value is not None:
            seen.tensors.setdefault(value.storage, []).append(name)
            seen.values[name] = value
    devices = {tensor.device for _, tensor in _named_tensors(module)}
    calls = Calls(module)
    recorder = Recorder(seen, storages, calls.stack, flips)
    with ExitStack() as held:
        held.enter_context(same_rng(rng_state(devices)))
        if seed is not None:
            _draw_others(seed)
        chance = rng_state(devices)
        held.callback(_take_hooks_away, _hooks_of(module))
        example = example.copied()
        seen.inputs = frozenset(value.storage for value in values_in(recorder.described(example.tensors)))
        recorder.of_data |= seen.inputs
        recorder.meet(seen.inputs | seen.tensors.keys())
        recorder.meet(value.storage for value in values_in(recorder.described(_constants(module))))
        calls.watch(recorder)
        with recorder, Escapes(recorder), Functions(recorder):
            try:
                result = leaves_of(example.run(module), most_of_iterator=MOST_OF_ITERATOR)
            except Exception as error:
                if flips:
                    raise _DeadEnd(went_on=recorder.went_on) from error
                raise
        seen.results = frozenset(value.storage for value in values_in(recorder.described(result.tensors)))
        seen.unread = tuple(str(part) for part in result.closed if hasattr(part.value, "__next__"))
        # While the result is still held: an object of somebody's may hold tensors that nobody can see.
        seen.alive = storages.alive()
        drew = chance.has_moved()
        seen.draws_outside_torch = chance.has_moved_outside_torch()
    return seen, recorder.questions, drew


class _DeadEnd(Exception):  # noqa: N818  # no error: the model was told what is not so
    """The model raised after it had been given a wrong answer; `went_on` if it did something before."""

    def __init__(self, *, went_on: bool) -> None:
        super().__init__()
        self.went_on = went_on


def _draw_others(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)  # the global generator is what a model draws from
    torch.manual_seed(seed)


def _constants(model: nn.Module) -> list[torch.Tensor]:
    """The tensors that modules hold as plain attributes."""
    torchs = vars(nn.Module()).keys()
    held = [value for module in model.modules() for name, value in vars(module).items() if name not in torchs]
    return leaves_of(held).tensors


def _named_tensors(module: nn.Module) -> list[tuple[str, torch.Tensor]]:
    parameters = module.named_parameters(remove_duplicate=False)
    return [*parameters, *module.named_buffers(remove_duplicate=False)]


_TABLES = (
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
)


def _hooks_of(model: nn.Module) -> list[tuple[dict[int, Any], dict[int, Any]]]:
    """The tables of hooks, and what is in them; torch keeps a handle on the tables themselves."""
    return [(vars(module)[name], dict(vars(module)[name])) for module in model.modules() for name in _TABLES]


def _take_hooks_away(tables: list[tuple[dict[int, Any], dict[int, Any]]]) -> None:
    for table, before in tables:
        for key in [key for key in table if key not in before]:
            del table[key]
