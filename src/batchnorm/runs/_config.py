"""Every option of a training, once: the same dataclass is read by Python, by TOML and by the command line."""

import os
import tomllib
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Literal, get_type_hints

from ..data import data_path, reads_as_path
from ..errors import InputError
from ..files import as_path, open_regular, refused
from ._contradictions import contradictions
from ._known_names import AUTO_MODEL, OwnData
from ._misfits import ModelArgument, misfit
from ._option_names import near_option, tells_unknown_options


@tells_unknown_options
@dataclass(frozen=True)
class TrainConfig:
    """The options of a training: model, data, optimizer, learning-rate schedule, and what to do at the end.

    All values are checked when the object is created, and all invalid ones are reported together.

    Raises:
        InputError: a value is out of range, or a name is unknown.
        InputTypeError: an option does not exist; the message suggests a similar one, by other libraries' names too.

    Example:
        >>> TrainConfig(epochs=3, lr=0.05).schedule
        'one-cycle'
        >>> TrainConfig(epochs=-1)
        Traceback (most recent call last):
        batchnorm.errors.InputError: epochs: expected an integer of at least 1, got -1
    """

    model: str = AUTO_MODEL
    """auto: by weights or images; or see `batchnorm info`; timm:NAME; package.module:function"""
    model_args: dict[str, ModelArgument] = field(default_factory=dict)
    """further arguments of the model, e.g. width 16"""
    norm: str = "batchnorm"
    """batchnorm (ours), torch, none, or package.module:function"""
    activation: str = "relu"
    """relu, silu, gelu, ..."""
    norm_place: Literal["before", "after"] = "before"
    """norm layer before or after the activation"""
    data: str = "fashion-mnist-mini"
    """data set, path of a folder or .npz file, or package.module:source"""
    image_size: int | str | None = None
    """folder of images: their size, 64 or 128x96 (WIDTHxHEIGHT); left out: as the files suggest"""
    channels: int | None = None
    """folder of images: 1 (grey) or 3 (colour); left out: as the files suggest"""
    test_fraction: float = 0.2
    """folder without test images: fraction of them kept for testing"""
    cache_size: float = 10.0
    """gigabytes of decoded images kept on disk, of all folders together; 0: none"""
    workers: int | None = None
    """threads or processes that read image files; left out: as many as pay"""
    epochs: int = 12
    """passes over the training images"""
    batch_size: int = 64
    """images per batch, of all processes together"""
    accumulate: int = 1
    """batches per step (gradient accumulation)"""
    optimizer: Literal["sgd", "adamw"] = "sgd"
    """SGD with Nesterov momentum, or AdamW"""
    lr: float | Literal["auto"] = 0.1
    """peak learning rate; auto: the one that `batchnorm lr-find` suggests"""
    momentum: float = 0.9
    """momentum of SGD, beta1 of AdamW (not batch norm's)"""
    weight_decay: float = 1e-4
    """weight decay, as torch's optimizers define it"""
    decay_all: bool = False
    """also decay biases and norm layers' parameters"""
    schedule: Literal["one-cycle", "cosine"] = "one-cycle"
    """learning-rate schedule: one-cycle or cosine"""
    warmup: float = 0.2
    """fraction of the training during which lr rises"""
    label_smoothing: float = 0.05
    """probability spread over the other classes"""
    clip_norm: float = 0.0
    """clip gradients to this norm; 0: off"""
    ema_decay: float = 0.0
    """decay of an average of the weights, e.g. 0.999; 0: off"""
    ema_buffers: Literal["average", "copy", "recalibrate"] = "average"
    """the average's statistics: average, copy (the last ones), recalibrate"""
    recalibrate: Literal["off", "average", "exact"] = "off"
    """recompute the statistics at the end: off, average, exact"""
    fold: bool = False
    """also write a model with batch norm folded into its weights"""
    flip: bool = True
    """mirror images at random"""
    shift: int = 0
    """shift images at random by up to this many pixels"""
    crop: float | None = None
    """random crops show at least this share of an image; 1: none; left out: 0.35 for folders, else 1"""
    jitter: float = 0.0
    """vary brightness, contrast and saturation by up to this part each"""
    val_fraction: float = 0.05
    """fraction of the images held out for validation"""
    keep: Literal["last", "best"] = "last"
    """whose model is tested and kept: the last epoch's, or the best by validation"""
    seed: int = 0
    """seed of weights, order and augmentation"""
    amp: Literal["off", "bf16"] = "off"
    """mixed precision"""
    channels_last: bool = True
    """keep images and weights in channels_last memory format"""
    route: str = "auto"
    """which implementation computes our batch norm; auto: as the net was built"""
    moments: str = "batch"
    """whose moments our batch norm trains by: batch (as the net was built), ghost:32, renorm, population"""
    refresh: int | None = None
    """population: steps between two measurements of it; left out: an epoch"""
    freeze_norms: str | None = None
    """freeze statistics: after:0.8 (of the steps), or norms' names (layer1.*)"""
    init: str | None = None
    """start with the weights of a run, a checkpoint, timm:NAME or torchvision:NAME"""
    freeze: str | None = None
    """parts that are not trained, by names: 'layer1.*,conv1', or '*,!fc' for all but fc"""
    norm_mode: Literal["train", "frozen", "affine-only", "recalibrate"] = "frozen"
    """norms in what is frozen: train, frozen, affine-only, recalibrate"""
    sync_bn: bool = False
    """several processes: normalize by the moments of all of them"""
    bn_buffers: Literal["rank0", "mean"] = "rank0"
    """several processes: whose running statistics count without sync_bn: rank0, mean (of all)"""
    deterministic: bool = False
    """use only deterministic algorithms of torch"""
    device: str = "auto"
    """auto (a GPU where there is one), cpu, cuda, cuda:1"""
    threads: int = 0
    """CPU threads; 0: torch's default"""
    tune_allocator: bool = True
    """keep freed memory for the next step (CPU, glibc)"""
    log: Literal["off", "tensorboard"] = "off"
    """also write the curves for: tensorboard (into the run's folder)"""

    def __post_init__(self) -> None:
        """Check the type of every value, then its range, and name all that are wrong."""
        self._take_paths()
        hints = get_type_hints(TrainConfig)
        found = (misfit(name, hint, getattr(self, name), str(self.model)) for name, hint in hints.items())
        wrong = [fault for fault in found if fault]
        wrong = wrong or [*contradictions(self)]
        if wrong:
            raise InputError.of(*wrong)

    def _take_paths(self) -> None:
        """Make a path of data absolute: a run is gone on with, and judged, in other folders than it was begun in.

        A name that an object has, or that was read from a file, is none because there is a file of that name here.
        """
        init: object = self.init
        if isinstance(init, os.PathLike):
            object.__setattr__(self, "init", os.fspath(init))
        given: object = self.data
        if isinstance(given, os.PathLike):
            object.__setattr__(self, "data", str(data_path(given)))
        elif isinstance(given, str) and (reads_as_path(given) or not isinstance(given, OwnData)):
            object.__setattr__(self, "data", type(given)(data_path(given) or given))


