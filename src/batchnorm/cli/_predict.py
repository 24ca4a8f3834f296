"""`batchnorm predict`."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Annotated

import torch
from torch import Tensor, nn
from tyro.conf import Positional, arg

from ..data import Split, image_paths
from ..errors import InputError, Setting
from ..records import Prediction, predictions_table, quartiles_text, to_dict, why_rough
from ..runs import (
    FOLD_BATCH,
    ModelCard,
    TrainConfig,
    classify_files,
    device_of,
    evaluation_batch,
    find_model_file,
    finite,
    fitting_source,
    load_and_cpus,
    load_run,
    predict,
    refuse_if_all,
    times_in_turn,
    torch_settings,
    trusting_norm,
)
from ..tables import milliseconds
from ._json import to_line
from ._picture import check_picture
from ._printing import show
from ._streams import warn


@dataclass
class Predict:
    """Classify image files, or test images of the run's data, with a trained model.

    Example: batchnorm predict runs/first shirt.png photos/

    Example: batchnorm predict runs/first --test-images 30 --sheet sheet.png
    """

    run_: Annotated[Positional[Path], arg(name="run", metavar="RUN")]
    """a run's folder, or its model.safetensors"""
    images: Annotated[Positional[tuple[Path, ...]], arg(metavar="[IMAGE ...]")] = ()
    """image files, and folders of them"""
    test_images: Annotated[int, arg(metavar="N")] = 0
    """classify N test images of the run's data"""
    data: Annotated[str | None, arg(metavar="NAME")] = None
    """other data than the run's: a name, a path, package.module:source"""
    top: int = 3
    """how many classes to show per image"""
    invert: bool = False
    """swap dark and light (for photographs on white)"""
    model: Annotated[str | None, arg(metavar="PACKAGE.MODULE:FUNCTION")] = None
    """function that builds the model, if it is your own"""
    norm: Annotated[str | None, arg(metavar="PACKAGE.MODULE:FUNCTION")] = None
    """function that makes its norm layers, if they are yours"""
    device: Annotated[str, arg(metavar="NAME")] = "auto"
    """auto, cpu, cuda, cuda:1"""
    threads: int = 0
    """CPU threads; 0: torch's default"""
    sheet: Annotated[Path | None, arg(metavar="FILE.png")] = None
    """draw all images with their predictions"""
    json: bool = False
    """print one JSON array instead of a table"""

    def run(self) -> int:
        """Predict, print, draw; return 0, or 1 if an image has no prediction."""
        if self.test_images < 0:
            raise InputError(argument="test_images", expected="an integer of at least 0", got=str(self.test_images))
        if self.data and not self.test_images:
            raise InputError(
                "says whose test images are taken", argument="data", cure=("Add ", Setting("test_images", "N"), ".")
            )
        if not self.images and not self.test_images:
            raise InputError(expected=("image files, or ", Setting("test_images", "N")), got="neither")
        files, skipped = image_paths(self.images)
        if self.sheet:
            check_picture("sheet", self.sheet, reads=(self.run_, *files))
        for said in skipped:
            warn(f"note: {said}")
        with torch_settings(TrainConfig(device=self.device, threads=self.threads)) as place, trusting_norm(self.norm):
            net, card = load_run(self.run_, self.model)
            return self._predict(net.to(place), card, files)

    def _predict(self, net: nn.Module, card: ModelCard, files: list[Path]) -> int:
        pairs = list(self._of_files(net, card, files))
        test, places = self._test_images(card)
        if test is not None:
            pairs += self._of_data(net, card, test, places)
        predictions = [prediction for prediction, _ in pairs]
        refuse_if_all(predictions)
        fine = [prediction for prediction in predictions if prediction.problem is None]
        if self.json:
            print(to_line([to_dict(prediction) for prediction in predictions]))
        else:
            if fine:
                show(predictions_table(fine))
            if test is not None and not files:
                few = test.read(torch.arange(min(FOLD_BATCH, len(test))))
                _print_score(fine, net, card.normalization.apply(few.to(device_of(net))))
        for prediction in predictions:
            if prediction.problem is not None:
                warn(prediction.problem)
        if self.sheet:
            shown = [pixels for prediction, pixels in pairs if prediction.problem is None and pixels is not None]
            self._draw(self.sheet, torch.stack(shown), fine, card)
        return int(len(fine) < len(predictions))

    def _of_files(
        self, net: nn.Module, card: ModelCard, files: list[Path]
    ) -> Iterator[tuple[Prediction, Tensor | None]]:
        for prediction, pixels in classify_files(net, card, files, top=self.top, invert=self.invert):
            yield prediction, pixels if self.sheet else None  # of a large folder not all fit into memory

    def _test_images(self, card: ModelCard) -> tuple[Split | None, Tensor]:
        """Those test images of the run's data that are asked for, if any are, and their places in it."""
        if not self.test_images:
            return None, torch.arange(0)
        test = fitting_source(card, self.data, beside=find_model_file(self.run_)).load("test")
        places = some_of(test.labels, self.test_images)
        return test.subset(places), places

    def _of_data(
        self, net: nn.Module, card: ModelCard, test: Split, in_data: Tensor
    ) -> Iterator[tuple[Prediction, Tensor | None]]:
        pieces = torch.split(torch.arange(len(test)), evaluation_batch(*test.shape[2:]))
        with closing(test.ahead((piece, None) for piece in pieces)) as read:
            for places, images in zip(pieces, read, strict=True):
                names = [f"test image {number}" for number in in_data[places].tolist()]
                # Right and wrong are only said where all labels are known.
                labels = [] if self.images else test.labels[places].tolist()
                said = predict(net, card, images, names, top=self.top, labels=labels)
                yield from zip(map(finite, said), images if self.sheet else repeat(None), strict=False)

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


def _print_score(predictions: list[Prediction], net: nn.Module, batch: Tensor) -> None:
    right = sum(prediction.label == prediction.classes[0] for prediction in predictions)
    load, cpus = load_and_cpus()
    (time,) = times_in_turn([net], (batch,))
    quartiles = (time.lower, time.upper)
    print(
        f"{right} of {len(predictions)} right; {milliseconds(time.median)} ms for a batch of {len(batch)} (median of "
        f"{time.rounds} calls, quartiles {quartiles_text(quartiles)})"
    )
    rough = why_rough([(time.median, quartiles)], load, cpus)
    if rough:
        warn(f"note: {rough}")


def some_of(labels: Tensor, count: int) -> Tensor:
    """Return the places of the first images, or, where all lie class by class, of some of each class.

    Example:
        >>> some_of(torch.tensor([1, 0, 1, 0]), 2), some_of(torch.tensor([0, 0, 1, 1, 2, 2]), 3)
        (tensor([0, 1]), tensor([0, 2, 4]))
    """
    count = min(count, len(labels))
    if not bool((labels.diff() >= 0).all()):
        return torch.arange(count)
    return torch.arange(count) * len(labels) // max(1, count)
