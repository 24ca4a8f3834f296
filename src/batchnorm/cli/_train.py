"""`batchnorm train`."""

from argparse import ArgumentError, ArgumentParser
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

from tyro.conf import Fixed, OmitArgPrefixes, Suppress, arg

from ..errors import InputError, Setting
from ..models import file_may_name, names_own_norm
from ..progress import watch_training
from ..ranks import processes
from ..records import to_dict
from ..runs import (
    ANY_SOURCE,
    MAY_DIFFER,
    ModelArgument,
    RunFolder,
    TrainConfig,
    check_data_in_file,
    differences,
    foreign_net,
    is_named,
    norm_in_file,
    read_config,
    trusting_norm,
)
from ..training import config_for_all, fit, resume
from ._json import to_line
from ._options import Options
from ._streams import tell
from ._wording import told


@dataclass
class Train:
    """Train a model, test it once at the end, and keep everything in a run folder.

    Example: batchnorm train --data fashion-mnist --epochs 3 --out runs/first
    """

    training: Annotated[OmitArgPrefixes[Options], arg(name="", help="")] = field(default_factory=Options)
    config: Annotated[Path | None, arg(metavar="FILE")] = None
    """TOML file with options; the command line wins"""
    out: Annotated[Path | None, arg(metavar="FOLDER", help_behavior_hint="(default: runs/<time>-<data>)")] = None
    """folder of the new run"""
    overwrite: bool = False
    """replace the run in --out by the new one"""
    resume: Annotated[Path | None, arg(metavar="RUN")] = None
    """continue a run that was stopped, or, with more --epochs, any run"""
    quiet: bool = False
    """show no progress"""
    json: bool = False
    """print the result as one JSON object on the last line"""
    longer: Annotated[bool, Fixed, Suppress] = False
    """whether the epochs of a run that goes on were typed"""
    file_args: Annotated[dict[str, ModelArgument], Fixed, Suppress] = field(default_factory=dict)
    """the file's arguments of the net: tyro would make an option of each, and a net may have one that is called seed"""

    @classmethod
    def with_defaults_from(cls, arguments: Sequence[str]) -> "Train":
        """Return the defaults: those of `--config FILE` or of the run in `--resume RUN`, where one is named."""
        ahead = ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
        ahead.add_argument("--config", type=Path)
        ahead.add_argument("--resume", type=Path)
        ahead.add_argument("--model")
        ahead.add_argument("--data")
        ahead.add_argument("--norm")
        ahead.add_argument("--epochs")
        try:
            known, _ = ahead.parse_known_args(arguments)
        except ArgumentError:
            return cls()  # an option without its value: the real parser says so
        if known.config and known.resume:
            raise InputError(
                "a resumed run goes on with its own options",
                argument="resume",
                cure=("Leave out ", Setting("config"), "."),
            )
        if known.resume:
            config = _config(lambda: RunFolder.open(known.resume).read_config())
            # Only what the caller types may name code that runs: the config is a file like any other.
            if not file_may_name(config.model) and known.model is None:
                raise foreign_net(config.model)
            if known.data is None:
                check_data_in_file(config.data, typed=config.data if ":" in config.data else ANY_SOURCE)
            with trusting_norm(known.norm if names_own_norm(known.norm) else None):
                norm_in_file(config.norm)
            return replace(cls._of(config), longer=known.epochs is not None)
        return cls._of(_config(lambda: read_config(known.config))) if known.config else cls()

    @classmethod
    def _of(cls, config: TrainConfig) -> "Train":
        return cls(training=Options.of(replace(config, model_args={})), file_args=dict(config.model_args))

    def run(self) -> int:
        """Train, print the result, return 0."""
        config = self.training.config()
        config = replace(config, model_args={**self.file_args, **config.model_args})
        with watch_training(quiet=self.quiet, words=told) as watcher:
            if self.overwrite and (self.resume or not self.out):
                raise InputError(("is for the run that ", Setting("out"), " names"), argument="overwrite")
            if self.resume:
                self._refuse_other_options(self.resume, config)
                with trusting_norm(config.norm if names_own_norm(config.norm) else None):
                    trained = resume(
                        self.resume,
                        model=None if file_may_name(config.model) else config.model,
                        source=None if is_named(config.data) else config.data,
                        watcher=watcher,
                        **{name: getattr(config, name) for name in sorted(MAY_DIFFER)},
                        epochs=config.epochs if self.longer else None,
                    )
            else:
                out = self.out or RunFolder.default_path(config)
                trained = fit(config, out=out, overwrite=self.overwrite, watcher=watcher)
        result = trained.result
        if not (self.quiet and self.json):  # the JSON says all of it
            tell(f"test accuracy {result.test_accuracy:.4f}, loss {result.test_loss:.4f}; the run is in {result.run}")
        if self.json:
            tell(to_line(to_dict(result)))
        return 0

    def _refuse_other_options(self, run: Path, config: TrainConfig) -> None:
        begun = _config(lambda: RunFolder.open(run).read_config())
        # What is the caller's own is named again, and may have another name today.
        renamed = {"model": file_may_name(begun.model), "data": is_named(begun.data), "epochs": not self.longer}
        other = [name for name in differences(config, begun) if name not in MAY_DIFFER and renamed.get(name, True)]
        if other:
            given = tuple(part for name in other for part in (", ", Setting(name)))[1:]
            raise InputError(
                "a resumed run goes on with its own options", argument="resume", cure=("Leave out ", *given, ".")
            )
        if self.out:
            raise InputError(
                "a resumed run goes on in its own folder", argument="resume", cure=("Leave out ", Setting("out"), ".")
            )


def _config(read: Callable[[], TrainConfig]) -> TrainConfig:
    """Return the config that the first of several processes reads: the others may run where its files are not."""
    with processes() as ranks:
        return config_for_all(ranks, read)
