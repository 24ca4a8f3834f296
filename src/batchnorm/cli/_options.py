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
    data: Annotated[str, arg(metavar="DATA")] = "fashion-mnist-mini"
    """data set, folder, .npz or package.module:source"""
    image_size: Annotated[int | str | None, arg(metavar="SIZE")] = None
    """folder: size of the images, 64 or 128x96 (WIDTHxHEIGHT)"""
    channels: Annotated[int | None, arg(metavar="1|3")] = None
    """folder: read the images grey (1) or in colour (3)"""
    test_fraction: Annotated[float, arg(metavar="FLOAT")] = 0.2
    """folder without test images: fraction kept for testing"""
    cache_size: Annotated[float, arg(metavar="GB")] = 10.0
    """folder: decoded images kept on disk; 0: none"""
    workers: Annotated[int | None, arg(metavar="INT")] = None
    """folder: how many processes or threads read files"""
    crop: Annotated[float | None, arg(metavar="SHARE")] = None
    """crops show at least this share (folders: 0.35)"""
    jitter: Annotated[float, arg(metavar="PART")] = 0.0
    """vary colours by up to this part"""
    lr: Annotated[float | Literal["auto"], arg(metavar="FLOAT|auto")] = 0.1
    """peak learning rate; auto: as lr-find suggests"""
    norm_place: Annotated[Literal["before", "after"], arg(metavar="WORD")] = "before"
    """norm layer before or after the activation"""
    keep: Annotated[Literal["last", "best"], arg(metavar="WORD")] = "last"
    """test and keep the model: last, best (by validation)"""
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
    """do not train: layer1.*,conv1; *,!fc: all but it"""
    norm_mode: Annotated[Literal["train", "frozen", "affine-only", "recalibrate"], arg(metavar="WORD")] = "frozen"
    """norms in it: train, frozen, affine-only, recalibrate"""
    bn_buffers: Annotated[Literal["rank0", "mean"], arg(metavar="WORD")] = "rank0"
    """without --sync-bn, running statistics of: rank0, mean"""

    log: Annotated[Literal["off", "tensorboard"], arg(metavar="WORD")] = "off"
    """also write the curves for: tensorboard"""

    @classmethod
    def of(cls, config: TrainConfig) -> "Options":
        """Return `config` as the command line's defaults."""
        return cls(**asdict(config))

    def config(self) -> TrainConfig:
        """Return the config that the library takes."""
        return TrainConfig(**asdict(self))
