"""`batchnorm predict`."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from torch import Tensor, nn
from tyro.conf import Positional, arg

from .. import data
from ..errors import InputError
from ..records import Prediction, to_dict
from ..runs import FOLD_BATCH, TIMED_CALLS, ModelCard, load_run, milliseconds_in_turn, predict, read_image
from ._json import to_line
from ._picture import check_picture
from ._streams import warn


@dataclass
class Predict:
    """Classify image files, or test images of the run's data, with a trained model.

    Example: batchnorm predict runs/first shirt.png shoe.jpg

    Example: batchnorm predict runs/first --test-images 30 --sheet sheet.png
    """

    run_: Annotated[Positional[Path], arg(name="run", metavar="RUN")]
    """a run's folder, or its model.safetensors"""
    images: Annotated[Positional[tuple[Path, ...]], arg(metavar="[IMAGE ...]")] = ()
    """image files"""
    test_images: Annotated[int, arg(metavar="N")] = 0
    """classify the first N test images of the run's data"""
    top: int = 3
    """how many classes to show per image"""
    invert: bool = False
    """swap dark and light (for photographs on white)"""
    model: Annotated[str | None, arg(metavar="PACKAGE.MODULE:FUNCTION")] = None
    """the function that builds the model, if it is your own"""
    sheet: Annotated[Path | None, arg(metavar="FILE.png")] = None
    """draw all images with their predictions"""
    json: bool = False
    """print one JSON array instead of a table"""

    def run(self) -> int:
        """Predict, print, draw, return 0."""
        if self.test_images < 0:
            raise InputError(f"--test-images: expected an integer of at least 0, got {self.test_images}")
        if not self.images and not self.test_images:
            raise InputError("expected image files, or --test-images N; got neither")
        if self.sheet:
            check_picture("--sheet", self.sheet, reads=(self.run_, *self.images))
        net, card = load_run(self.run_, self.model)
        pixels, names, notes, labels = self._read(card)
        predictions = predict(net, card, pixels, names, top=self.top, notes=notes, labels=labels)
        _refuse_what_is_not_finite(predictions)
        if self.json:
            print(to_line([to_dict(prediction) for prediction in predictions]))
        else:
            _print(predictions)
            if labels:
                _print_score(predictions, net, card.normalization.apply(pixels[:FOLD_BATCH]))
        if self.sheet:
            self._draw(self.sheet, pixels, predictions, card)
        return 0

    def _read(self, card: ModelCard) -> tuple[Tensor, list[str], list[tuple[str, ...]], list[int]]:
        """Return the pixels of all images with their names, notes and, if all are known, labels."""
        pairs = [read_image(path, card, invert=self.invert) for path in self.images]
        pixels = [pair[0] for pair in pairs]
        names, notes = [str(path) for path in self.images], [pair[1] for pair in pairs]
        labels: list[int] = []
        if self.test_images:
            test = data.get(card.data).load("test")
            count = min(self.test_images, len(test))
            pixels += list(test.images[:count])
            names += [f"test image {number}" for number in range(count)]
            notes += [()] * count
            labels = [] if self.images else test.labels[:count].tolist()
        return torch.stack(pixels), names, notes, labels

    def _draw(self, path: Path, pixels: Tensor, predictions: list[Prediction], card: ModelCard) -> None:
        from ..report import contact_sheet

        labels = [card.classes.index(entry.label) for entry in predictions if entry.label is not None]
        contact_sheet(
            pixels,
            [card.classes.index(entry.classes[0]) for entry in predictions],
            [entry.probabilities[0] for entry in predictions],
            card.classes,
            path,
            labels=labels or None,
            titles=None if labels else [Path(entry.image).name for entry in predictions],
        )
        warn(f"contact sheet: {path}")


def _refuse_what_is_not_finite(predictions: list[Prediction]) -> None:
    for prediction in predictions:
        if not all(map(math.isfinite, prediction.probabilities)):
            raise RuntimeError(
                f"{prediction.image}: the net's outputs are not finite, so they say nothing; "
                "its weights have diverged, or it is your own and divides by zero"
            )


def _print_score(predictions: list[Prediction], net: nn.Module, batch: Tensor) -> None:
    right = sum(prediction.label == prediction.classes[0] for prediction in predictions)
    (milliseconds,) = milliseconds_in_turn([net], (batch,))
    time = f"{milliseconds:.3g} ms for a batch of {len(batch)}, median of {TIMED_CALLS} calls"
    print(f"{right} of {len(predictions)} right; {time}")


def _print(predictions: list[Prediction]) -> None:
    table = Table()
    for heading in ("image", "prediction", "then"):
        table.add_column(heading, overflow="fold")
    if any(prediction.label for prediction in predictions):
        table.add_column("true")
    for prediction in predictions:
        ranked = [
            f"{name} {value:.1%}" for name, value in zip(prediction.classes, prediction.probabilities, strict=True)
        ]
        image = "\n".join([prediction.image, *(f"({note})" for note in prediction.notes)])
        row = [image, ranked[0], ", ".join(ranked[1:])]
        if prediction.label:
            right = prediction.label == prediction.classes[0]
            row.append(f"[{'green' if right else 'red'}]{escape(prediction.label)}[/]")
        table.add_row(*map(escape, row[:3]), *row[3:])
    Console().print(table)
