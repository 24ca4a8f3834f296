"""The state of a training between two steps: everything that is needed to go on as if nothing had happened."""

import io
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from ..errors import InputError
from ..files import atomic_write
from ..records import EpochRecord

FORMAT = "batchnorm.checkpoint"
VERSION = 1


@dataclass
class Position:
    """Where a training stands: whole epochs done, steps done in the running one, and that epoch's sums.

    `loss` and `correct` are sums over `seen` images; `seconds` is the time of all epochs so far, the running one's
    part is `epoch_seconds`. Sampler and augmentation draw from (seed, epoch, step), so they need no state.
    `recalibrated`: all epochs are done, and the statistics of the net are those that were computed anew.
    """

    epoch: int = 0
    step: int = 0
    loss: float = 0.0
    correct: int = 0
    seen: int = 0
    seconds: float = 0.0
    epoch_seconds: float = 0.0
    recalibrated: bool = False


@dataclass
class Checkpoint:
    """A training between two steps.

    Attributes:
        position: where it stands.
        history: the epochs that are done.
        circumstances: what must be the same when it goes on: the options, the data, the number of images.
        threads: CPU threads; with another number it goes on, but not bit for bit.
        states: the state dictionaries of all that moves, torch's random numbers among them.
    """

    position: Position
    history: list[EpochRecord]
    circumstances: dict[str, Any]
    threads: int
    states: dict[str, Any]


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write `checkpoint` to `path`, atomically.

    Raises:
        OSError: it cannot be written.
    """
    content = {
        "format": FORMAT,
        "version": VERSION,
        "position": asdict(checkpoint.position),
        "history": [asdict(record) for record in checkpoint.history],
        "circumstances": checkpoint.circumstances,
        "threads": checkpoint.threads,
        "states": checkpoint.states,
    }
    # By way of memory: where the disk is full, torch's own writer hides the reason.
    memory = io.BytesIO()
    torch.save(content, memory)
    with atomic_write(path) as file:
        file.write(memory.getbuffer())


def load_checkpoint(path: Path) -> Checkpoint:
    """Read what `save_checkpoint` wrote; a pickle that holds anything but tensors and plain values is never run.

    Raises:
        InputError: no such file, a broken or foreign one, or one with code in it.
    """
    if not path.is_file():
        raise InputError(f"{path}: expected the checkpoint of a run, found none; check the path")
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
        return Checkpoint(
            position=Position(**content["position"]),
            history=[EpochRecord(**record) for record in content["history"]],
            circumstances=dict(content["circumstances"]),
            threads=int(content["threads"]),
            states=dict(content["states"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: the checkpoint is damaged ({error!r})") from None
