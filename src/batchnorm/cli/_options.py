"""The options of a training as the command line shows them: `TrainConfig`, with short words for some values."""

from dataclasses import asdict, dataclass, field
from typing import Annotated, Literal

from tyro.conf import arg

from ..functional import ROUTES
from ..runs import ModelArgument, TrainConfig


@dataclass(frozen=True)
class Options(TrainConfig):
    """`TrainConfig`, each option on one line of the help; the library itself does not need to know tyro."""

    model_args: Annotated[dict[str, ModelArgument], arg(metavar="K V ...")] = field(default_factory=dict)
    """further arguments of the model, e.g. width 16"""
    norm_place: Annotated[Literal["before", "after"], arg(metavar="WORD")] = "before"
    """norm layer before or after the activation"""
    ema_buffers: Annotated[Literal["average", "copy", "recalibrate"], arg(metavar="WORD")] = "average"
    """the average's statistics: average, copy, recalibrate"""
    schedule: Annotated[Literal["one-cycle", "cosine"], arg(metavar="WORD")] = "one-cycle"
    """learning-rate schedule: one-cycle or cosine"""
    recalibrate: Annotated[Literal["off", "average", "exact"], arg(metavar="WORD")] = "off"
    """recompute the statistics at the end: off, average, exact"""
    route: Annotated[str, arg(metavar="NAME", help=f"our batch norm by: auto, {', '.join(ROUTES)}")] = "auto"
    moments: Annotated[str, arg(metavar="SOURCE")] = "batch"
    """normalize by: batch, ghost:32, renorm, population"""
    refresh: Annotated[int | None, arg(metavar="STEPS")] = None
    """measure the population every so many steps, not each epoch"""
    freeze_norms: Annotated[str | None, arg(metavar="WHICH")] = None
    """freeze statistics: after:0.8 (of the steps), or norms' names (layer1.*)"""
    init: Annotated[str | None, arg(metavar="WEIGHTS")] = None
    """start with those of: a run, a file, timm:NAME, ..."""
    freeze: Annotated[str | None, arg(metavar="NAMES")] = None
    """do not train: layer1.*,conv1, or *,!fc (but fc)"""
    norm_mode: Annotated[Literal["train", "frozen", "affine-only", "recalibrate"], arg(metavar="WORD")] = "frozen"
    """norms in it: train, frozen, affine-only, recalibrate"""
    bn_buffers: Annotated[Literal["rank0", "mean"], arg(metavar="WORD")] = "rank0"
    """without --sync-bn, running statistics of: rank0, mean"""

    @classmethod
    def of(cls, config: TrainConfig) -> "Options":
        """Return `config` as the command line's defaults."""
        return cls(**asdict(config))

    def config(self) -> TrainConfig:
        """Return the config that the library takes."""
        return TrainConfig(**asdict(self))
