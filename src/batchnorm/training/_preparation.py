"""Everything that a training needs, found and proved before its first step."""

from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler
from torch.optim.swa_utils import AveragedModel

from .. import data
from ..data import Batches, Normalization, Source
from ..errors import InputError, Setting
from ..files import in_short
from ..models import OwnNorm, build, names_own_norm
from ..ranks import Ranks, one_per_machine_first
from ..records import EpochRecord
from ..runs import MAY_DIFFER, ModelCard, RecalibrationImages, TrainConfig, augmentation_of, evaluation_batches
from ._as_it_came import as_it_came_if_refused
from ._checkpoint import Checkpoint, Position
from ._fitting_states import check_states
from ._frozen_norms import FrozenNorms, frozen_norms_of
from ._moments import take_moments
from ._optimizer import make_average, make_optimizer, make_scheduler
from ._proof import prove_takes, take_route
from ._refreshes import Refreshes, population_of, refreshes_of

LATER = frozenset({"fold", "recalibrate", "route"})
"""Options that are younger than checkpoints: one that does not name them goes on with any value."""
BEFORE = {"moments": "batch", "refresh": None, "ema_buffers": "average", "freeze_norms": None, "accumulate": 1}
"""Options that are younger, too, and the values with which older ones were trained."""


@dataclass
class Job:
    """A training: the parts that move (model, average, optimizer, scheduler, position) and those that do not.

    `in_hand` names the arguments by which the caller handed over objects, which no command line can name. By
    `average_images` the average's statistics are measured wherever it is judged; `None` where they are not. `ranks` are
    the processes that train together.
    """

    config: TrainConfig
    device: torch.device
    source: Source
    card: ModelCard
    train: Batches
    val: Batches | None
    model: nn.Module
    average: AveragedModel | None
    optimizer: torch.optim.Optimizer
    scheduler: LRScheduler
    position: Position = field(default_factory=Position)
    history: list[EpochRecord] = field(default_factory=list)
    in_hand: tuple[str, ...] = ()
    refreshes: Refreshes | None = None
    frozen: FrozenNorms | None = None
    average_images: RecalibrationImages | None = None
    ranks: Ranks = field(default_factory=Ranks.alone)

    @property
    def steps_done(self) -> int:
        """How many steps the training has done, over all epochs."""
        return self.position.epoch * len(self.train) + self.position.step

    @property
    def best(self) -> nn.Module:
        """The net to validate, save and ship: the averaged one where there is an average."""
        if self.average is None:
            return self.model
        averaged: nn.Module = self.average.module
        return averaged

    def freeze_if_due(self) -> None:
        """Freeze the norms that are to stand still from here on; what is to be measured before has to be, first."""
        if self.frozen is None or self.steps_done < self.frozen.since:
            return
        if not self.frozen.since or self.refreshes is None or self.refreshes.are_over(self.position.refreshes):
            self.frozen.hold(self.model, self.best)

    def precision(self) -> torch.autocast:
        """Return the context in which a training pass runs."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.amp == "bf16")

    def circumstances(self) -> dict[str, Any]:
        """Return what must be the same when the training goes on another time."""
        options = {name: value for name, value in asdict(self.config).items() if name not in MAY_DIFFER}
        options["data"] = str(self.config.data)  # a checkpoint holds plain values alone, and no `OwnData`
        return {**options, "number of training images": len(self.train.split)}

    def checkpoint(self) -> Checkpoint:
        """Return all that is needed to go on."""
        threads = torch.get_num_threads()
        return Checkpoint(self.position, self.history, self.circumstances(), threads, self.states())

    def states(self) -> dict[str, Any]:
        """Return the states of all that moves; torch's random numbers too, for a net may draw them (dropout)."""
        return {
            "model": self.model.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "rng": torch.get_rng_state(),
            "cuda_rng": torch.cuda.get_rng_state(self.device) if self.device.type == "cuda" else None,
        }

    def restore(self, checkpoint: Checkpoint) -> None:
        """Put back what `checkpoint` gave.

        Raises:
            InputError: it was made with other options, other data or another net.
        """
        now, then = self.circumstances(), {**BEFORE, **checkpoint.circumstances}
        unknown = LATER - then.keys()
        changed = [name for name in now if now[name] != then.get(name) and name not in unknown]
        if changed:
            names = tuple(
                part for name in changed for part in (", ", Setting(name) if hasattr(self.config, name) else name)
            )[1:]
            raise InputError(
                ("the run was started with other options: ", names), cure="Put them back, or start a new run."
            )
        states, here = checkpoint.states, checkpoint.position
        if here.epoch > self.config.epochs or here.step > len(self.train):
            raise InputError(
                f"the checkpoint stands at epoch {here.epoch}, step {here.step}, which this run never does"
            )
        done = here.epoch * len(self.train) + here.step
        if not (self.refreshes.fits(here.refreshes, done) if self.refreshes else here.refreshes == 0):
            raise InputError(
                f"the checkpoint has {here.refreshes} measurements of the population after {done} steps, which this "
                "run never has"
            )
        parameters = [one for group in self.optimizer.param_groups for one in group["params"]]
        try:
            check_states(states, self.states(), parameters, here.epoch * len(self.train) + here.step)
            self.model.load_state_dict(states["model"])
            if self.average is not None:
                self.average.load_state_dict(states["average"])
            self.optimizer.load_state_dict(states["optimizer"])
            self.scheduler.load_state_dict(states["scheduler"])
            torch.set_rng_state(states["rng"])
            if self.device.type == "cuda" and states["cuda_rng"] is not None:
                torch.cuda.set_rng_state(states["cuda_rng"], self.device)
        except (LookupError, ValueError, TypeError, AttributeError, RuntimeError) as error:
            raise InputError(f"the checkpoint does not fit this run's config: {in_short(error, 500)}") from error
        self.position, self.history = checkpoint.position, checkpoint.history


