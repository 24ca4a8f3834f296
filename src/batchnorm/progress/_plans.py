"""What lies ahead of a training or a recalibration, and how far has it come?"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PopulationPlan:
    """What lies ahead of a training by the population's moments: measurements between its steps.

    Each is a forward pass over `images`; they come every `every` steps, `done` are done and `left` are left. The steps
    that are left read `step_images`, forward and backward.
    """

    images: int
    augmented: bool
    every: int
    done: int
    left: int
    step_images: int


@dataclass(frozen=True, slots=True)
class FreezingPlan:
    """Which norms' statistics stand still once `since` of all `steps` of a training are done."""

    norms: tuple[str, ...]
    since: int
    steps: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What lies ahead when a training starts or goes on.

    `images` are those of one epoch; `first_epoch` epochs and `first_step` steps of the next one are done already.
    `population` is what is measured meanwhile, and `freezing` what stands still, if anything is or does; a step reads
    `batches_per_step` batches.
    """

    model: str
    data: str
    device: str
    parameters: int
    images: int
    epochs: int
    steps_per_epoch: int
    first_epoch: int
    first_step: int
    population: PopulationPlan | None = None
    freezing: FreezingPlan | None = None
    batches_per_step: int = 1


@dataclass(frozen=True, slots=True)
class StepReport:
    """The running epoch (counted from 1) after `step` steps; losses and accuracy (0…1): means over its images so far.

    `loss` is what is minimized, with label smoothing; `plain_loss` the same without (`None` where it is not known).
    """

    epoch: int
    step: int
    loss: float
    accuracy: float
    images_per_second: float
    plain_loss: float | None = None


@dataclass(frozen=True, slots=True)
class RecalibrationPlan:
    """What lies ahead when the recalibration of a run starts; `images` are those of one round."""

    model: str
    data: str
    split: str
    images: int
    batches: int
    augmented: bool
    method: str
    device: str
