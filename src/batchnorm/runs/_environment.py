"""Which settings of torch does a run change, and change back; and which device is meant?"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch

from ..errors import InputError
from ..ranks import Place, place_in
from ._config import TrainConfig

_DEVICES = "auto, cpu, cuda or cuda:<number>"


@contextmanager
def torch_settings(config: TrainConfig) -> Iterator[torch.device]:
    """Seed torch, set its threads and its determinism as `config` says, give the device; all is put back at the end.

    Raises:
        InputError: the device is unknown or not on this machine.
    """
    device = pick_device(config.device)
    threads = torch.get_num_threads()
    strict, warn_only = _determinism()
    on_gpu = device.type == "cuda"
    # What NCCL and others do on "the" GPU is to be done on that of this process.
    with (
        torch.random.fork_rng(devices=[device] if on_gpu else []),
        torch.cuda.device(device) if on_gpu else nullcontext(),
    ):
        try:
            torch.manual_seed(config.seed)
            if config.threads:
                torch.set_num_threads(config.threads)
            if config.deterministic:
                torch.use_deterministic_algorithms(True)
            yield device
        finally:
            torch.set_num_threads(threads)
            # torch imports its compiler for this, which an interrupt in a first import may have left in pieces.
            if (strict, warn_only) != _determinism():
                torch.use_deterministic_algorithms(strict, warn_only=warn_only)


def _determinism() -> tuple[bool, bool]:
    return torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()


def pick_device(name: str) -> torch.device:
    """Return the device of that name; `auto` is the GPU where there is one, and of several processes each has its own.

    Raises:
        InputError: torch knows no such device, or it is not on this machine.

    Example:
        >>> pick_device("cpu")
        device(type='cpu')
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and torch.cuda.is_available() and (place := place_in()):
        return _own_gpu(place)
    try:
        device = torch.device(name)
    except RuntimeError:
        raise InputError(argument="device", expected=_DEVICES, got=repr(name)) from None
    if device.type not in ("cpu", "cuda"):
        raise InputError(argument="device", expected=_DEVICES, got=repr(name))
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise InputError(
            f"this machine has {torch.cuda.device_count()} CUDA devices",
            argument="device",
            got=repr(name),
            cure="Try cpu.",
        )
    return device


def _own_gpu(place: Place) -> torch.device:
    count = torch.cuda.device_count()
    if place.local_rank < count:
        return torch.device("cuda", place.local_rank)
    raise InputError(
        f"this machine has {count} CUDA {'device' if count == 1 else 'devices'} for {place.local_size} processes",
        argument="device",
        cure=f"Start {count}, or pass cpu.",
    )
