"""Does a changed model do what it did before, on the same inputs, from the same random state?"""

import operator
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import nn

from ..calls import Call
from ..errors import RefusedError, Setting
from ..transaction import RNGState, same_rng, transaction
from ._outputs import Snapshot, distance, snapshot
from ._vary import varied

FLOAT64_BOUND = 1e-9
"""The largest difference, relative to the output, that float64 may make of another order of operations."""
LEAST_BOUND = 1e-4
"""What any dtype is allowed, and 3 times the model's own distance to float64."""

_SEED = 0


@dataclass(slots=True)
class Witness:
    """What a model gave for each input, in one dtype.

    Attributes:
        examples: the inputs.
        rng: the random state from which every call starts.
        outputs: what came out; nothing before `remember`.
        arguments: what the model had made of its arguments by then: it may give its result there.
        exact: whether a single whole number that is another one counts as infinitely far.
        last: the distance that was measured last.
    """

    examples: Sequence[Call]
    rng: RNGState
    outputs: list[Snapshot] = field(default_factory=list)
    arguments: list[Snapshot] = field(default_factory=list)
    exact: bool = False
    last: float = 0.0

    def remember(self, model: nn.Module) -> None:
        """Take down what the model gives now.

        Raises:
            RuntimeError: nobody can compare a part of it.
        """
        self.outputs, self.arguments = [], []
        for example in self.examples:
            output, arguments = self._run(model, example)
            _check_comparable(output, model)
            self.outputs.append(output)
            self.arguments.append(arguments)

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
        output, arguments = self._run(model, self.examples[place])
        pairs = ((self.outputs[place], output), (self.arguments[place], arguments))
        return max(distance(*pair, same_dtype=True, same_whole=self.exact) for pair in pairs)

    def _run(self, model: nn.Module, example: Call) -> tuple[Snapshot, Snapshot]:
        # A transaction each: a model that counts its calls begins each time with the same count.
        with transaction(model, scripts=True), same_rng(self.rng):
            given = example.copied()
            output = snapshot(given.run(model))
            return output, snapshot((given.args, given.kwargs), read_iterators=False)


def _check_comparable(output: Snapshot, model: nn.Module) -> None:
    own = {id(module) for module in model.modules()}
    for part in output.closed:
        if id(part.value) not in own:  # a part of the model is compared by what it gives
            raise RefusedError(
                argument="model",
                expected="outputs that can be compared, so that the fold can be proved",
                got=f"{part} in the output",
                cure=(
                    "Let the model return tensors and plain containers of them, or pass ",
                    Setting("verify", False),
                    ".",
                ),
            )


def other_inputs(model: nn.Module, examples: Sequence[Call]) -> tuple[list[Call], list[str]]:
    """Random inputs like the examples, as far as the model takes them, and a note for each that has none."""
    found, notes = [], []
    for example in examples:
        other = _other_input(model, example)
        if isinstance(other, str):
            notes.append(f"{other}; only the example itself was compared")
        else:
            found.append(other)
    return found, notes


def _other_input(model: nn.Module, example: Call) -> Call | str:
    problem = "no tensor of the example could be varied"
    for whole in (True, False):
        other = varied(example, _SEED, whole=whole)
        if all(map(operator.is_, other.tensors, example.tensors)):
            continue
        try:
            with transaction(model, scripts=True):
                other.copied().run(model)
        except Exception as error:  # random numbers are no data of the user's: a model may refuse them
            problem = f"the model takes no random data like the example's ({type(error).__name__})"
        else:
            return other
    return problem
