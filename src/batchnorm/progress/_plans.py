"""What lies ahead of a training or a recalibration, and how far has it come?"""

from dataclasses import dataclass

from ..records import Initialization


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
class PartsPlan:
    """Which parts of a net a training leaves as they are: `untrained` of its parameters, and what becomes of norms.

    `mode` is `TrainConfig.norm_mode`; `images` are those on which the statistics are measured before, if they are.
    """

    names: str
    untrained: int
    norms: tuple[str, ...]
    mode: str
    images: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What lies ahead when a training starts or goes on.

    `images` are those of one epoch; `first_epoch` epochs and `first_step` steps of the next one are done already.
    `population` is what is measured meanwhile, and `freezing` what stands still, if anything is or does; a step reads
    `batches_per_step` batches. `initialization` is what the net took of somebody's weights, if it has just been given
    such, and `parts` what is not trained of it, if anything is not.
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
    initialization: Initialization | None = None
    parts: PartsPlan | None = None


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
