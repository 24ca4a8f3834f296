"""How accurate is a net behind its training, and what counts for one that diverged?"""

from torch import nn

from ...data import Split
from .._data import Part
from .._run import Run
from .._training import Trained


def part_to_judge(run: Run) -> Part:
    """Return the part by which a run is judged: test images, or validation images while options are searched."""
    return "validation" if run.searching else "test"


def guessing(run: Run) -> float:
    """Return the accuracy of guessing among all classes, in percent.

    Example:
        >>> from batchnorm.study import Scope
        >>> guessing(Run("mine", "any", {}, 0, Scope(1, 100, 1, 100), "fashion-mnist-mini"))
        10.0
    """
    return 100 / len(run.info.classes)


def accuracy_reached(run: Run, net: nn.Module, trained: Trained, split: Split | None = None) -> float:
    """Return the percentage of images that a net classifies correctly, or that of guessing if its training diverged.

    A net whose numbers are no numbers any more classifies nothing. It counts as one that guesses, lest a mean over
    seeds depend on which class a NaN is taken for.

    Args:
        run: says which images.
        net: as the training left it.
        trained: how that went.
        split: other images than all of the part.
    """
    return guessing(run) if trained.diverged else run.accuracy(net, part_to_judge(run), split=split)
