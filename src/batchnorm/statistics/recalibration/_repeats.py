"""Does a loader give the same samples in every round, and the model read the same of them?"""

from collections.abc import Sequence

from torch import Tensor

from ...errors import ForPython, RefusedError, Setting
from ...measuring import Pass, Passes, distance

REPEATS = 1e-6
"""How far moments may move from round to round, in sigmas, where they depend on no statistics."""


def check_repeats(passes: Passes, first: Pass, done: Pass, probe: Sequence[int], eps: Tensor) -> None:
    """Compare the samples of a round with those of the first one, by their number and by what `probe` read of them.

    Args:
        passes: that ran both.
        first: the first round.
        done: the round in question.
        probe: norms that read from no other norm, so that their moments are the data's alone.
        eps: of every norm, per channel.

    Raises:
        RefusedError: they differ.
    """
    if done.samples != first.samples:
        raise _others(done, f"{first.samples} samples, then {done.samples}")
    for norm in probe:
        part = passes.layout.slices[norm]
        before, now = (of.measured.stored("biased").on(part) for of in (first, done))
        apart = distance(before, now, eps[part])
        shift = max(float(apart.mean.max()), float(apart.var.max()))
        if not shift <= REPEATS:
            raise _moved(passes, first, done, passes.norms[norm].name, shift)


def _moved(passes: Passes, first: Pass, done: Pass, name: str, shift: float) -> RefusedError:
    if passes.samples_again() != (first.samples, first.fingerprint):
        return _others(done, f"the moments of the input of {name} moved by {shift:.1e}")
    return RefusedError(
        expected="a model that computes the same from the same samples in every round",
        got=(
            f"one in which the moments of the input of {name} moved by {shift:.1e} in round {done.number}, although "
            "the loader gave the same samples: something before it depends on the round, such as a count of calls "
            "kept outside the model"
        ),
        cure=("Make the forward repeatable, or use ", Setting("method", "average"), ", which reads the data once."),
    )


def _others(done: Pass, got: str) -> RefusedError:
    return RefusedError(
        argument="loader",
        expected="the same samples in every round",
        got=f"others in round {done.number}: {got}",
        cure=(
            ForPython(
                "Seed its augmentation by the sample's index, give it a generator of its own and no persistent "
                "workers, keep the batches in a list, or use ",
                otherwise="Make the data source repeatable, or use ",
            ),
            Setting("method", "average"),
            ", which reads the data once.",
        ),
    )
