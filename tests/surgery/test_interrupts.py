"""Whatever a verb is doing when it is interrupted: the model is as before, and so is torch itself."""

import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import pytest
import torch
from torch import nn
from torch.autograd import grad_mode
from torch.overrides import _get_current_function_mode_stack
from torch.utils import _python_dispatch

import batchnorm
from batchnorm.statistics import use_batch_statistics

PACKAGE = str(Path(batchnorm.__file__).parent)
FUNCTIONS = ("_Block.", "verb.<locals>.whole", "block.<locals>.made")
"""Where a real signal is not heard, for nothing is called that is not guarded; a line may raise all the same."""
TIMES = [pytest.param(200, marks=pytest.mark.slow), 5]
X = torch.linspace(-1, 1, 4 * 3 * 6 * 6).reshape(4, 3, 6, 6).sin()


@pytest.fixture(autouse=True, scope="module")
def _small_tensors(one_thread: None) -> None:
    """All tests of this file run in one thread."""


@pytest.fixture(autouse=True)
def _other_tests_record_gradients() -> Iterator[None]:
    """Whatever fails here is not to fail elsewhere."""
    yield
    torch.set_grad_enabled(True)


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, told apart from the others."""


class Net(nn.Module):
    """Two folds, one norm that stays, a list that grows, chance, and a way out of torch."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4)
        self.last, self.last_norm = nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)
        self.alone = nn.BatchNorm2d(4)
        self.kept = []

    def forward(self, x):
        x = self.norm(self.conv(x)).relu()
        self.kept.append(x)
        x = self.last_norm(self.last(x)).sigmoid()
        return self.alone(x).relu() + (0 if self.alone.training else torch.rand(()))


def make() -> nn.Module:
    torch.manual_seed(0)
    model = Net()
    for norm in (model.norm, model.last_norm, model.alone):
        norm.running_mean.uniform_(-1, 1)
        norm.running_var.uniform_(0.5, 2)
    return model.eval()


def folded() -> nn.Module:
    model = make()
    batchnorm.fold(model, X, verify=False)
    return model


def frozen() -> nn.Module:
    model = make()
    batchnorm.freeze(model, affine=True)
    return model


def converted() -> nn.Module:
    model = make()
    batchnorm.statistics.checkpoint_safe(model)
    batchnorm.convert(model, "frozen")
    return model


def by_batches(model: nn.Module) -> None:
    with use_batch_statistics(model):
        model(X)


VERBS: dict[str, tuple[Callable[[], nn.Module], Callable[[nn.Module], object]]] = {
    "trace": (make, lambda model: batchnorm.trace(model, X)),
    "fold": (make, lambda model: batchnorm.fold(model, X)),
    "unfold": (folded, batchnorm.unfold),
    "average": (make, lambda model: batchnorm.recalibrate(model, [X])),
    "exact": (make, lambda model: batchnorm.recalibrate(model, [X, X + 1], method="exact")),
    "use_batch_statistics": (make, by_batches),
    "freeze": (make, lambda model: batchnorm.freeze(model, affine=True)),
    "unfreeze": (frozen, batchnorm.unfreeze),
    "convert": (converted, lambda model: batchnorm.convert(model, "group")),
    "convert and prove": (make, lambda model: batchnorm.convert(model, example_inputs=X)),
    "revert": (converted, batchnorm.revert),
}


def picture(model: nn.Module) -> dict[str, object]:
    """All that a verb could change, by the objects that hold it and by their bits."""
    modules = [(name, id(module), type(module), {**vars(module)}) for name, module in model.named_modules()]
    tensors = [*model.named_parameters(remove_duplicate=False), *model.named_buffers(remove_duplicate=False)]
    return {
        "modules": [(name, number, kind, module_picture(held)) for name, number, kind, held in modules],
        "tensors": [(name, id(tensor), tensor.detach().numpy().tobytes()) for name, tensor in tensors],
        "random": torch.get_rng_state().numpy().tobytes(),
        "torch": process(),
    }


def module_picture(held: dict[str, object]) -> dict[str, object]:
    held.pop("kept", None)  # use_batch_statistics leaves what the model's forward keeps
    return {
        name: (id(value), list(value) if isinstance(value, dict | set | list) else None)
        for name, value in held.items()
        if name != "_batchnorm_folds"
    } | {"folds": len(held.get("_batchnorm_folds", ()))}


