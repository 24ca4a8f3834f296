"""Whatever is raised wherever, nothing of the transaction stays: at every call, at every line, and twice."""

import gc
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import batchnorm.transaction
from batchnorm.transaction import attributes, rng_state, same_rng, transaction
from batchnorm.transaction._undo import Undo

from .picture import disturb, make, picture, picture_of_chance, x

ROOM = Path(batchnorm.transaction.__file__).parent
FILES = {str(path) for path in ROOM.glob("*.py")}
DEAF = ("_Block.", "verb.<locals>.whole", "block.<locals>.made")
"""Where a real signal is not heard, for nothing is called that is not guarded; a line may raise all the same."""
EVERY = [pytest.param(1, marks=pytest.mark.slow), 13]


class Left(BaseException):
    """What leaves a forward on purpose."""


class Wire:
    """Raises at its n-th call, once."""

    def __init__(self, at: int, error: type[BaseException]) -> None:
        self.calls, self.at, self.error = 0, at, error

    def step(self, *_: object) -> None:
        self.calls += 1
        if self.calls == self.at:
            raise self.error("tripped")


class Tripping(nn.Module):
    """A layer whose forward may raise, after it has changed itself."""

    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self.trip = wire.step  # a method: what it counts is not the model's
        self.register_buffer("seen", torch.zeros(4))

    def forward(self, x: Tensor) -> Tensor:
        self.seen += x.detach().mean(0)
        self.trip()
        self.last = x
        return x


def round_of_everything(model: nn.Sequential, wire: Wire) -> None:
    """Two forwards under hooks, every module set, a backward, a keep: with a place to trip between all of them."""
    with transaction(model) as change:
        wire.step()
        for module in change.module.modules():
            change.set(module, "training", False)
            wire.step()
        for module in (model[1], model[2]):
            change.on_input(module, wire.step)
            change.on_output(module, wire.step)
        model(x())
        wire.step()
        model(x() + 1).sum().backward()
        disturb_norm(model[1])
        wire.step()
        change.keep(model[1].running_mean)
        wire.step()
        model[1].running_mean += 1


def disturb_norm(norm: nn.Module) -> None:
    norm.running_mean.fill_(3.0)
    norm.running_var = torch.ones(4)
    norm.num_batches_tracked += 1


def tripping(wire: Wire) -> nn.Sequential:
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), Tripping(wire), nn.Dropout(), Tripping(wire))
    model(x()).sum().backward()
    return model.train()


def places() -> int:
    """How many places there are to trip at, of which the first two are in the making."""
    wire = Wire(0, Left)
    round_of_everything(tripping(wire), wire)
    return wire.calls


PLACES = range(3, places() + 1)


