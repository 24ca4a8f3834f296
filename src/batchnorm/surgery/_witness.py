"""Does a changed model do what it did before, on the same inputs, from the same random state?"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from ..calls import Call, leaves_of
from ..errors import RefusedError, Setting, Words
from ..transaction import RNGState, same_rng, transaction
from ._outputs import Snapshot, distance, snapshot

FLOAT64_BOUND = 1e-9
"""The largest difference, relative to the output, that float64 may make of another order of operations."""
LEAST_BOUND = 1e-4
"""What any dtype is allowed, and 3 times the model's own distance to float64."""

_SEED = 0


@dataclass(frozen=True, slots=True)
class Look:
    """At what a witness looks, besides what a call gives and what it makes of its arguments.

    Attributes:
        training: whether it looks at the model in training mode or in evaluation; None: in the mode that it is in.
        gradients: at those of parameters and inputs, for a loss that is the outputs' product with random numbers.
        buffers: at what the buffers hold after the call, by their names.
    """

    training: bool | None = None
    gradients: bool = False
    buffers: bool = False


@dataclass(slots=True)
class Witness:
    """What a model did with each input, in one dtype.

    Attributes:
        examples: the inputs.
        rng: the random state from which every call starts.
        look: at what it looks.
        seen: for each input what came out, and what else is compared; nothing before `remember`.
        exact: whether a single whole number that is another one counts as infinitely far.
        last: the distance that was measured last.
        otherwise: what to do where outputs cannot be compared, besides letting the model return what can.
    """

    examples: Sequence[Call]
    rng: RNGState
    look: Look = Look()
    seen: list[tuple[Snapshot, ...]] = field(default_factory=list)
    exact: bool = False
    last: float = 0.0
    otherwise: Words = ("pass ", Setting("verify", False))

    @property
    def outputs(self) -> list[Snapshot]:
        """What came out for each input."""
        return [output for output, *_ in self.seen]

    def remember(self, model: nn.Module) -> None:
        """Take down what the model does now.

        Raises:
            RuntimeError: nobody can compare a part of what it gives.
        """
        self.seen = []
        for example in self.examples:
            seen = self._run(model, example)
            self._check_comparable(seen[0], model)
            self.seen.append(seen)

    def distance(self, model: nn.Module) -> float:
        """How far the model is now from what was taken down; infinite if it raises."""
        places = range(len(self.examples))
        try:
            self.last = max((self._distance(model, place) for place in places), default=0.0)
        except (MemoryError, torch.OutOfMemoryError):
            raise  # says nothing of the change
        except Exception:  # whatever a forward raises that did not raise before is the change's fault
            self.last = float("inf")
        return self.last

    def repeats(self, model: nn.Module) -> float:
        """How far the first output is from the same once more."""
        return self._distance(model, 0)

    def _distance(self, model: nn.Module, place: int) -> float:
        pairs = zip(self.seen[place], self._run(model, self.examples[place]), strict=True)
        return max(distance(*pair, same_dtype=True, same_whole=self.exact) for pair in pairs)

    def _run(self, model: nn.Module, example: Call) -> tuple[Snapshot, ...]:
        # A transaction each: a model that counts its calls begins each time with the same count.
        with (
            transaction(model, scripts=True) as change,
            same_rng(self.rng),
            torch.set_grad_enabled(self.look.gradients or torch.is_grad_enabled()),
        ):
            if self.look.training is not None:
                (change.train if self.look.training else change.evaluate)()
            given = example.copied()
            if self.look.gradients:
                given = given.mapped(_differentiable)
            output = given.run(model)
            seen = [snapshot(output), snapshot((given.args, given.kwargs), read_iterators=False)]
            if self.look.gradients:
                seen.append(snapshot(_gradients(model, given, output)))
            if self.look.buffers:
                seen.append(snapshot(dict(model.named_buffers())))
            return tuple(seen)

    def _check_comparable(self, output: Snapshot, model: nn.Module) -> None:
        own = {id(module) for module in model.modules()}
        for part in output.closed:
            if id(part.value) not in own:  # a part of the model is compared by what it gives
                raise RefusedError(
                    argument="model",
                    expected="outputs that can be compared, so that what is done can be proved",
                    got=f"{part} in the output",
                    cure=("Let the model return tensors and plain containers of them, or ", self.otherwise, "."),
                )


def _differentiable(tensor: Tensor) -> Tensor:
    return tensor.detach().requires_grad_() if tensor.is_floating_point() else tensor


def _gradients(model: nn.Module, given: Call, output: object) -> dict[str, Tensor]:
    """The gradients, by name, of what has one; the loss weighs every number that comes out by one of its own."""
    generator = torch.Generator().manual_seed(_SEED)
    losses = [
        (part.double() * _drawn(part, generator)).sum()
        for part in leaves_of(output).tensors
        if part.requires_grad and part.is_floating_point()
    ]
    own: dict[str, Tensor] = {name: tensor for name, tensor in model.named_parameters() if tensor.requires_grad}
    own |= {f"input {place}": tensor for place, tensor in enumerate(given.tensors) if tensor.requires_grad}
    if not losses or not own:
        return {}
    found = torch.autograd.grad(torch.stack(losses).sum(), [*own.values()], allow_unused=True)
    each: list[Tensor | None] = [*found]  # torch's annotation knows nothing of allow_unused
    return {name: gradient for name, gradient in zip(own, each, strict=True) if gradient is not None}


def _drawn(part: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(part.shape, generator=generator, dtype=torch.float64, device="cpu").to(part.device)
