"""Behind which steps of a training are the population's statistics measured, and of which images?"""

from dataclasses import dataclass

from torch import nn

from ..data import Batches
from ..runs import RecalibrationImages, TrainConfig
from ._moments import reads_population

POPULATION_IMAGES = 2_000
"""Images that stand for the population: from a thousand on more change nothing (Wu and Johnson 2021, section 3.2)."""


@dataclass(frozen=True)
class Refreshes:
    """The measurements of a training: before its first step, behind every `every` ones, and behind the last.

    The steps are counted over the whole training, so that a run that was stopped goes on with the same ones. All read
    the same images, varied in the same way: `images` follow from the seed.
    """

    images: RecalibrationImages
    every: int
    steps: int

    def by(self, done: int) -> int:
        """How many measurements there are to have been once `done` steps are done.

        Example:
            >>> [Refreshes(None, every=3, steps=7).by(done) for done in range(8)]
            [1, 1, 1, 2, 2, 2, 3, 4]
        """
        return 1 + done // self.every + (done == self.steps and done % self.every > 0)

    def fits(self, measured: int, done: int) -> bool:
        """Whether a training may stand where it is: those that are due then may be missing, none else."""
        return measured in (self.by(done), self.by(done - 1) if done else 0)


def refreshes_of(net: nn.Module, train: Batches, config: TrainConfig) -> Refreshes | None:
    """Return the measurements of a training; `None` where no layer reads the population."""
    if not reads_population(net):
        return None
    return Refreshes(population_of(train, config), every=config.refresh or len(train), steps=len(train) * config.epochs)


def population_of(train: Batches, config: TrainConfig) -> RecalibrationImages:
    """Return the images that stand for all of a training.

    They are the first of those that a recalibration of the run reads: of the training images, without those that were
    held out, in an order by the seed, and augmented as in training.
    """
    return RecalibrationImages(
        train.split,
        train.normalization,
        augmentation=train.augmentation,
        max_images=POPULATION_IMAGES,
        seed=config.seed,
        epoch=config.epochs,
        channels_last=config.channels_last,
    )
