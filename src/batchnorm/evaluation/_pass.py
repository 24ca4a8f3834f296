"""What does one pass over the data come to, whatever the model keeps from batch to batch?"""

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ..calls import MODULUS, Call
from ..errors import FaultError, InputError, RefusedError, worded, words_of
from ..files import one_line
from ..norms import find_norms
from ..statistics import use_batch_statistics
from ..transaction import Transaction, generators_of, rng_state, same_rng, transaction
from ._cross_entropy import are_probabilities
from ._examples import Example, Examples
from ._metric import Tally


class NoBatchStatisticsError(Exception):
    """The model cannot run while its norms take the batches' own statistics; the message says why."""


@dataclass(slots=True)
class Judged:
    """What a pass came to.

    Attributes:
        samples: that were judged.
        batches: they came in.
        largest: samples of the largest batch.
        single: samples that were left out, in batches of one value per channel.
        not_finite: samples whose outputs are NaN or infinitely large.
        like_probabilities: all outputs were like those of a softmax.
        first: the outputs for the first batch, if they are a tensor.
        fingerprint: of all samples, in whatever order.
        numbers: of the metric, by name.
    """

    samples: int = 0
    batches: int = 0
    largest: int = 0
    single: int = 0
    not_finite: int = 0
    like_probabilities: bool = True
    first: Tensor | None = None
    fingerprint: int = 0
    numbers: dict[str, float] = field(default_factory=dict)

    def take(self, outputs: Any, samples: int) -> None:
        """Count a batch."""
        if not self.batches and isinstance(outputs, Tensor):
            self.first = outputs.detach().clone()  # a metric may write into them
        self.samples += samples
        self.batches += 1
        self.largest = max(self.largest, samples)
        self.not_finite += _not_finite(outputs)
        self.like_probabilities = self.like_probabilities and are_probabilities(outputs)


class Passes:
    """Passes over the same data, each from the same random state and with the model as it was given.

    Args:
        model: in whatever mode and wrapper.
        examples: reads the loader.
        loader: whose own generators are set back, too.
        make_tally: makes what judges the outputs of a pass.
        device: of the model.

    Attributes:
        samples_differ: whether the loader gave others in a later pass than in the first, such as augmented ones.
    """

    def __init__(
        self,
        model: nn.Module,
        examples: Examples,
        loader: Iterable[Any],
        make_tally: Callable[[], Tally],
        device: torch.device,
    ) -> None:
        self._model, self._examples, self._make_tally = model, examples, make_tally
        self._rng = rng_state([device], generators_of(loader))
        self._first: Judged | None = None
        self.samples_differ = False

    def run(self, *, by_batch: bool = False, before: Callable[[nn.Module], object] | None = None) -> Judged:
        """Judge the model in evaluation, and put all of it back.

        Args:
            by_batch: let every norm take its batch's own statistics.
            before: what is done to the model first.

        Raises:
            InputError: the loader gives nothing.
            RefusedError: it gives another number of samples than in the first pass.
            NoBatchStatisticsError: the model raised by its batches' statistics.
        """
        tally, done = self._make_tally(), Judged()
        with same_rng(self._rng), transaction(self._model, scripts=True) as change:
            if before is not None:
                before(change.module)
            change.evaluate()
            with use_batch_statistics(change.module) if by_batch else nullcontext():
                for example in self._examples:
                    done.fingerprint = (done.fingerprint + example.fingerprint) % MODULUS
                    outputs = _outputs(change, example, by_batch=by_batch)
                    if outputs is None:
                        done.single += example.samples
                        continue
                    done.take(outputs[0], example.samples)
                    _judge(tally, outputs[0], example)
        self._check_same(done)
        done.numbers = tally.result() if done.samples else {}
        return done

    def _check_same(self, done: Judged) -> None:
        given = done.samples + done.single
        if self._first is None:
            if not given:
                raise InputError(argument="loader", expected="at least one batch", got="none")
            self._first = done
        if given != self._first.samples:
            raise RefusedError(
                f"the loader gave {self._first.samples} samples in the first pass, and {given} in the next, which "
                "would compare statistics on different data",
                cure="Give one that gives the same samples every time, such as a list of batches.",
            )
        self.samples_differ |= done.fingerprint != self._first.fingerprint


def check_norms(model: nn.Module) -> None:
    """Raise if norms cannot be told whose statistics to take.

    Raises:
        NoBatchStatisticsError: they are of torch.jit.
    """
    try:
        find_norms(model, "evaluate")
    except ValueError as error:
        raise NoBatchStatisticsError(worded(words_of(error))) from error


def _outputs(change: Transaction, example: Example, *, by_batch: bool) -> tuple[Any] | None:
    """Return the outputs; None for a batch that has no statistics."""
    call: Call = example.call
    try:
        return (call.run(change.module),)
    except Exception as error:  # somebody's model may raise anything
        if not by_batch:
            raise
        if "more than 1 value per channel" in str(error):
            return None
        raise NoBatchStatisticsError(f"the model raised {type(error).__name__}: {one_line(str(error), 200)}") from error


def _judge(tally: Tally, outputs: Any, example: Example) -> None:
    try:
        tally.add(outputs, example.targets, example.samples)
    except FaultError:
        raise
    except Exception as error:  # somebody's metric may raise anything
        error.add_note(f"The metric was called with outputs {_kind(outputs)} and targets {_kind(example.targets)}.")
        raise


def _kind(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"{value.dtype} of shape {tuple(value.shape)}".removeprefix("torch.")
    return f"of type {type(value).__name__}"


def _not_finite(outputs: Any) -> int:
    """In how many samples an output is NaN or infinitely large; one that is masked by -inf is meant so."""
    if not isinstance(outputs, Tensor) or not outputs.ndim or not outputs.is_floating_point():
        return 0
    return int((outputs.isnan() | outputs.isposinf()).reshape(len(outputs), -1).any(1).sum())