def in_hand(**given: object) -> tuple[str, ...]:
    """Return which of these arguments are objects, and no names."""
    return tuple(name for name, value in given.items() if value is not None and not isinstance(value, str))


def prepare(
    config: TrainConfig,
    device: torch.device,
    model: nn.Module | str | None,
    source: Source,
    objects: tuple[str, ...] = (),
    ranks: Ranks | None = None,
) -> Job:
    """Build the net, prove that it takes the images, read them, set up the rule.

    Args:
        config: the options.
        device: where the net runs.
        model: the caller's own net, or the name of its function; `None` builds what `config.model` names.
        source: the data.
        objects: see `Job.in_hand`.
        ranks: the processes that train together; None for one alone.

    Raises:
        InputError: the data or the net cannot be used.
    """
    if config.shift >= source.info.image_size:
        raise InputError(
            argument="shift",
            expected=f"less than the images' {source.info.image_size} pixels",
            got=str(config.shift),
        )
    net, arguments = _net(config, model, source)
    with as_it_came_if_refused(net):
        take_route(net, config)
        take_moments(net, config)
        net.to(device)
        prove_takes(net, source, config, device)
        return _job(config, device, net, arguments, source, objects, ranks or Ranks.alone())


def _job(
    config: TrainConfig,
    device: torch.device,
    net: nn.Module,
    arguments: dict[str, Any],
    source: Source,
    objects: tuple[str, ...],
    ranks: Ranks,
) -> Job:
    """Read the images, and put all together that trains a net which can be trained."""
    if config.channels_last:
        net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch types only 4-D tensors
    with one_per_machine_first(ranks):
        images = source.load("train")
    train, val = data.split_off_validation(images, config.val_fraction, config.seed)
    normalization = Normalization.of(train.images)
    card = ModelCard(
        model=config.model,
        arguments=arguments,
        classes=source.info.classes,
        in_channels=source.info.in_channels,
        image_size=source.info.image_size,
        normalization=normalization,
        data=source.info.name,
        moments=config.moments,
    )
    if len(train) < 2:
        raise InputError(
            argument="val_fraction",
            expected="at least 2 training images to be left",
            got=str(len(train)),
            cure="Hold fewer out.",
        )
    batches = Batches(
        train,
        config.batch_size * config.accumulate,
        normalization,
        augmentation=augmentation_of(config, source),
        shuffle=True,
        channels_last=config.channels_last,
        micro_batch=config.batch_size,
    )
    steps = len(batches) * config.epochs
    frozen = frozen_norms_of(net, config, steps)
    optimizer = make_optimizer(net, config)
    return Job(
        config=config,
        device=device,
        source=source,
        card=card,
        train=batches,
        val=evaluation_batches(val, normalization, config) if len(val) else None,
        model=net,
        average=make_average(net, config.ema_decay, config.ema_buffers),
        optimizer=optimizer,
        scheduler=make_scheduler(optimizer, config, steps=steps),
        in_hand=objects,
        ranks=ranks,
        refreshes=refreshes_of(net, batches, config, frozen),
        frozen=frozen,
        average_images=population_of(batches, config) if config.ema_buffers == "recalibrate" else None,
    )


def _net(config: TrainConfig, model: nn.Module | str | None, source: Source) -> tuple[nn.Module, dict[str, Any]]:
    """Return the net and, beside the data's, the arguments with which it can be built again."""
    if isinstance(model, nn.Module):
        return model, {}
    arguments: dict[str, Any] = {
        "norm": config.norm,
        "activation": config.activation,
        "norm_place": config.norm_place,
        **config.model_args,
    }
    info = source.info
    net = build(
        model or config.model,
        num_classes=len(info.classes),
        in_channels=info.in_channels,
        image_size=info.image_size,
        **{**arguments, "norm": OwnNorm(config.norm) if names_own_norm(config.norm) else config.norm},
    )
    return net, arguments
