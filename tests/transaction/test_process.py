"""What torch keeps for a process or a thread goes back, whoever left it, and only that."""

import contextlib
import dis
import sys

import pytest
import torch
from torch import nn
from torch.overrides import TorchFunctionMode, _get_current_function_mode_stack
from torch.utils._python_dispatch import TorchDispatchMode, _get_current_dispatch_mode_stack, is_in_torch_dispatch_mode

from batchnorm.transaction import all_or_nothing, transaction, verb

from .picture import picture


class Functions(TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        return func(*args, **(kwargs or {}))


class Operators(TorchDispatchMode):
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return func(*args, **(kwargs or {}))


ENTERED = {
    "no gradients": torch.no_grad,
    "inference mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu"),
    "function mode": Functions,
    "dispatch mode": Operators,
    "no functions": torch._C.DisableTorchFunction,
    "saved tensors": lambda: torch.autograd.graph.saved_tensors_hooks(lambda x: x, lambda x: x),
}


def state():
    return (
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.is_autocast_enabled("cpu"),
        torch.is_autocast_cache_enabled(),
        _get_current_function_mode_stack(),
        _get_current_dispatch_mode_stack(),
        is_in_torch_dispatch_mode(),
        torch._C._get_torch_function_state(),
        torch._C._autograd._top_saved_tensors_default_hooks(True),
        torch.get_default_dtype(),
    )


@pytest.mark.parametrize("what", ENTERED)
@pytest.mark.parametrize("around", ["transaction", "verb", "all_or_nothing"])
def test_what_was_entered_inside_and_never_left_is_left(what, around):
    before, entered = state(), ENTERED[what]()

    def block():
        entered.__enter__()
        assert state() != before
        raise KeyboardInterrupt("inside")

    def within():
        with transaction(nn.Identity()) if around == "transaction" else all_or_nothing():
            block()

    with pytest.raises(KeyboardInterrupt, match="inside"):
        verb(block)() if around == "verb" else within()
    assert state() == before


@pytest.mark.parametrize("kind", [Functions, Operators])
def test_a_mode_of_the_users_around_it_stays_and_comes_back_if_it_was_taken_off(kind):
    with kind() as mode:
        with transaction(nn.Identity()):
            mode.__exit__(None, None, None)
        stack = _get_current_function_mode_stack() if kind is Functions else _get_current_dispatch_mode_stack()
        assert stack == [mode]
        if kind is Operators:  # as its own __exit__ will find it
            mode.old_dispatch_mode_flags.append(False)
            mode.old_non_infra_dispatch_mode_flags.append(False)
            mode.old_without_ignore_compile_internals_dispatch_mode_flags.append(False)


def test_the_default_dtype_comes_back():
    with transaction(nn.Identity()):
        torch.set_default_dtype(torch.float64)
    assert torch.get_default_dtype() == torch.float32


@contextlib.contextmanager
def taken_off():
    """Takes a mode off for a while, as torch does in a call, and is struck at once."""
    mode = torch._C._pop_torch_function_stack()
    try:
        yield
    finally:
        torch._C._push_on_torch_function_stack(mode)


def struck_behind_the_yield(manager):
    """Enter a context manager, and hear Ctrl-C before its `__enter__` has returned."""

    edge = contextlib._GeneratorContextManager.__enter__.__code__

    def strike(frame, event, _):
        if frame.f_code is not edge:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode" and edge.co_code[frame.f_lasti] == dis.opmap["RETURN_VALUE"]:
            raise KeyboardInterrupt("at the edge")
        return strike

    outer = sys.gettrace()
    sys.settrace(strike)
    try:
        manager.__enter__()
    finally:
        sys.settrace(outer)


def test_a_context_manager_that_was_struck_at_its_edge_puts_nothing_back_when_all_is_over():
    @verb
    def run():
        Functions().__enter__()
        struck_behind_the_yield(taken_off())

    caught = None
    try:
        run()
    except KeyboardInterrupt as error:
        caught = error
    assert str(caught) == "at the edge"
    assert _get_current_function_mode_stack() == []
    del caught  # with it goes the traceback, and whatever waited in its frames
    assert _get_current_function_mode_stack() == []


@verb
def keeping(model, *, fail):
    with transaction(model) as change:
        model.running_mean.fill_(3.0)
        change.keep(model.running_mean)
    if fail:
        raise KeyboardInterrupt("behind it")


def test_what_was_kept_goes_back_when_the_verb_around_it_fails_afterwards():
    model = nn.BatchNorm1d(3)
    before = picture(model)
    with pytest.raises(KeyboardInterrupt, match="behind it"):
        keeping(model, fail=True)
    assert picture(model) == before
    keeping(model, fail=False)
    assert model.running_mean.tolist() == [3.0] * 3


def test_a_block_that_ended_is_revoked_when_the_verb_around_it_fails_afterwards():
    done = []

    @verb
    def run():
        with all_or_nothing() as undo:
            undo.add(lambda: done.append("revoked"))
        assert done == []
        raise MemoryError("behind it")

    with pytest.raises(MemoryError, match="behind it"):
        run()
    assert done == ["revoked"]


def test_a_verb_that_ends_revokes_nothing_whatever_fails_around_it():
    done = []

    @verb
    def inner():
        with all_or_nothing() as undo:
            undo.add(lambda: done.append("revoked"))

    @verb
    def outer():
        inner()
        raise ValueError("outside")

    with pytest.raises(ValueError, match="outside"):
        outer()
    assert done == []
