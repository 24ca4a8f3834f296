"""The state of a training between two steps: everything that is needed to go on as if nothing had happened."""

import io
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import torch

from ..errors import InputError
from ..files import atomic_write, refused
from ..records import EpochRecord, make_record
from ..runs import TRAINING_FORMAT, pickle_bytes, read_pickle
from ._bounded import check_bounded, is_plain

VERSION = 1


@dataclass
class Position:
    """Where a training stands: whole epochs done, steps done in the running one, and that epoch's sums.

    `loss`, `plain` (the loss without label smoothing; `None`: the epoch began before that was summed) and `correct` are
    sums over `seen` images; `seconds` is the time of all epochs so far, the running one's
    part is `epoch_seconds`. Sampler and augmentation draw from (seed, epoch, step), so they need no state.
    `recalibrated`: all epochs are done, and the statistics of the net are those that were computed anew. `refreshes`:
    how many of the planned measurements of the population's statistics are done, `measured` how many there have been,
    in `refresh_seconds`; in a training that became longer there may have been others.
    """

    epoch: int = 0
    step: int = 0
    loss: float = 0.0
    correct: int = 0
    seen: int = 0
    seconds: float = 0.0
    epoch_seconds: float = 0.0
    recalibrated: bool = False
    plain: float | None = 0.0
    refreshes: int = 0
    refresh_seconds: float = 0.0
    measured: int = 0

    def means(self) -> tuple[float, float]:
        """Return loss and accuracy of the running epoch so far."""
        return self.loss / self.seen, self.correct / self.seen

    def mean_plain(self) -> float | None:
        """Return its loss without label smoothing."""
        return None if self.plain is None else self.plain / self.seen


@dataclass
class Checkpoint:
    """A training between two steps.

    Attributes:
        position: where it stands.
        history: the epochs that are done.
        circumstances: what must be the same when it goes on: the options, the data, the number of images.
        threads: CPU threads; with another number it goes on, but not bit for bit.
        states: the state dictionaries of all that moves, torch's random numbers among them.
        lengthened: after how many steps it was to go on for longer than planned.
    """

    position: Position
    history: list[EpochRecord]
    circumstances: dict[str, Any]
    threads: int
    states: dict[str, Any]
    lengthened: list[int] = field(default_factory=list)

    @property
    def processes(self) -> int:
        """How many processes have made it; the states of all but the first one are among the others."""
        return len(self.states.get("ranks", ())) + 1


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write `checkpoint` to `path`, atomically.

    Raises:
        OSError: it cannot be written.
    """
    content_bytes = checkpoint_bytes(checkpoint)
    with atomic_write(path) as file:
        file.write(content_bytes)


def checkpoint_bytes(checkpoint: Checkpoint) -> bytes:
    """Return the bytes of the file of `checkpoint`."""
    content = {
        "format": TRAINING_FORMAT,
        "version": VERSION,
        "position": asdict(checkpoint.position),
        "history": [asdict(record) for record in checkpoint.history],
        "circumstances": checkpoint.circumstances,
        "threads": checkpoint.threads,
        "states": checkpoint.states,
        "lengthened": checkpoint.lengthened,
    }
    return pickle_bytes(content)


def checkpoint_of(content: bytes) -> Checkpoint:
    """Return the checkpoint whose bytes a process of this training has told."""
    return _checkpoint(torch.load(io.BytesIO(content), map_location="cpu", weights_only=True))


def load_checkpoint(path: Path) -> Checkpoint:
    """Read what `save_checkpoint` wrote; a pickle that holds anything but tensors and plain values is never run.

    Raises:
        InputError: no such file, a broken or foreign one, or one with code in it.
    """
    if not path.exists():
        raise InputError(f"{path}: expected the checkpoint of a run, found none", cure="Check the path.")
    content = read_pickle(path, "not a checkpoint that `batchnorm train` wrote, or a damaged one")
    if not isinstance(content, dict) or not _is(content.get("format"), TRAINING_FORMAT):
        raise InputError(
            f"{path}: torch can read it, but `batchnorm train` did not write it", cure="Use a run's own last.ckpt."
        )
    version = content.get("version")
    if not _is(version, VERSION):
        said = version if type(version) is int else f"of type {type(version).__name__}"
        raise InputError(f"{path}: has version {said}; this batchnorm goes on from version {VERSION}")
    with refused(path, "the checkpoint is damaged", "Take a copy of it, or start the run anew."):
        return _checkpoint(content)


def _is(value: object, wanted: object) -> bool:
    """Whether both are the same; what compares itself in its own way, as a tensor does, is not."""
    return type(value) is type(wanted) and value == wanted


def _checkpoint(content: dict[str, Any]) -> Checkpoint:
    """Make the checkpoint of what a file says, each value of which is checked first."""
    position, circumstances, threads = (content[name] for name in ("position", "circumstances", "threads"))
    check_bounded(content)
    history = [make_record(EpochRecord, record) for record in content["history"]]
    if not isinstance(circumstances, dict) or not is_plain(circumstances):
        raise ValueError("circumstances: expected options by their names")
    if type(threads) is not int or not 1 <= threads < 2**31:
        raise ValueError("threads: expected an integer of at least 1")
    lengthened = content.get("lengthened", [])  # older ones do not say it
    if not isinstance(lengthened, list) or not all(type(steps) is int and 0 <= steps < 2**63 for steps in lengthened):
        raise ValueError("lengthened: expected a list of steps")
    states = dict(content["states"])
    checkpoint = Checkpoint(_position(position), history, circumstances, threads, states, lengthened)
    if [record.epoch for record in history] != [*range(1, checkpoint.position.epoch + 1)]:
        raise ValueError("history: expected one record for each epoch that is done")
    return checkpoint


LATER = frozenset({"recalibrated", "plain", "refreshes", "refresh_seconds", "measured"})
"""Parts of a position that are younger than checkpoints."""


def _position(values: dict[str, Any]) -> Position:
    """Make the position, whose numbers are counts, sums and times."""
    known = {entry.name: entry.type for entry in fields(Position)}
    if not known.keys() - LATER <= values.keys() <= known.keys():
        raise ValueError(f"position: expected {', '.join(known)}")
    for name, value in values.items():
        if name == "plain" and value is None:
            continue
        counted = known[name] in (int, bool)
        kinds: tuple[type, ...] = (known[name],) if counted else (int, float)  # type: ignore[assignment]  # types
        if type(value) not in kinds or not 0 <= value < 2**63:
            raise ValueError(f"position.{name}: expected a number that is not negative, got {value!r}")
    older = {"plain": None if values["step"] else 0.0, "measured": values.get("refreshes", 0)}
    position = Position(**{**older, **values})
    if position.correct > position.seen or (position.step > 0) != (position.seen > 0):
        raise ValueError("position: its counts contradict each other")
    return position
