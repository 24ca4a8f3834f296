"""`batchnorm lr-find`."""

from argparse import ArgumentError, ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

from tyro.conf import Fixed, OmitArgPrefixes, Suppress, arg

from ..progress import watch_rates
from ..records import to_dict
from ..runs import ModelArgument, TrainConfig, read_config
from ..training import LRRangeOptions, find_lr
from ._json import to_line
from ._options import Options
from ._picture import check_picture, draw
from ._printing import show
from ._together import is_first
from ._wording import told


@dataclass
class LrFind:
    """Suggest a learning rate by a range test, for a training with these options.

    Example: batchnorm lr-find --data fashion-mnist --plot rates.svg
    """

    training: Annotated[OmitArgPrefixes[Options], arg(name="", help="")] = field(default_factory=Options)
    config: Annotated[Path | None, arg(metavar="FILE")] = None
    """TOML file with options; the command line wins"""
    lr_min: float = 1e-6
    """the lowest learning rate"""
    lr_max: float = 10.0
    """the highest learning rate"""
    steps: int = 100
    """training steps, each at a higher rate"""
    plot: Annotated[Path | None, arg(metavar="FILE")] = None
    """draw the losses over the rates (.svg or .png)"""
    quiet: bool = False
    """show no progress"""
    json: bool = False
    """print one JSON object instead of the table"""
    file_args: Annotated[dict[str, ModelArgument], Fixed, Suppress] = field(default_factory=dict)
    """the file's arguments of the net, as `train` has them"""

    @classmethod
    def with_defaults_from(cls, arguments: Sequence[str]) -> "LrFind":
        """Return the defaults: those of `--config FILE`, where one is named."""
        ahead = ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
        ahead.add_argument("--config", type=Path)
        try:
            known, _ = ahead.parse_known_args(arguments)
        except ArgumentError:
            return cls()  # an option without its value: the real parser says so
        if not known.config:
            return cls()
        config = read_config(known.config)
        return cls(training=Options.of(replace(config, model_args={})), file_args=dict(config.model_args))

    def run(self) -> int:
        """Try the rates, print and draw; return 0, or 1 if no rate can be suggested."""
        if self.plot and is_first():
            check_picture("plot", self.plot, (".svg", ".png"), reads=[self.config] if self.config else [])
        options = LRRangeOptions(self.lr_min, self.lr_max, self.steps)
        with watch_rates(quiet=self.quiet, words=told) as watcher:
            record = find_lr(self._config(), options=options, watcher=watcher)
        if self.plot and is_first():
            draw(record, self.plot, "loss over the learning rate")
        if self.json:
            print(to_line(to_dict(record)))
        else:
            show(record)
        return 0 if record.suggestion is not None else 1

    def _config(self) -> TrainConfig:
        config = self.training.config()
        return replace(config, model_args={**self.file_args, **config.model_args})
