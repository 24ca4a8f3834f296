"""`batchnorm evaluate`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from tyro.conf import Positional, arg

from ..records import Evaluation, Scores, to_dict
from ..runs import TrainConfig, evaluate, torch_settings, trusting_norm
from ._json import to_line
from ._picture import check_picture
from ._recalibration_tables import NONE
from ._streams import warn


@dataclass
class Evaluate:
    """Evaluate a run: loss, accuracy, each class, running against batch statistics.

    Example: batchnorm evaluate runs/first
    """

    run_: Annotated[Positional[Path], arg(name="run", metavar="RUN")]
    """a run's folder, or its model.safetensors"""
    data: Annotated[str | None, arg(metavar="NAME")] = None
    """another data set than the run's"""
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
        if self.png:
            check_picture("--png", self.png, reads=(self.run_,))
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
            for table in (
                _modes(evaluation),
                _classes(evaluation.running),
                _confusion(evaluation.running),
            ):
                console.print(table)
        self._draw(evaluation, console)
        return 0

    def _draw(self, evaluation: Evaluation, console: Console) -> None:
        from ..report import confusion_matrix_figure

        folder = self.run_ if self.run_.is_dir() else self.run_.parent
        path = self.png or folder / "confusion_matrix.png"
        scores = evaluation.running
        try:
            confusion_matrix_figure(scores.confusion, [entry.name for entry in scores.classes], path)
        except ImportError as error:
            console.print(f"no picture of the confusion matrix: {error}", highlight=False, markup=False, soft_wrap=True)
        except OSError as error:
            if self.png:
                raise
            # Nobody asked for it, and a run's folder may be one to read only.
            warn(f"note: no picture of the confusion matrix: {error}; --png FILE.png draws it elsewhere")
        else:
            console.print(f"confusion matrix: {path}", highlight=False, markup=False, soft_wrap=True)


def _modes(evaluation: Evaluation) -> Table:
    images = f"{evaluation.running.images:,} {evaluation.split} images of {evaluation.data}"
    table = Table(title=escape(f"{evaluation.run} on {images}"))
    table.add_column("normalized by")
    table.add_column("loss", justify="right")
    table.add_column("accuracy", justify="right")
    running, batch = evaluation.running, evaluation.batch
    table.add_row("running statistics", f"{running.loss:.4f}", f"{running.accuracy:.4f}")
    if batch is not None:
        table.add_row(
            f"each batch's own ({evaluation.batch_size})",
            f"{batch.loss:.4f}",
            f"{batch.accuracy:.4f}",
        )
        table.add_row(
            "gap",
            f"{batch.loss - running.loss:+.4f}",
            f"{batch.accuracy - running.accuracy:+.4f}",
            end_section=True,
        )
    if evaluation.folded:
        table.add_row("nothing: the norms are folded", NONE, NONE)
    return table


def _classes(scores: Scores) -> Table:
    table = Table(title="by class")
    table.add_column("class")
    for name in ("precision", "recall", "F1", "images"):
        table.add_column(name, justify="right")
    for entry in scores.classes:
        table.add_row(
            escape(entry.name),
            f"{entry.precision:.3f}",
            f"{entry.recall:.3f}",
            f"{entry.f1:.3f}",
            str(entry.support),
        )
    return table


def _confusion(scores: Scores) -> Table:
    table = Table(title="confusion matrix (rows: true, columns: predicted, by number)")
    table.add_column("class")
    for number in range(len(scores.classes)):
        table.add_column(str(number), justify="right")
    for number, (entry, row) in enumerate(zip(scores.classes, scores.confusion, strict=True)):
        cells = [f"[green]{count}[/]" if column == number else str(count or "·") for column, count in enumerate(row)]
        table.add_row(escape(f"{number} {entry.name}"), *cells)
    return table
