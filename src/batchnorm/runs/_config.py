"""Every option of a training, once: the same dataclass is read by Python, by TOML and by the command line."""

import json
import tomllib
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from ..errors import Fault, InputError, Setting, Words, did_you_mean
from ..files import as_path, open_regular, refused
from ..functional import check_route
from ._contradictions import contradictions
from ._frozen_names import FROZEN_NAMES, unfit_names
from ._known_names import OwnData, unknown_name
from ._late_freezing import EXPECTED, unfit_freezing
from ._option_names import near_option, tells_unknown_options
from ._ranges import RANGES
from ._trainable_moments import unfit_moments

ModelArgument = int | float | bool | str
"""In this order the command line reads them: what is no number and no True or False is text."""


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

    model: str = "ConvBNNet"
    """see `batchnorm info`; timm:NAME; package.module:function"""
    model_args: dict[str, ModelArgument] = field(default_factory=dict)
    """further arguments of the model, e.g. width 16"""
    norm: str = "batchnorm"
    """batchnorm (ours), torch, none, or package.module:function"""
    activation: str = "relu"
    """relu, silu, gelu, ..."""
    norm_place: Literal["before", "after"] = "before"
    """norm layer before or after the activation"""
    data: str = "fashion-mnist-mini"
    """data set, or package.module:source"""
    epochs: int = 12
    """passes over the training images"""
    batch_size: int = 64
    """images per batch, of all processes together"""
    accumulate: int = 1
    """batches per step (gradient accumulation)"""
    optimizer: Literal["sgd", "adamw"] = "sgd"
    """SGD with Nesterov momentum, or AdamW"""
    lr: float = 0.1
    """peak learning rate"""
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
    val_fraction: float = 0.05
    """fraction of the images held out for validation"""
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

    def __post_init__(self) -> None:
        """Check the type of every value, then its range, and name all that are wrong."""
        hints = get_type_hints(TrainConfig)
        wrong = [fault for name, hint in hints.items() if (fault := self._misfit(name, hint))]
        wrong = wrong or [*contradictions(self)]
        if wrong:
            raise InputError.of(*wrong)

    def _misfit(self, name: str, hint: Any) -> Fault | None:
        value: object = getattr(self, name)
        fault = _misfit(name, hint, value)
        return fault or (unknown_name(name, value, str(self.model)) if isinstance(value, str) else None)


def _misfit(name: str, hint: Any, value: Any) -> Fault | None:
    """Return what is wrong with the value of one option, or `None`."""
    from typeguard import CollectionCheckStrategy, TypeCheckError, check_type

    if value is None and type(None) in get_args(hint):
        return None
    choices = get_args(hint) if get_origin(hint) is Literal else ()
    kind = str if choices else hint
    try:
        # Python counts a bool as an int; an option that wants a number does not.
        if isinstance(value, bool) and kind is not bool:
            raise TypeCheckError("is a boolean")
        check_type(value, kind, collection_check_strategy=CollectionCheckStrategy.ALL_ITEMS)
    except TypeCheckError:
        wanted = RANGES[name][0] if name in RANGES else _IN_WORDS.get(name, getattr(kind, "__name__", kind))
        return Fault(argument=name, expected=str(wanted), got=f"{_shown(value)} ({type(value).__name__})")
    if isinstance(value, str) and len(value) > LONGEST:
        return Fault(argument=name, expected=f"at most {LONGEST} characters", got=str(len(value)))
    if not _is_text(value):
        return Fault(argument=name, expected="text that UTF-8 can hold, as a config file must", got=_shown(value))
    if choices and value not in choices:
        near = did_you_mean(value, choices)
        return Fault(argument=name, expected=f"one of {', '.join(choices)}", got=_shown(value), cure=near)
    if name in RANGES and not RANGES[name][1](value):
        return Fault(argument=name, expected=RANGES[name][0], got=_shown(value))
    if name == "route":
        return _unknown_route(value)
    if name == "moments":
        return unfit_moments(value)
    if name == "freeze_norms":
        return unfit_freezing(value)
    if name == "freeze":
        return unfit_names(value)
    if name == "init" and not value.strip():
        return Fault(argument="init", expected=_IN_WORDS["init"], got=_shown(value))
    return _unfit_arguments(value) if name == "model_args" else None


def _unfit_arguments(value: dict[str, ModelArgument]) -> Fault | None:
    """Return what is wrong with the arguments of a net, whatever the net."""
    for key in value:
        if key in RESERVED:
            return Fault(argument="model_args", problem=(f"{key} ", RESERVED[key][0]), cure=RESERVED[key][1])
    for key, given in value.items():
        if any(isinstance(word, str) and len(word) > LONGEST for word in (key, given)):
            return Fault(argument="model_args", expected=f"words of at most {LONGEST} characters", got=_shown(value))
        if isinstance(given, int | float) and not -(2**63) <= given < 2**63:
            return Fault(
                argument="model_args",
                expected=f"a finite number of at most 64 bits for {key}",
                got=_shown(given),
            )
    return None


def _shown(value: object) -> str:
    """Return a value as a message shows it, however long, large or deep it is."""
    try:
        said = repr(value)
    except (ValueError, RecursionError):  # more digits than Python writes, or too deep
        return f"a very large {type(value).__name__}"
    return said if len(said) <= 500 else f"{said[:500]} ..."


def _is_text(value: object) -> bool:
    """Whether all text in a value can be written down: an argument of the command line may be any bytes."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    except (ValueError, RecursionError):  # more digits than Python writes, or too deep: for the other questions
        return True
    return True


def _unknown_route(name: str) -> Fault | None:
    """Return what is wrong with the name of a route; which there are is for `functional` to say."""
    try:
        check_route(name)
    except InputError as error:
        return error.fault
    return None


LONGEST = 1000
"""Characters of a word."""
MAY_DIFFER = frozenset({"tune_allocator"})
"""Options that change no number: a run goes on with any value of them."""
MOST_BYTES = 2**14
"""Of a config file; one with all options has a thousand. Keys of many dots take Python's reader long."""
MOST_LINES = 5
"""Mistakes that are named at once."""
_IN_WORDS = {
    "model_args": "dict of names and values, such as {'width': 8}",
    "moments": "the text of a source of moments, such as 'ghost:32'",
    "freeze_norms": EXPECTED,
    "freeze": FROZEN_NAMES,
    "init": "a run's folder, a file with a state_dict, timm:NAME or torchvision:NAME",
}
_BY_THE_DATA = ("follows from the data", "Leave it out.")
_AN_OPTION = ("is an option of the training, not a further argument of the net", "Pass it as the option of that name.")
RESERVED: dict[str, tuple[Words, Words]] = {
    "name": (
        ("is the name of the model, which ", Setting("model"), " gives"),
        "Give your model's argument another name.",
    ),
    **dict.fromkeys(("num_classes", "in_channels", "image_size"), _BY_THE_DATA),
    **dict.fromkeys(("norm", "activation", "norm_place"), _AN_OPTION),
}
"""Arguments of nets that `model_args` cannot hold: why, and what to do."""


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
        >>> write_config(TrainConfig(epochs=3)).splitlines()[5]
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
