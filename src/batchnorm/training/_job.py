"""A training: the parts that move and those that do not, what is kept of it, and how it goes on."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.lr_scheduler import LRScheduler
from torch.optim.swa_utils import AveragedModel

from ..data import Batches, Share, Source
from ..errors import InputError, Setting
from ..files import in_short
from ..ranks import Ranks
from ..records import EpochRecord, Initialization, TrainResult
from ..runs import MAY_DIFFER, ModelCard, RecalibrationImages, RunFolder, TrainConfig
from ._checkpoint import Checkpoint, Position
from ._fitting_states import check_own_states, check_states
from ._frozen_norms import FrozenNorms
from ._frozen_parts import FrozenParts
from ._own_states import OwnState, go_on, own_state, states_of_others
from ._refreshes import Refreshes

LATER = frozenset({"fold", "recalibrate", "route"})
"""Options that are younger than checkpoints: one that does not name them goes on with any value."""
BEFORE = {
    "moments": "batch",
    "refresh": None,
    "ema_buffers": "average",
    "freeze_norms": None,
    "init": None,
    "freeze": None,
    "norm_mode": "frozen",
    "accumulate": 1,
    "sync_bn": False,
    "bn_buffers": "rank0",
    "crop": None,
    "jitter": 0.0,
    "image_size": None,
    "channels": None,
    "test_fraction": 0.2,
    "keep": "last",
}
"""Options that are younger, too, and the values with which older ones were trained."""


@dataclass
class Job:
    """A training: the parts that move (model, average, optimizer, scheduler, position) and those that do not.

    `ranks` are the processes that do it together; while they do, `data_parallel` calls the net and averages gradients.
    `in_hand` names the arguments by which the caller handed over objects, which no command line can name. By
    `average_images` the average's statistics are measured wherever it is judged; `None` where they are not. `parts` are
    not trained; by `parts_images` the statistics of their norms are measured before the first step, if they are.
    `initialization` says what the net took of somebody's weights, if it has just been given such. `run` is where the
    first process writes, of which all speak. `kept` has the weights of the best epoch so far, where that one's net is
    to be shipped: `final`, once all epochs are done. `lengthened` are the steps after which it went on for longer than
    planned; `standing` is the result of the shorter training, whose model stays until this one is tested.
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
    ranks: Ranks
    data_parallel: DistributedDataParallel | None = None
    position: Position = field(default_factory=Position)
    history: list[EpochRecord] = field(default_factory=list)
    in_hand: tuple[str, ...] = ()
    refreshes: Refreshes | None = None
    frozen: FrozenNorms | None = None
    average_images: RecalibrationImages | None = None
    parts: FrozenParts | None = None
    parts_images: RecalibrationImages | None = None
    initialization: Initialization | None = None
    run: RunFolder | None = None
    kept: nn.Module | None = None
    final: nn.Module | None = None
    lengthened: list[int] = field(default_factory=list)
    standing: TrainResult | None = None

    @property
    def steps_done(self) -> int:
        """How many steps the training has done, over all epochs."""
        return self.position.epoch * len(self.train) + self.position.step

    @property
    def share(self) -> Share:
        """The part of this process in what all have in common."""
        return Share(self.ranks.rank, self.ranks.size)

    @property
    def best(self) -> nn.Module:
        """The net to validate, save and ship: the averaged one where there is an average; in the end the one kept."""
        if self.final is not None:
            return self.final
        if self.average is None:
            return self.model
        averaged: nn.Module = self.average.module
        return averaged

    def freeze_if_due(self) -> None:
        """Freeze the norms that are to stand still from here on; what is to be measured before has to be, first."""
        if self.parts is not None and self.parts.still is not None:
            self.parts.still.hold(self.model, self.best)
        if self.frozen is None or self.steps_done < self.frozen.since:
            return
        if not self.frozen.since or self.refreshes is None or self.refreshes.are_over(self.position.refreshes):
            self.frozen.hold(self.model, self.best)

    @contextmanager
    def released_at_the_end(self) -> Iterator[None]:
        """Let the norms go that are frozen in the block when it ends: it is a state of the training."""
        with ExitStack() as held:
            for frozen in (self.parts.still if self.parts else None, self.frozen):
                if frozen is not None:
                    held.enter_context(frozen.released_at_the_end())
            yield

    def precision(self) -> torch.autocast:
        """Return the context in which a training pass runs."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.amp == "bf16")

    def circumstances(self) -> dict[str, Any]:
        """Return what must be the same when the training goes on another time."""
        options = {name: value for name, value in asdict(self.config).items() if name not in MAY_DIFFER}
        options["data"] = str(self.config.data)  # a checkpoint holds plain values alone, and no `OwnData`
        return {**options, "number of training images": len(self.train.split)}

    def checkpoint(self) -> Checkpoint:
        """Return all that is needed to go on; every process calls it, for it holds what is each one's own.

        Raises:
            RankError: another process failed, or cannot be reached.
        """
        return self.checkpoint_with(states_of_others(self.ranks, self.own_state()))

    def checkpoint_with(self, others: list[OwnState]) -> Checkpoint:
        """Return what this process needs to go on, with the states of the others, as far as they are known."""
        states = {**self.states(), "ranks": others}
        threads = torch.get_num_threads()
        return Checkpoint(self.position, self.history, self.circumstances(), threads, states, self.lengthened)

    def own_state(self) -> OwnState:
        """Return what is this process's own."""
        return own_state(self._nets(), self.device)

    def _nets(self) -> dict[str, nn.Module]:
        """The nets whose buffers are each process's own."""
        if self.config.bn_buffers != "mean":
            return {}
        return {"model": self.model} if self.average is None else {"model": self.model, "average": self.average.module}

    def states(self) -> dict[str, Any]:
        """Return the states of all that moves here; torch's random numbers too, for a net may draw them (dropout)."""
        kept = {} if self.kept is None else {"kept": self.kept.state_dict()}
        return {
            **kept,
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
            more = self.config.epochs
            longer = (", pass ", Setting("epochs", more), " to go on for longer") if changed == ["epochs"] else ""
            raise InputError(
                ("the run was started with other options: ", names),
                cure=("Put them back", longer, ", or start a new run."),
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
            check_states(states, self.states(), parameters, done)
            check_own_states(states.get("ranks", []), self.own_state())
            self.model.load_state_dict(states["model"])
            if self.average is not None:
                self.average.load_state_dict(states["average"])
            if self.kept is not None:
                self.kept.load_state_dict(states["kept"])
            self.optimizer.load_state_dict(states["optimizer"])
            self.scheduler.load_state_dict(states["scheduler"])
            self._go_on(states, done)
        except (LookupError, ValueError, TypeError, AttributeError, RuntimeError) as error:
            raise InputError(f"the checkpoint does not fit this run's config: {in_short(error, 500)}") from error
        self.position, self.history, self.lengthened = checkpoint.position, checkpoint.history, checkpoint.lengthened

    def _go_on(self, states: dict[str, Any], done: int) -> None:
        """Take up this process's own state."""
        first = {name: states[name] for name in ("rng", "cuda_rng")}
        nets = self._nets()
        first |= {name: dict(net.named_buffers()) for name, net in nets.items()}
        others = states.get("ranks", [])
        go_on(self.ranks, nets, self.device, first, others, seed=self.config.seed, steps=done)