MAY_DIFFER = frozenset({"tune_allocator", "cache_size", "workers", "log"})
"""Options that change no number: a run goes on with any value of them."""
MOST_BYTES = 2**14
"""Of a config file; one with all options has a thousand. Keys of many dots take Python's reader long."""
MOST_LINES = 5
"""Mistakes that are named at once."""


def read_config(path: Path | str) -> TrainConfig:
    """Read a `TrainConfig` from a TOML file; what the file leaves out keeps its default.

    Its `data` may be a name that is unknown here: a run on images that were handed over as an object has such a one.

    Raises:
        InputError: no such file, no TOML, an unknown key (the near one is named), a value of a wrong type or
            out of its range.
    """
    path = as_path(path, "path")
    with refused(path, "the config cannot be read", "Check the path."), open_regular(path, MOST_BYTES) as file:
        content = file.read(MOST_BYTES)
    with refused(path, "expected a TOML file with the options of `batchnorm train`", "Correct it."):
        values = tomllib.loads(content.decode())
    unknown = [_unknown(name) for name in values if name not in TrainConfig.__dataclass_fields__]
    try:
        if unknown:
            raise InputError("\n".join(unknown[:MOST_LINES]))
        if isinstance(values.get("data"), str):
            values["data"] = OwnData(values["data"])
        return TrainConfig(**values)
    except InputError as error:  # in a file the options have their names in Python
        raise InputError("\n".join(f"{path}: {line}" for line in str(error).splitlines())) from None


def write_config(config: TrainConfig) -> str:
    """Return `config` as the text of a TOML file that `read_config` reads back equal; what is None is left out.

    Example:
        >>> write_config(TrainConfig(epochs=3)).splitlines()[7]
        'epochs = 3'
    """
    import tomli_w

    return tomli_w.dumps({name: value for name, value in asdict(config).items() if value is not None})


def differences(one: TrainConfig, other: TrainConfig) -> list[str]:
    """Return the names of the options in which two configs differ.

    Example:
        >>> differences(TrainConfig(), TrainConfig(lr=0.3, epochs=5))
        ['epochs', 'lr']
    """
    return [entry.name for entry in fields(TrainConfig) if getattr(one, entry.name) != getattr(other, entry.name)]


def _unknown(name: str) -> str:
    """Return what to say of a key that is no option."""
    name = name[:40]
    near = near_option(name, TrainConfig.__dataclass_fields__)
    return f"unknown key {name!r}.{near or ' The keys are the fields of TrainConfig.'}"
