"""A run on disk: which files it has, and how each is written and read."""

import contextlib
import itertools
import os
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from ..data import data_path
from ..errors import ForPython, InputError, Setting, Words, did_you_mean
from ..files import as_path, atomic_write, hold, is_part, read_text, refused, remove_parts, sync_folder
from ..records import EpochRecord, Initialization, LRRangeTest, TrainResult, from_json, to_json
from ._config import TrainConfig, read_config, write_config
from ._known_names import AUTO_MODEL
from ._metrics import csv_of, lines_of
from ._run_paths import refuse_odd_name, runs_in
from ._safetensors import PICKLES

Kept = TypeVar("Kept", EpochRecord, TrainResult)


CONFIG, SPLIT = "config.toml", "split.csv"
"""What a run was asked for, and which images of a folder it was trained on and tested by."""


class RunFolder:
    """The files of one run, each written whole or not at all.

    Args:
        path: the folder; `plan` names a new one and `created` makes it, `open` takes one that exists.
        argument: what a caller calls it.

    Example:
        >>> import tempfile
        >>> folder = RunFolder.plan(Path(tempfile.mkdtemp()) / "run")
        >>> with folder.created(TrainConfig(epochs=3)):
        ...     RunFolder.open(folder.path).read_config().epochs
        3
        >>> folder.read_result() is None
        True
    """

    def __init__(self, path: Path | str, argument: str = "run") -> None:
        self.path = as_path(path, argument)
        self.config = self.path / CONFIG
        self.split = self.path / SPLIT
        self.metrics = self.path / "metrics.jsonl"
        self.metrics_table = self.path / "metrics.csv"
        self.model = self.path / "model.safetensors"
        self.checkpoint = self.path / "last.ckpt"
        self.result = self.path / "result.json"
        self.recalibration = self.path / "recalibration.json"
        self.rates = self.path / "lr_range_test.json"
        self.initialization = self.path / "initialization.json"
        self.folded = self.path / "folded.safetensors"
        self.former_model = self.path / "model.before-recalibration.safetensors"
        models = (self.model, self.former_model, self.folded, self.checkpoint)
        texts = (self.config, self.split, self.metrics, self.metrics_table, self.result, self.recalibration)
        self.files = (*models, *texts, self.rates, self.initialization)

    @classmethod
    def plan(cls, path: Path | str) -> "RunFolder":
        """Take the folder of a run to be, without touching the disk.

        Raises:
            InputError: the path holds something already, or a folder cannot be made there.
        """
        folder = cls(path, "out")
        refuse_odd_name(folder.path, "out")
        try:
            folder._refuse_files()
            folder._refuse_long_path()
            nearest = next(place for place in (folder.path, *folder.path.absolute().parents) if place.exists())
        except OSError as error:
            raise InputError(
                f"{folder.path} cannot be made ({error.strerror})", argument="out", cure="Choose another."
            ) from None
        if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
            raise InputError(
                f"{folder.path} cannot be made: {nearest} is not a folder that can be written to",
                argument="out",
                cure="Choose another.",
            )
        return folder

    @staticmethod
    def default_path(config: TrainConfig) -> Path:
        """Return `runs/<time>-<model>-<data>` for a run that starts now; a path stands there by its last part.

        Example:
            >>> RunFolder.default_path(TrainConfig(model="MLP", data="/data/photos")).name[16:]
            'MLP-photos'
        """
        called = Path(config.data).name if data_path(config.data) else config.data
        model, data = (name.replace(":", ".").replace("/", ".") for name in (config.model, called))
        what = data if config.model == AUTO_MODEL else f"{model}-{data}"
        path = Path("runs") / f"{datetime.now():%Y%m%d-%H%M%S}-{what}"
        taken = (path.with_name(f"{path.name}-{number}") for number in itertools.count(2))
        return path if not path.exists() else next(other for other in taken if not other.exists())

    @contextlib.contextmanager
    def created(self, config: TrainConfig, split: bytes | None = None) -> Iterator[None]:
        """Make the folder, write the config into it, and hold it against other processes for the time of the block.

        Args:
            config: what was asked for.
            split: which images of a folder are trained on, and which are for testing; `None`: that is known otherwise.

        Raises:
            InputError: another process was faster.
            OSError: it cannot be written.
        """
        new = [place for place in (self.path, *self.path.absolute().parents) if not place.exists()]
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            problem = f"the folder {self.path} cannot be made ({error.strerror})"
            raise InputError(problem, argument="out", cure="Choose another.") from error
        for place in reversed(new):
            sync_folder(place.parent)
        with self.held():
            self._refuse_files()
            if split is not None:  # first: what has a config is a run
                with atomic_write(self.split) as file:
                    file.write(split)
            with atomic_write(self.config, "w") as file:
                file.write(write_config(config))
            yield

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold the folder against other processes for the time of the block, where the system can.

        What a process that was killed left half-written in it is removed.

        Raises:
            InputError: another process trains in it.
        """
        if not hasattr(os, "O_DIRECTORY"):  # Windows opens no folders
            yield
            return
        descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            with contextlib.suppress(OSError):  # a file system without locks
                if not hold(descriptor):
                    raise InputError(f"{self.path}: another process trains in this folder", cure="Wait for it.")
            remove_parts(self.path)
            yield
        finally:
            os.close(descriptor)

    def _refuse_files(self) -> None:
        if self.path.is_dir() and not all(is_part(entry.name) for entry in self.path.iterdir()):
            other = (", or go on with that run: ", self.resuming()) if self.config.is_file() else ""
            raise InputError(
                argument="out",
                expected="a new or an empty folder",
                got=f"{self.path}, which holds files",
                cure=("Choose another", other, "."),
            )

    def resuming(self, model: str | None = None, source: str | None = None) -> Words:
        """How the training is gone on with; with the caller's own `model` and `source`, if they are not ours."""
        given = {"model": model, "source": source}
        own = {name: value for name, value in given.items() if value}
        words = "".join(f", {key}={value!r}" for key, value in own.items())
        options = {"model": "model", "source": "dataset"}
        return ForPython(
            f"batchnorm.training.resume({str(self.path)!r}{words})",
            otherwise=(
                "batchnorm train ",
                Setting("resume", shlex.quote(str(self.path))),
                tuple(part for key in own for part in (" ", Setting(options[key], shlex.quote(own[key])))),
            ),
        )

    def _refuse_long_path(self) -> None:
        """Let the system take or refuse the longest path that will be written, which need not exist."""
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            self.former_model.stat()

    @classmethod
    def open(cls, path: Path | str) -> "RunFolder":
        """Take the folder of a run that exists, by its path or by that of the model, checkpoint or config in it.

        Raises:
            InputError: there is no folder, or it is not a run's.
        """
        folder = cls(path)
        refuse_odd_name(folder.path)
        try:
            if folder.path.is_file():
                folder = folder._around()
            found, has_config = folder.path.is_dir(), folder.config.is_file()
        except OSError as error:
            raise InputError(f"{folder.path}: cannot be a run ({error.strerror})", cure="Check the path.") from None
        if not found:
            ending = folder.path.suffix
            is_file = ending in (".safetensors", *PICKLES)
            near = did_you_mean(folder.path.name, runs_in(folder.path.parent, ending if is_file else ".safetensors"))
            expected = "a model file" if is_file else "the folder of a run"
            raise InputError(f"{folder.path}: expected {expected}, found none", cure=f"Check the path.{near}")
        if not has_config:
            raise InputError(f"{folder.path}: expected the folder of a run, but it has no config.toml")
        return folder

    def _around(self) -> "RunFolder":
        """The folder of a file of a run, if it is one that the run itself is read from."""
        home = type(self)(self.path.parent)
        if self.path in (home.model, home.checkpoint, home.config):
            return home
        advice = f"give the folder, {home.path}" if home.config.is_file() else "give the folder that a training made"
        raise InputError(f"{self.path}: expected the folder of a run, got a file; {advice}")

    def read_config(self) -> TrainConfig:
        """Return the config that the run was started with."""
        return read_config(self.config)

    def write_metrics(self, history: Sequence[EpochRecord]) -> None:
        """Write what each epoch came to, as lines of JSON and as a table."""
        for path, text in self._metrics(history).items():
            with atomic_write(path, "w") as file:
                file.write(text)

    def complete_metrics(self, history: Sequence[EpochRecord]) -> None:
        """Write the epochs that the checkpoint knows, if others are written: a crash may have come in between."""
        with contextlib.suppress(FileNotFoundError, UnicodeDecodeError):
            if all(path.read_bytes().decode() == text for path, text in self._metrics(history).items()):
                return
        self.write_metrics(history)

    def _metrics(self, history: Sequence[EpochRecord]) -> dict[Path, str]:
        return {self.metrics: lines_of(history), self.metrics_table: csv_of(history)}

    def read_metrics(self) -> list[EpochRecord]:
        """Return the epochs that are written so far.

        Raises:
            InputError: the file holds something else.
        """
        if not self.metrics.exists():
            return []
        lines = enumerate(_read(self.metrics).splitlines(), 1)
        return [_record(f"{self.metrics}, line {number}", line, EpochRecord) for number, line in lines]

    def write_rates(self, record: LRRangeTest) -> None:
        """Write how the run's learning rate was found."""
        with atomic_write(self.rates, "w") as file:
            file.write(to_json(record, lines=True))

    def write_initialization(self, record: Initialization) -> None:
        """Write what the net took of the weights that the run was started with."""
        with atomic_write(self.initialization, "w") as file:
            file.write(to_json(record, lines=True))

    def write_result(self, result: TrainResult) -> None:
        """Write the result; a run that has one is finished."""
        with atomic_write(self.result, "w") as file:
            file.write(to_json(result) + "\n")

    def read_result(self) -> TrainResult | None:
        """Return the result, `None` while the run is not finished.

        Raises:
            InputError: the file holds something else.
        """
        if not self.result.exists():
            return None
        result = _record(str(self.result), _read(self.result), TrainResult)
        return replace(result, run=str(self.path))  # the folder may have been moved since


def _read(path: Path) -> str:
    with refused(path, "cannot be read", "Restore the file or remove it."):
        return read_text(path)


def _record(where: str, text: str, kind: type[Kept]) -> Kept:
    try:
        return from_json(text, kind)
    except InputError as error:
        raise InputError((f"{where}: ", error.fault)) from None
