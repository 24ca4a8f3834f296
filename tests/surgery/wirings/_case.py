"""What is a wiring? A small model, inputs that lead it everywhere, and what may become of each of its norms."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

FOLDED = frozenset({"folded"})
"""An exact rule exists."""
SCALE_SHIFTED = frozenset({"scale-shifted"})
"""No rule is exact, and nothing keeps the norm from becoming one multiply-add."""
LEFT = frozenset({"left"})
"""The norm cannot be replaced, or is no function of constants."""
SHIFT = frozenset({"shift"})
"""The scale goes into the weight; the shift stays in the norm's place."""
ABSENT = frozenset({"absent"})
"""The report need not name it."""
NOT_FOLDED = SCALE_SHIFTED | LEFT
"""Folding would be wrong, or could not be known to be right."""
EITHER = FOLDED | SCALE_SHIFTED
"""Folding is exact; whether a folder knows the rule is its own affair."""
RIGHT = FOLDED | SHIFT | SCALE_SHIFTED | LEFT
"""Anything that keeps the numbers."""


@dataclass(frozen=True)
class Case:
    """One wiring, its inputs, and what is expected."""

    name: str
    build: Callable[[], nn.Module]
    expected: dict[str, frozenset[str]]
    """For the path of every norm the outcomes that are allowed."""
    why: str
    example: Any
    """What `fold` is given: a call's arguments, or a list of several calls' arguments."""
    further: tuple[Any, ...]
    """Arguments of calls that `fold` does not see, where before and after must agree as well."""
    after: Callable[[nn.Module], object] | None = None
    """Changes the finished model: modes, hooks, special statistics."""
    observe: Callable[[nn.Module, Any], Any] = lambda model, output: output
    """What is compared: the output, or what the call left behind."""
    options: tuple[tuple[str, Any], ...] = ()
    """Options of `fold`."""
    twin: bool = True
    """Whether the model can be made one of float64 by `double`."""
    bound: float = 1e-4
    """What is granted in the model's own dtype, as a share of the largest value."""
    blind: bool = False
    """Whether a look at one pass cannot show the trap, so that only the proof can."""
    refusal: str | None = None
    """Words with which the whole model may be refused."""

    def make(self) -> nn.Module:
        """The model, in evaluation, with statistics and parameters that no norm starts with."""
        with torch.random.fork_rng(), warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # torch deprecates jit, weight_norm and quantization, which people still use
            torch.manual_seed(0)
            model = self.build()
            model = randomized(model).eval()
            if self.after is not None:
                self.after(model)
        return model

    def examples(self) -> list[Any]:
        """Arguments of every call that `fold` sees."""
        return self.example if isinstance(self.example, list) else [self.example]


def randomized(model: nn.Module) -> nn.Module:
    """Give every norm statistics and parameters that matter: scales of both signs, none near 0 or 1."""
    with torch.no_grad():
        for module in model.modules():
            if isinstance(getattr(module, "running_var", None), Tensor):
                _randomize(module)
    return model


def _randomize(norm: nn.Module) -> None:
    norm.running_mean.normal_()
    norm.running_var.uniform_(0.3, 3)
    if isinstance(norm.weight, Tensor):
        signs = torch.randint_like(norm.weight, 2) * 2 - 1
        norm.weight.copy_(torch.empty_like(norm.weight).uniform_(0.5, 2) * signs)
    if isinstance(norm.bias, Tensor):
        norm.bias.normal_()


def draw(*shape: int, seed: int = 0) -> Tensor:
    """Normal numbers, the same for the same seed."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def images(samples: int = 2, channels: int = 3, size: int = 6, seed: int = 0) -> Tensor:
    """Normal numbers as images."""
    return draw(samples, channels, size, size, seed=seed)


def others(*shape: int) -> tuple[Tensor, ...]:
    """Further inputs: other values in one sample and in five."""
    return draw(1, *shape[1:], seed=2) - 1, 3 * draw(5, *shape[1:], seed=3)


class Net(nn.Module):
    """Modules, parameters and buffers by name, and a forward that is a function of the net and of its arguments."""

    def __init__(self, body: Callable[..., Any], **parts: Any) -> None:
        super().__init__()
        self.body = body
        for name, part in parts.items():
            if isinstance(part, Tensor) and not isinstance(part, nn.Parameter):
                self.register_buffer(name, part)
            else:
                setattr(self, name, part)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.body(self, *args, **kwargs)


def net(body: Callable[..., Any], **parts: Any) -> Net:
    """A model of these parts."""
    return Net(body, **parts)


class Theme:
    """The wirings of one file, in order."""

    def __init__(self) -> None:
        self.cases: list[Case] = []

    def add(self, name: str, build: Callable[[], nn.Module], expected: dict, why: str, **fields: Any) -> None:
        """Take a wiring; without an example it is called with images of three channels."""
        if "example" not in fields:
            fields = {"example": images(), "further": others(2, 3, 6, 6)} | fields
        example = fields["example"]
        if isinstance(example, Tensor) and "further" not in fields:
            fields["further"] = tuple(x.to(example.dtype) for x in others(*example.shape))
        self.cases.append(Case(name, build, expected, why, **fields))

    def wiring(self, expected: dict, **fields: Any) -> Callable[[Callable[[], nn.Module]], Callable[[], nn.Module]]:
        """Take a function that makes a model, named after the wiring, whose docstring says why."""

        def take(build: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
            self.add(build.__name__, build, expected, build.__doc__, **fields)
            return build

        return take
