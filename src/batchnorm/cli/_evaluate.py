"""`batchnorm evaluate`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from rich.console import Console
from tyro.conf import Positional, arg

from ..records import Evaluation, to_dict
from ..runs import TrainConfig, confusion_picture, evaluate, torch_settings, trusting_norm
from ._json import to_line
from ._picture import check_picture
from ._printing import show
from ._streams import warn
from ._together import is_first


@dataclass
class Evaluate:
    """Evaluate a run: loss, accuracy, each class, running against batch statistics.

    Example: batchnorm evaluate runs/first
    """

    run_: Annotated[Positional[Path], arg(name="run", metavar="RUN")]
    """a run's folder, or its model.safetensors"""
    data: Annotated[str | None, arg(metavar="NAME")] = None
    """other data than the run's: a name, a path, package.module:source"""
    split: Literal["test", "train"] = "test"
    """which images to evaluate on"""
    batch_size: int = 128
    """batch size when evaluating by batch statistics"""
    model: Annotated[str | None, arg(metavar="PACKAGE.MODULE:FUNCTION")] = None
    """function that builds the model, if it is your own"""
    norm: Annotated[str | None, arg(metavar="PACKAGE.MODULE:FUNCTION")] = None
    """function that makes its norm layers, if they are yours"""
    device: Annotated[str, arg(metavar="NAME")] = "auto"
    """auto, cpu, cuda, cuda:1"""
    threads: int = 0
    """CPU threads; 0: torch's default"""
    png: Annotated[Path | None, arg(metavar="FILE.png", help_behavior_hint="(default: in the run's folder)")] = None
    """draw the confusion matrix there"""
    json: bool = False
    """print one JSON object instead of tables"""

    def run(self) -> int:
        """Evaluate, print, draw, return 0."""
        if self.png and is_first():
            check_picture("png", self.png, reads=(self.run_,))
        console = Console(stderr=self.json)
        with torch_settings(TrainConfig(device=self.device, threads=self.threads)), trusting_norm(self.norm):
            evaluation = evaluate(
                self.run_,
                dataset=self.data,
                split=self.split,
                batch_size=self.batch_size,
                model=self.model,
                device=self.device,
            )
        if self.json:
            print(to_line(to_dict(evaluation)))
        else:
            show(evaluation)
        if is_first():
            self._draw(evaluation, console)
        return 0

    def _draw(self, evaluation: Evaluation, console: Console) -> None:
        path = self.png or confusion_picture(self.run_, evaluation.data, evaluation.split)
        try:
            evaluation.plot(path)
        except ImportError as error:
            console.print(f"no picture of the confusion matrix: {error}", highlight=False, markup=False, soft_wrap=True)
        except OSError as error:
            if self.png:
                raise
            # Nobody asked for it, and a run's folder may be one to read only.
            warn(f"note: no picture of the confusion matrix: {error}; --png FILE.png draws it elsewhere")
        else:
            console.print(f"confusion matrix: {path}", highlight=False, markup=False, soft_wrap=True)
