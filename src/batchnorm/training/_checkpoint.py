"""The state of a training between two steps: everything that is needed to go on as if nothing had happened."""

import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from ..errors import InputError
from ..files import atomic_write

FORMAT = "batchnorm.checkpoint"
VERSION = 1


@dataclass
class Position:
    """Where a training stands: whole epochs done, steps done in the running one, and that epoch's sums.

    `loss` and `correct` are sums over `seen` images; `seconds` is the time of all epochs so far, the running one's
    part is `epoch_seconds`. Sampler and augmentation draw from (seed, epoch, step), so they need no state.
    """

    epoch: int = 0
    step: int = 0
    loss: float = 0.0
    correct: int = 0
    seen: int = 0
    seconds: float = 0.0
    epoch_seconds: float = 0.0


def save_checkpoint(path: Path, position: Position, states: dict[str, Any]) -> None:
    """Write `position` and the named state dictionaries (with torch's RNG among them) to `path`, atomically."""
    content = {"format": FORMAT, "version": VERSION, "position": asdict(position), "states": states}
    with atomic_write(path) as file:
        torch.save(content, file)


def load_checkpoint(path: Path) -> tuple[Position, dict[str, Any]]:
    """Read what `save_checkpoint` wrote; a pickle that holds anything but tensors and plain values is never run.

    Raises:
        InputError: no such file, a broken or foreign one, or one with code in it.
    """
    if not path.is_file():
        raise InputError(f"{path}: expected the checkpoint of a run, found none; was the run stopped before its first?")
    try:
        with warnings.catch_warnings(action="ignore"):  # about odd pickles; whether this one will do is said below
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged or hostile pickle can make the reader raise nearly anything
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise InputError(
            f"{path}: not a checkpoint that `batchnorm train` wrote, or a damaged one ({reason}); nothing of it was run"
        ) from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise InputError(
            f"{path}: torch can read it, but `batchnorm train` did not write it; give a run's own last.ckpt"
        )
    if content.get("version") != VERSION:
        raise InputError(f"{path}: has version {content.get('version')}, this batchnorm goes on from version {VERSION}")
    try:
        return Position(**content["position"]), dict(content["states"])
    except (KeyError, TypeError) as error:
        raise InputError(f"{path}: the checkpoint is damaged ({error!r})") from None
