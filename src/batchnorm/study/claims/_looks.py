"""At which updates does a claim look at a training, and by which batch was each of them made?"""

import numpy as np
from torch import Tensor

from .._run import Run

BATCH_SIZE = 128


def update_times(run: Run) -> list[int]:
    """Return the numbers of updates, the first being 1, evenly spread: as many as the scope's option `looks` says."""
    total = run.scope.epochs * len(run.batches("train", BATCH_SIZE, shuffle=True))
    count = int(str(run.scope.options["looks"]))
    times: list[int] = np.unique(np.linspace(1, total, count).round().astype(int)).tolist()
    return times


def batch_of_update(run: Run, number: int) -> tuple[Tensor, Tensor]:
    """Return the images and labels by which `run.train` makes its update of this number; the first is 1."""
    batches = run.batches("train", BATCH_SIZE, shuffle=True)
    epoch, step = divmod(number - 1, len(batches))
    images, labels = next(batches.epoch(run.seed, epoch, start_step=step))
    return images.to(run.device), labels.to(run.device)
