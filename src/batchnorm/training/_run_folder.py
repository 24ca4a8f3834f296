"""A run on disk: `config.toml`, `metrics.jsonl`, `model.safetensors`, `last.ckpt`, `result.json`."""

import os
from datetime import datetime
from pathlib import Path

from ..errors import InputError
from ..files import atomic_write
from ..records import EpochRecord, TrainResult, from_json, to_json
from ._config import TrainConfig, read_config, write_config


class RunFolder:
    """The files of one run, each written whole or not at all.

    Args:
        path: the folder; `plan` names a new one and `create` makes it, `open` takes one that exists.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.config = self.path / "config.toml"
        self.metrics = self.path / "metrics.jsonl"
        self.model = self.path / "model.safetensors"
        self.checkpoint = self.path / "last.ckpt"
        self.result = self.path / "result.json"

    @classmethod
    def plan(cls, path: Path | str) -> "RunFolder":
        """Take the folder of a run to be, without touching the disk.

        Raises:
            InputError: the path holds something already, or a folder cannot be made there.
        """
        folder = cls(path)
        if folder.path.is_dir() and any(folder.path.iterdir()):
            raise InputError(
                f"out: expected a new or an empty folder, {folder.path} holds files; choose another, "
                f"or go on with that run: batchnorm train --resume {folder.path}"
            )
        nearest = next(place for place in (folder.path, *folder.path.absolute().parents) if place.exists())
        if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
            raise InputError(
                f"out: {folder.path} cannot be made, {nearest} is no folder that may be written; choose another"
            )
        return folder

    @staticmethod
    def default_path(config: TrainConfig) -> Path:
        """Return `runs/<time>-<model>-<data>` for a run that starts now."""
        model = config.model.replace(":", ".").replace("/", ".")
        return Path("runs") / f"{datetime.now():%Y%m%d-%H%M%S}-{model}-{config.data}"

    def create(self, config: TrainConfig) -> None:
        """Make the folder and write the config into it.

        Raises:
            OSError: it cannot be written.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with atomic_write(self.config, "w") as file:
            file.write(write_config(config))

    @classmethod
    def open(cls, path: Path | str) -> "RunFolder":
        """Take the folder of a run that exists.

        Raises:
            InputError: there is no folder, or it is not a run's.
        """
        folder = cls(path)
        if not folder.path.is_dir():
            raise InputError(f"{folder.path}: expected the folder of a run, found none; check the path")
        if not folder.config.is_file():
            raise InputError(f"{folder.path}: expected the folder of a run, but it has no config.toml")
        return folder

    def read_config(self) -> TrainConfig:
        """Return the config that the run was started with."""
        return read_config(self.config)

    def append(self, record: EpochRecord) -> None:
        """Add one epoch to the metrics."""
        with self.metrics.open("a", encoding="utf-8") as file:
            file.write(to_json(record) + "\n")

    def cut_metrics(self, epochs: int) -> None:
        """Keep the first `epochs` lines: what was written after the checkpoint is about to happen again."""
        if self.metrics.exists():
            lines = self.metrics.read_text(encoding="utf-8").splitlines(keepends=True)
            with atomic_write(self.metrics, "w") as file:
                file.writelines(lines[:epochs])

    def read_metrics(self) -> list[EpochRecord]:
        """Return the epochs that are written so far."""
        if not self.metrics.exists():
            return []
        return [from_json(line, EpochRecord) for line in self.metrics.read_text(encoding="utf-8").splitlines()]

    def write_result(self, result: TrainResult) -> None:
        """Write the result; a run that has one is finished."""
        with atomic_write(self.result, "w") as file:
            file.write(to_json(result) + "\n")

    def read_result(self) -> TrainResult | None:
        """Return the result, `None` while the run is not finished."""
        if not self.result.exists():
            return None
        return from_json(self.result.read_text(encoding="utf-8"), TrainResult)