def process() -> dict[str, object]:
    top = torch._C._autograd._top_saved_tensors_default_hooks(True)
    flags = ("_is_in_torch_dispatch_mode", "_is_in_non_infra_torch_dispatch_mode")
    compiler = sys.modules.get("torch._dynamo.eval_frame")
    return {
        "grad": torch.is_grad_enabled(),
        "inference": torch.is_inference_mode_enabled(),
        "functions": _get_current_function_mode_stack(),
        "dispatch": _python_dispatch._get_current_dispatch_mode_stack(),
        "flags": [getattr(_python_dispatch, flag) for flag in flags],
        "torch function": torch._C._get_torch_function_state(),
        "saved": top,
        "stance": compiler and compiler._stance,
        "autocast": torch.is_autocast_enabled("cpu"),
    }


class Lines:
    """Raises at the n-th line that is run in the package, or in another place, once; or counts the lines."""

    def __init__(self, at: int = 0, place: str = PACKAGE, kind: type[BaseException] = Interrupted) -> None:
        self.at, self.count, self.place, self.kind = at, 0, place, kind

    def __call__(self, frame: FrameType, event: str, _: object) -> "Lines | None":
        code = frame.f_code
        if not code.co_filename.startswith(self.place) or code.co_qualname.startswith(FUNCTIONS):
            return None
        if event == "line":
            self.count += 1
            if self.count == self.at:
                raise self.kind(f"{code.co_filename}:{frame.f_lineno}")
        return self

    def run(self, block: Callable[[], object]) -> BaseException | None:
        outer = sys.gettrace()
        sys.settrace(self)
        try:
            block()
        except self.kind as error:
            return error
        finally:
            sys.settrace(outer)
        return None


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("verb", VERBS)
def test_an_interrupt_at_evenly_spaced_lines_leaves_the_model_and_torch_as_before(verb, times):
    build, run = VERBS[verb]
    run(build())  # what is imported meanwhile is not counted
    spare, model, counter, struck = build(), build(), Lines(), 0
    counter.run(lambda: run(spare))
    for number in range(times):
        before = picture(model)
        error = Lines(1 + number * counter.count // times).run(lambda: run(model))  # noqa: B023  # run at once
        struck += error is not None
        assert picture(model) == before or error is None, error
        model = model if error else build()
    assert struck > 0.9 * times


@pytest.mark.parametrize("verb", ["trace", "fold", "average", "exact"])
def test_an_interrupt_while_torch_enters_or_leaves_one_of_its_modes_leaves_the_model_and_torch_as_before(verb):
    build, run = VERBS[verb]
    run(build())
    modes, spare, model = str(Path(grad_mode.__file__)), build(), build()
    counter = Lines(place=modes)
    counter.run(lambda: run(spare))
    for number in range(1, counter.count + 1, 1 + counter.count // 25):
        before = picture(model)
        # The text alone: what was struck goes away with its traceback.
        error = repr(Lines(number, modes).run(lambda: run(model)))
        assert picture(model) == before, error


def is_inside(frame: FrameType | None, verb: str) -> bool:
    """Whether the verb is running, so that what is raised now is raised by it."""
    while frame is not None:
        code = frame.f_code
        if code.co_qualname in ("verb.<locals>.whole", "by_batches"):
            return True
        frame = frame.f_back
    return False


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # a signal that strikes in a `__del__`
@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("verb", VERBS)
def test_a_signal_at_a_random_time_leaves_the_model_and_torch_as_before(verb, times):
    build, run = VERBS[verb]
    run(build())  # what is imported meanwhile takes its time once
    spare = build()
    start = time.perf_counter()
    run(spare)
    seconds = time.perf_counter() - start
    model, chance, struck = build(), random.Random(times), 0  # noqa: S311  # when to strike, not a secret

    def strike(number: int, frame: FrameType | None) -> None:
        if is_inside(frame, verb):
            raise Interrupted(f"{frame.f_code.co_filename}:{frame.f_lineno}")

    former = signal.signal(signal.SIGALRM, strike)
    try:
        while struck < times:
            before = picture(model)
            signal.setitimer(signal.ITIMER_REAL, chance.uniform(1e-5, seconds))
            error = None
            try:
                run(model)
            except Interrupted as raised:
                error = str(raised)  # a `with` that was struck at its very end is left when nobody holds its traceback
            signal.setitimer(signal.ITIMER_REAL, 0)
            struck += error is not None
            assert picture(model) == before or error is None, error
            model = model if error else build()
    finally:
        signal.signal(signal.SIGALRM, former)
