"""Which option of a training is meant by a name that other trainers have for it?"""

from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from types import MappingProxyType
from typing import Any, TypeVar

from ..errors import InputTypeError, did_you_mean

Config = TypeVar("Config")

_OTHERS: dict[str, str] = {
    "model": "arch architecture backbone net network model_name",
    "model_args": "model_kwargs net_args net_kwargs",
    "init": "finetune finetune_from init_from initial_checkpoint initial_weights load_from pretrained "
    "pretrained_weights weights",
    "freeze": "freeze_at freeze_backbone freeze_layers freeze_params freeze_parameters frozen "
    "frozen_layers frozen_stages",
    "norm_mode": "bn_mode bn_train_mode frozen_norms",
    "norm": "norm_layer norm_type normalization",
    "activation": "act act_layer activation_fn activation_function nonlinearity",
    "data": "data_dir data_path dataset dataset_name",
    "image_size": "img_size imgsz input_size resize resolution side",
    "channels": "color_mode colour in_channels in_chans input_channels n_channels num_channels",
    "test_fraction": "test test_frac test_ratio test_size test_split",
    "cache_size": "cache cache_gb",
    "workers": "dataloader_num_workers loader_workers n_workers nworkers num_workers",
    "epochs": "max_epochs n_epochs num_epochs num_train_epochs train_epochs",
    "batch_size": "batch bs mini_batch_size per_device_train_batch_size train_batch_size",
    "accumulate": "accumulate_grad_batches accumulation accumulation_steps accum_iter accum_steps grad_accum_steps "
    "gradient_accumulation gradient_accumulation_steps",
    "optimizer": "opt optim optimiser",
    "lr": "base_lr eta init_lr initial_lr learningrate learning_rate lr0 lr_max max_lr step_size",
    "momentum": "beta beta1 sgd_momentum",
    "weight_decay": "decay l2 l2_reg wd weight_decay_rate",
    "schedule": "lr_schedule lr_scheduler lr_scheduler_type sched scheduler",
    "warmup": "pct_start warmup_epochs warmup_fraction warmup_ratio warmup_steps",
    "label_smoothing": "ls smoothing",
    "clip_norm": "clip clip_grad clip_grad_norm clipnorm grad_clip gradient_clip_val max_grad_norm max_norm",
    "ema_decay": "ema ema_rate model_ema model_ema_decay",
    "ema_buffers": "buffers ema_bn update_bn use_buffers",
    "flip": "hflip horizontal_flip mirror random_flip",
    "shift": "crop_padding random_crop random_shift translate",
    "crop": "crop_min crop_scale min_scale random_resized_crop rrc rrc_scale scale",
    "jitter": "color_jitter colorjitter colour_jitter",
    "val_fraction": "val val_frac val_ratio val_size val_split valid_size validation_fraction validation_split",
    "keep": "checkpoint keep_best load_best_model_at_end save_best save_best_only",
    "seed": "manual_seed random_seed random_state rng_seed",
    "amp": "autocast bf16 fp16 half mixed_precision precision",
    "channels_last": "memory_format",
    "route": "backend implementation kernel",
    "moments": "moment_source source_of_moments statistics stats",
    "refresh": "refresh_every refresh_steps",
    "freeze_norms": "bn_frozen freeze_bn freeze_norm frozen_bn norm_eval",
    "sync_bn": "sync_batchnorm sync_batch_norm syncbn synchronize_bn use_sync_bn",
    "bn_buffers": "broadcast_buffers dist_bn distribute_bn reduce_bn",
    "deterministic": "determinism",
    "device": "accelerator cuda device_type gpu gpus",
    "threads": "n_jobs n_threads nthreads num_threads",
    "log": "log_with logger loggers report_to tensorboard",
    "fold": "fold_bn fuse fuse_bn",
}
SYNONYMS: Mapping[str, str] = MappingProxyType(
    {other: option for option, others in _OTHERS.items() for other in others.split()}
)
"""What others call an option, in their words; the option."""
_OF_NETS = frozenset({"depth", "width"})
"""Arguments of nets, which are no options of a training by themselves."""


def near_option(name: str, options: Iterable[str], *, say: Callable[[str], str] = repr, misspelt: bool = True) -> str:
    """Return the sentence that names the option that was meant; nothing if none is near.

    Args:
        name: what was given.
        options: those that there are.
        say: writes an option as the reader does.
        misspelt: look for names that are spelt nearly so, too.

    Example:
        >>> near_option("learning-rate", ["lr", "epochs"]), near_option("epoch", ["lr", "epochs"])
        (" Did you mean 'lr'?", " Did you mean 'epochs'?")
    """
    word, known = name.replace("-", "_").casefold(), [*options]
    meant = SYNONYMS.get(word)
    if meant in known:
        return f" Did you mean {say(meant)}?"
    if word in _OF_NETS and "model_args" in known:
        return f" It is an argument of the net, and belongs into {say('model_args')}."
    return did_you_mean(word, known) if misspelt else ""


def tells_unknown_options(kind: type[Config]) -> type[Config]:
    """Let a dataclass say which keyword was meant, where Python says only that it knows none of that name.

    Example:
        >>> from dataclasses import dataclass
        >>> @tells_unknown_options
        ... @dataclass
        ... class Options:
        ...     lr: float = 0.1
        >>> Options(learning_rate=0.2)
        Traceback (most recent call last):
        batchnorm.errors.InputTypeError: learning_rate: Options has no such option. Did you mean 'lr'?
    """
    begin: Callable[..., None] = kind.__init__
    known = kind.__dataclass_fields__  # type: ignore[attr-defined]  # what makes it a dataclass

    @wraps(begin)
    def told(self: Config, *args: Any, **kwargs: Any) -> None:
        for name in kwargs:
            if name not in known:
                cure = near_option(name, known).strip() or f"It has {', '.join(known)}."
                raise InputTypeError(f"{kind.__name__} has no such option", argument=name, cure=cure)
        begin(self, *args, **kwargs)

    setattr(kind, "__init__", told)  # noqa: B010  # mypy takes an assignment for a mistake
    return kind
