"""`batchnorm recalibrate`."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Fixed, OmitArgPrefixes, Positional, Suppress, arg

from ..errors import InputError, Setting
from ..progress import RunRecalibrationWatcher, watch_rounds
from ..ranks import processes
from ..records import RunRecalibration, to_dict
from ..runs import RECALIBRATION_BATCH, is_state_dict, recalibrate_checkpoint, recalibrate_run, trusting_norm
from ..statistics import RecalibrationOptions
from ._input_shapes import input_shapes
from ._json import to_line
from ._picture import check_picture, draw
from ._printing import show
from ._together import is_first
from ._wording import told


@dataclass(frozen=True)
class Statistics(RecalibrationOptions):
    """`RecalibrationOptions` but for the method, each option on one line of the help."""

    # The parser shows a group last, whereas the method is what most users come for: it stands in front of all others.
    method: Annotated[Literal["average", "exact"], Fixed, Suppress] = "average"
    max_rounds: Annotated[int | None, arg(metavar="N")] = None


@dataclass
class Recalibrate:
    """Recompute running statistics from data; the previous model is kept.

    Example: batchnorm recalibrate runs/first --method exact --plot drift.png

    Example: batchnorm recalibrate net.pt --model m:f --data fashion-mnist -o new.pt
    """

    run_: Annotated[Positional[Path], arg(name="run", metavar="RUN")]
    """a run's folder, a model file, or a state_dict of your own model"""
    statistics: Annotated[OmitArgPrefixes[Statistics], arg(name="", help="")] = field(default_factory=Statistics)
    method: Literal["average", "exact"] = "average"
    """average: one pass; exact: a pass per layer, any batch size"""
    data: Annotated[str | None, arg(metavar="NAME")] = None
    """other data than the run's: a name, a path, package.module:source"""
    split: Annotated[Literal["train", "test"], arg(metavar="WORD")] = "train"
    """train (without the validation images) or test"""
    augment: bool = True
    """vary the images as the training did"""
    batch_size: int = RECALIBRATION_BATCH
    """images per batch; exact does not depend on it"""
    max_samples: Annotated[int | None, arg(metavar="N")] = None
    """use at most N images, drawn at random"""
    out: Annotated[Path | None, arg(metavar="FILE", aliases=["-o"])] = None
    """write the model to FILE and leave the run as it is"""
    overwrite: bool = False
    """replace FILE if it exists"""
    plot: Annotated[Path | None, arg(metavar="FILE")] = None
    """draw how stale each layer was (.svg or .png)"""
    model: Annotated[str | None, arg(metavar="PACKAGE.MODULE:FUNCTION")] = None
    """builds the model, if it is yours; also timm:NAME"""
    norm: Annotated[str | None, arg(metavar="PACKAGE.MODULE:FUNCTION")] = None
    """function that makes its norm layers, if they are yours"""
    input: Annotated[tuple[str, ...], arg(metavar="1x3x224x224")] = ()
    """shape of your own model's input, to check the images"""
    device: Annotated[str, arg(metavar="NAME")] = "auto"
    """auto, cpu, cuda, cuda:1"""
    threads: int = 0
    """CPU threads; 0: torch's default"""
    quiet: bool = False
    """show no progress"""
    json: bool = False
    """print one JSON object instead of the table"""

    def run(self) -> int:
        """Recalibrate, print, draw, return 0."""
        if self.plot and is_first():
            check_picture("plot", self.plot, (".svg", ".png"), reads=(self.run_,))
            if self.out and self.out.resolve() == self.plot.resolve():
                raise InputError(
                    (f"{self.plot} is where ", Setting("out"), " puts the model"),
                    argument="plot",
                    cure="Choose another.",
                )
        with watch_rounds(quiet=self.quiet, words=told) as watcher:
            with processes(verb="recalibrate") as ranks:
                checkpoint = ranks.from_first(lambda: b"yes" if is_state_dict(self.run_) else b"")
            said = self._of_checkpoint(watcher) if checkpoint else self._of_run(watcher)
        if self.plot and is_first():
            draw(said.recalibration, self.plot, "drift of each layer")
        if self.json:
            print(to_line(to_dict(said)))
        else:
            show(said)
        return 0

    def _options(self) -> RecalibrationOptions:
        return replace(self.statistics, method=self.method)

    def _of_run(self, watcher: RunRecalibrationWatcher) -> RunRecalibration:
        if self.input:
            raise InputError("is for a state_dict of your own net; a run takes its own images", argument="input")
        with trusting_norm(self.norm):
            return recalibrate_run(
                self.run_,
                out=self.out,
                overwrite=self.overwrite,
                options=self._options(),
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

    def _of_checkpoint(self, watcher: RunRecalibrationWatcher) -> RunRecalibration:
        if self.norm:
            raise InputError("is for runs; a net of your own makes its norm layers itself", argument="norm")
        return recalibrate_checkpoint(
            self.run_,
            model=self.model,
            inputs=input_shapes(self.input),
            dataset=self.data,
            split=self.split,
            out=self.out,
            overwrite=self.overwrite,
            batch_size=self.batch_size,
            max_samples=self.max_samples,
            device=self.device,
            options=self._options(),
            threads=self.threads,
            watcher=watcher,
        )
