"""Behind which steps of a training are the population's statistics measured, and of which images?"""

from dataclasses import dataclass

from torch import nn

from ..data import Batches, Share
from ..runs import RecalibrationImages, TrainConfig
from ._frozen_norms import FrozenNorms
from ._frozen_parts import frozen_at_first
from ._moments import reads_population

POPULATION_IMAGES = 2_000
"""Images that stand for the population: from a thousand on more change nothing (Wu and Johnson 2021, section 3.2)."""


@dataclass(frozen=True)
class Refreshes:
    """The measurements of a training: before its first step, behind every `every` ones, and behind the last.

    The steps are counted over the whole training, so that a run that was stopped goes on with the same ones. All read
    the same images, varied in the same way: `images` follow from the seed. `last` is the step behind which the norms
    that read what is measured are frozen, if they are, else the last of all `steps`.
    """

    images: RecalibrationImages
    every: int
    last: int
    steps: int

    def by(self, done: int) -> int:
        """How many measurements there are to have been once `done` steps are done.

        Example:
            >>> [Refreshes(None, every=3, last=7, steps=9).by(done) for done in range(10)]
            [1, 1, 1, 2, 2, 2, 3, 4, 4, 4]
        """
        done = min(done, self.last)
        return 1 + done // self.every + (done == self.last and done % self.every > 0)

    def age(self, done: int) -> int:
        """How many steps ago the statistics were measured by which the step behind `done` normalizes.

        Example:
            >>> [Refreshes(None, every=3, last=7, steps=9).age(done) for done in range(9)]
            [0, 1, 2, 0, 1, 2, 0, 0, 1]
        """
        return done % self.every if done < self.last else done - self.last

    def are_over(self, measured: int) -> bool:
        """Whether there are none to come."""
        return measured >= self.by(self.last)

    def fits(self, measured: int, done: int) -> bool:
        """Whether a training may stand where it is: those that are due then may be missing, none else."""
        return measured in (self.by(done), self.by(done - 1) if done else 0)


def refreshes_of(
    net: nn.Module, train: Batches, config: TrainConfig, frozen: FrozenNorms | None, share: Share
) -> Refreshes | None:
    """Return the measurements of a training; `None` where no layer reads the population."""
    if not reads_population(net, without=frozen_at_first(net, config)):
        return None
    steps = len(train) * config.epochs
    last = frozen.since if frozen and frozen.since else steps
    return Refreshes(population_of(train, config, share), every=config.refresh or len(train), last=last, steps=steps)


def population_of(train: Batches, config: TrainConfig, share: Share) -> RecalibrationImages:
    """Return the images that stand for all of a training.

    They are the first of those that a recalibration of the run reads: of the training images, without those that were
    held out, in an order by the seed, and augmented as in training. Each process reads its own batches of them.
    """
    return RecalibrationImages(
        train.split,
        train.normalization,
        augmentation=train.augmentation,
        max_images=POPULATION_IMAGES,
        seed=config.seed,
        epoch=config.epochs,
        channels_last=config.channels_last,
        share=share,
    )
