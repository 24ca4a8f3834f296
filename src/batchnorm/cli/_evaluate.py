"""`batchnorm evaluate`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from rich.console import Console
from tyro.conf import Positional, arg

from ..records import Evaluation, to_dict
from ..runs import confusion_picture, evaluate
from ._json import to_line
from ._picture import check_picture
from ._printing import show
from ._streams import warn


@dataclass
class Evaluate:
    """Judge a run on the test images: loss, accuracy, each class, and how batch norm's modes differ.

    Example: batchnorm evaluate runs/first
    """

    run_: Annotated[Positional[Path], arg(name="run", metavar="RUN")]
    """a run's folder, or its model.safetensors"""
    data: Annotated[str | None, arg(metavar="NAME")] = None
    """another data set than the run's, or package.module:source"""
    split: Literal["test", "train"] = "test"
    """which images"""
    batch_size: int = 128
    """of the pass by the batches' own statistics"""
    model: Annotated[str | None, arg(metavar="PACKAGE.MODULE:FUNCTION")] = None
    """the net, if it is your own"""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1"""
    png: Annotated[Path | None, arg(metavar="FILE.png")] = None
    """where to draw the confusion matrix (beside the model)"""
    json: bool = False
    """print one JSON object instead of tables"""

    def run(self) -> int:
        """Evaluate, print, draw, return 0."""
        if self.png:
            check_picture("png", self.png, reads=(self.run_,))
        console = Console(stderr=self.json)
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
