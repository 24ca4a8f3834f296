"""`batchnorm recalibrate`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import OmitArgPrefixes, Positional, arg

from ..errors import InputError, Setting
from ..records import Recalibration, to_dict
from ..runs import RECALIBRATION_BATCH, recalibrate_run
from ..statistics import RecalibrationOptions
from ._json import to_line
from ._picture import check_picture
from ._printing import show
from ._recalibration_progress import watch_rounds
from ._streams import warn


@dataclass(frozen=True)
class Statistics(RecalibrationOptions):
    """`RecalibrationOptions`, each option on one line of the help."""

    max_rounds: Annotated[int | None, arg(metavar="N")] = None


@dataclass
class Recalibrate:
    """Set a run's running statistics to those of its training images; the former model is kept.

    Example: batchnorm recalibrate runs/first --method exact --plot drift.png

    Example: batchnorm recalibrate runs/first --data fashion-mnist --split test -o adapted.safetensors
    """

    run_: Annotated[Positional[Path], arg(name="run", metavar="RUN")]
    """a run's folder, or its model.safetensors"""
    statistics: Annotated[OmitArgPrefixes[Statistics], arg(name="", help="")] = field(default_factory=Statistics)
    data: Annotated[str | None, arg(metavar="NAME")] = None
    """another data set than the run's, or package.module:source"""
    split: Annotated[Literal["train", "test"], arg(metavar="WORD")] = "train"
    """train, without images that were held out, or test"""
    augment: bool = True
    """vary the images as the training did"""
    batch_size: int = RECALIBRATION_BATCH
    """images per batch; exact needs no large ones"""
    max_samples: Annotated[int | None, arg(metavar="N")] = None
    """at most so many images, drawn at random (all)"""
    out: Annotated[Path | None, arg(metavar="FILE", aliases=["-o"])] = None
    """write the model there and leave the run alone"""
    overwrite: bool = False
    """allow that FILE is replaced"""
    plot: Annotated[Path | None, arg(metavar="FILE")] = None
    """draw how stale each layer was, as .svg or .png"""
    model: Annotated[str | None, arg(metavar="PACKAGE.MODULE:FUNCTION")] = None
    """the net, if it is your own"""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1"""
    threads: int = 0
    """CPU threads; 0: as many as torch takes"""
    quiet: bool = False
    """no progress"""
    json: bool = False
    """print one JSON object instead of the table"""

    def run(self) -> int:
        """Recalibrate, print, draw, return 0."""
        if self.plot:
            check_picture("plot", self.plot, (".svg", ".png"), reads=(self.run_,))
            if self.out and self.out.resolve() == self.plot.resolve():
                raise InputError(
                    (f"{self.plot} is where ", Setting("out"), " puts the model"),
                    argument="plot",
                    cure="Choose another.",
                )
        with watch_rounds(quiet=self.quiet) as watcher:
            said = recalibrate_run(
                self.run_,
                out=self.out,
                overwrite=self.overwrite,
                options=self.statistics,
                dataset=self.data,
                split=self.split,
                augment=self.augment,
                batch_size=self.batch_size,
                max_samples=self.max_samples,
                model=self.model,
                device=self.device,
                threads=self.threads,
                watcher=watcher,
            )
        if self.plot:
            _draw(said.recalibration, self.plot)
        if self.json:
            print(to_line(to_dict(said)))
        else:
            show(said)
        return 0


def _draw(record: Recalibration, path: Path) -> None:
    try:
        record.plot(path)
    except ImportError as error:
        warn(f"note: no picture of the drift: {error}")
    else:
        warn(f"drift of each layer: {path}")