def test_there_are_places_in_the_body_in_both_forwards_and_in_the_hooks_of_both():
    assert len(PLACES) == 1 + 6 + 2 * (2 + 2 + 2) + 1 + 1 + 1


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, Left])
def test_what_is_raised_at_any_step_of_the_work_leaves_no_trace_and_passes_through(error, place):
    wire = Wire(place, error)
    model = tripping(wire)
    before = picture(model)
    with pytest.raises(error, match="tripped"):
        round_of_everything(model, wire)
    assert picture(model) == before


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, told apart from the others."""


class Tracer:
    """Raises at the n-th line that is run in the room, once; or counts the lines."""

    def __init__(self, at: int | None = None) -> None:
        self.at, self.lines, self.raised = at, 0, False

    def __call__(self, frame: object, event: str, _: object) -> Callable[..., object] | None:
        if frame.f_code.co_filename not in FILES or frame.f_code.co_qualname.startswith(DEAF):
            return None
        if event == "line":
            self.lines += 1
            if self.lines == self.at:
                self.raised = True
                raise Interrupted(f"line {frame.f_code.co_filename}:{frame.f_lineno}")
        return self

    def run(self, block: Callable[[], object]) -> BaseException | None:
        """Run the block under the trace; what it raised, with the frames: nothing is put back by their going away."""
        outer = sys.gettrace()
        sys.settrace(self)
        try:
            block()
        except (Interrupted, ValueError) as error:
            return error
        finally:
            sys.settrace(outer)
        return None


def small() -> nn.Sequential:
    model = nn.Sequential(nn.BatchNorm1d(4))
    model[0].weight.grad = torch.ones(4)
    model[0].register_forward_pre_hook(lambda module, args: None)
    return model


def work(model: nn.Sequential, *, fail: bool) -> None:
    with transaction(model) as change:
        change.evaluate()
        change.on_input(model[0], lambda module, args: None)
        disturb_norm(model[0])
        torch.rand(1)
        if fail:
            raise ValueError("from the block")


@pytest.mark.parametrize("fail", [False, True], ids=["the block ends", "the block raises"])
@pytest.mark.parametrize("every", EVERY, ids=lambda every: f"every {every}")
def test_an_interrupt_at_any_line_of_the_transaction_itself_leaves_no_trace(fail, every):
    model = small()
    before = picture(model)
    counter = Tracer()
    counter.run(lambda: work(model, fail=fail))
    assert counter.lines > 100
    for line in range(1, counter.lines + 1, every):
        tracer = Tracer(line)
        error = tracer.run(lambda: work(model, fail=fail))
        assert tracer.raised
        assert isinstance(error, Interrupted)
        assert picture(model) == before, f"{line}: {error}"


def keeping(model: nn.Sequential) -> None:
    with transaction(model) as change:
        disturb_norm(model[0])
        change.keep(model[0].running_mean)


@pytest.mark.parametrize("every", EVERY, ids=lambda every: f"every {every}")
def test_an_interrupt_at_any_line_keeps_all_that_was_to_be_kept_or_nothing(every):
    counter = Tracer()
    kept = small()
    counter.run(lambda: keeping(kept))
    outcomes = []
    for line in range(1, counter.lines + 1, every):
        model = small()
        before = picture(model)
        old = model[0].running_mean.clone()
        error = Tracer(line).run(lambda model=model: keeping(model))
        assert isinstance(error, Interrupted)
        outcomes.append(torch.equal(model[0].running_mean, torch.full((4,), 3.0)))
        model[0].running_mean.copy_(old)
        assert picture(model) == before, f"{line}: {error}"
    # Once it keeps, it keeps; and nothing but the very end is behind that.
    assert sorted(outcomes) == outcomes
    assert sum(outcomes) <= 3


def drawing(state: object) -> None:
    with same_rng(state):
        torch.rand(1)


def setting(norm: nn.Module) -> None:
    with attributes() as change:
        change.set(norm, "momentum", None)
        change.set(norm, "fresh", 1)


@pytest.mark.parametrize("every", EVERY, ids=lambda every: f"every {every}")
def test_an_interrupt_at_any_line_leaves_the_generators_as_they_were(every):
    state = rng_state()
    torch.rand(1)
    counter, before = Tracer(), picture_of_chance()
    counter.run(lambda: drawing(state))
    for line in range(1, counter.lines + 1, every):
        error = Tracer(line).run(lambda: drawing(state))
        assert isinstance(error, Interrupted)
        assert picture_of_chance() == before, f"{line}: {error}"


@pytest.mark.parametrize("every", EVERY, ids=lambda every: f"every {every}")
def test_an_interrupt_at_any_line_leaves_the_attributes_as_they_were(every):
    norm = nn.BatchNorm1d(4)
    counter, before = Tracer(), picture(norm)
    counter.run(lambda: setting(norm))
    for line in range(1, counter.lines + 1, every):
        error = Tracer(line).run(lambda: setting(norm))
        assert isinstance(error, Interrupted)
        assert picture(norm) == before, f"{line}: {error}"


def test_a_real_ctrl_c_in_the_middle_of_a_forward_leaves_no_trace():
    model = make()
    before = picture(model)

    def press(module: nn.Module, args: object) -> None:
        signal.raise_signal(signal.SIGINT)

    def block() -> None:
        with transaction(model) as change:
            change.evaluate()
            change.on_input(model[4], press)
            model(x())

    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        block()
    assert picture(model) == before


class Fragile(Tensor):
    """A buffer that raises when it is written into, a number of times."""

    times = 0
    error: type[BaseException] = KeyboardInterrupt

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func is Tensor.copy_ and cls.times:
            cls.times -= 1
            raise cls.error("while putting back")
        return super().__torch_function__(func, types, args, kwargs or {})


@pytest.fixture
def fragile():
    model = make()
    model.register_buffer("fragile", torch.zeros(3).as_subclass(Fragile))
    yield model
    Fragile.times, Fragile.error = 0, KeyboardInterrupt


def disturb_all(model: nn.Sequential) -> None:
    model.fragile.fill_(1.0)
    disturb(model)


def written(model: nn.Sequential) -> None:
    with transaction(model) as change:
        disturb_all(model)
        change.keep(model[1].running_mean)
        Fragile.times = 2


def test_an_interrupt_while_a_buffer_is_put_back_is_raised_when_all_is_back_also_what_was_to_be_kept(fragile):
    before = picture(fragile)
    with pytest.raises(KeyboardInterrupt, match="while putting back"):
        written(fragile)
    assert Fragile.times == 0
    assert picture(fragile) == before


def test_a_second_interrupt_while_the_first_is_answered_changes_nothing(fragile):
    before = picture(fragile)

    def block() -> None:
        with transaction(fragile):
            disturb_all(fragile)
            Fragile.times = 1
            raise KeyboardInterrupt("the first")

    with pytest.raises(KeyboardInterrupt, match="while putting back") as caught:
        block()
    assert str(caught.value.__context__) == "the first"
    assert picture(fragile) == before


def test_an_ordinary_exception_that_does_not_come_again_is_not_worth_telling(fragile):
    Fragile.error = OSError
    before = picture(fragile)
    with transaction(fragile):
        disturb_all(fragile)
        Fragile.times = 2
    assert picture(fragile) == before


def test_what_cannot_be_put_back_is_told_and_all_else_is_back(fragile):
    Fragile.error = OSError
    before = picture(fragile)

    def block() -> None:
        with transaction(fragile):
            disturb_all(fragile)
            Fragile.times = 1000

    with pytest.raises(OSError, match="while putting back"):
        block()
    assert torch.equal(torch.Tensor(fragile.fragile), torch.ones(3))
    Fragile.times = 0
    fragile.fragile.zero_()
    assert picture(fragile) == before


def test_a_step_that_is_interrupted_again_and_again_is_run_until_its_end_and_the_first_interrupt_is_raised():
    undo, ran = Undo(), []

    def interrupted() -> None:
        ran.append("interrupted")
        if ran.count("interrupted") < 4:
            raise KeyboardInterrupt(f"number {ran.count('interrupted')}")

    undo.add(lambda: ran.append("other"))
    undo.add(interrupted)
    with pytest.raises(KeyboardInterrupt, match="number 1"):
        undo.run()
    assert ran == ["interrupted", "other", *["interrupted"] * 3]


def test_a_step_that_never_ends_does_not_keep_the_others_from_running():
    undo, ran = Undo(), []

    def broken() -> None:
        ran.append("broken")
        raise OSError("for ever")

    undo.add(lambda: ran.append("first"))
    undo.add(broken)
    undo.add(lambda: ran.append("last"))
    with pytest.raises(OSError, match="for ever"):
        undo.run()
    assert ran[:3] == ["last", "broken", "first"]
    assert set(ran[3:]) == {"broken"}


def test_a_generator_that_is_never_finished_puts_back_when_it_is_dropped():
    model = make()
    before = picture(model)
    block = transaction(model)
    block.__enter__()
    disturb(model)
    del block
    gc.collect()
    assert picture(model) == before
