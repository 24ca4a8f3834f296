"""What does a run, or a model with its card, say of image files, of folders of them, or of pixels?"""

import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, overload

import torch
from torch import Tensor, nn

from ..data import image_paths, read_image
from ..errors import InputError, InputTypeError, its_type
from ..records import Prediction
from ._as_trained import EVALUATION_BATCH
from ._config import TrainConfig
from ._environment import torch_settings
from ._evaluate import load_run
from ._model_file import ModelCard
from ._predict import classify

NOT_FINITE = (
    "the net's outputs are not finite, so they say nothing; its weights have diverged, or it is your own and divides "
    "by zero"
)


@overload
def predict(
    run: Path | str,
    images: Path | str | Iterable[Path | str],
    /,
    *,
    top: int = 3,
    invert: bool = False,
    model: str | None = None,
    device: str = "auto",
    threads: int = 0,
) -> list[Prediction]: ...


@overload
def predict(
    net: nn.Module,
    /,
    card: ModelCard,
    images: Tensor,
    names: Sequence[str],
    *,
    top: int = 3,
    notes: Sequence[tuple[str, ...]] = (),
    labels: Sequence[int] = (),
) -> list[Prediction]: ...


def predict(net: Any, /, card: Any = None, images: Any = None, names: Any = None, **options: Any) -> list[Prediction]:
    """Return the `top` most probable classes of each image.

    `predict(run, images)` loads the model of a run and reads the files. Of a folder it takes all image files, sorted by
    name. A file that cannot be read does not stop the others: its prediction has no classes, and a `problem`.
    `predict(net, card, images, names)` takes a loaded model and pixels.

    Args:
        net: a run's folder or model file; or a model in evaluation mode, from `load_run`.
        card: the image files and folders, one or several; or the model's card.
        images: uint8 of shape (N, C, H, W).
        names: what to call each image, N of them.
        options: for both: `top` (3), how many classes; no more than there are. For a run: `invert` (False), swap dark
            and light; `model`, the own `package.module:function`, if the model is not one of this package; `device` and
            `threads`, as in `TrainConfig`. For a model: `notes`, what was done to each image before, and `labels`, the
            true class numbers; N of them or none.

    Raises:
        InputError: the run cannot be used, `top` is below 1, a folder has no image, or no image can be read.
        TypeError: arguments of the one form in the other.

    Warns:
        UserWarning: something in a folder was skipped, or an image has no prediction.

    Example:
        >>> from batchnorm.data import Normalization
        >>> from batchnorm.models import ConvBNNet
        >>> card = ModelCard("ConvBNNet", {}, ("shoe", "shirt"), 1, 28, Normalization((0.3,), (0.4,)), "mine")
        >>> black = torch.zeros(1, 1, 28, 28, dtype=torch.uint8)
        >>> (prediction,) = predict(ConvBNNet(num_classes=2).eval(), card, black, ["black.png"])
        >>> sorted(prediction.classes), round(sum(prediction.probabilities), 4)
        (['shirt', 'shoe'], 1.0)
    """
    if isinstance(net, nn.Module):
        return classify(net, card, images, names, **options)
    if not isinstance(net, Path | str):
        raise InputTypeError(
            argument="net", expected="a run's folder or model file, or a torch.nn.Module", got=its_type(net)
        )
    if names is not None or (card is not None and images is not None):
        raise InputTypeError("beside a run expected only the image files, got pixels or names too")
    return _predict_run(net, images if card is None else card, **options)


def _predict_run(
    run: Path | str,
    images: object,
    *,
    top: int = 3,
    invert: bool = False,
    model: str | None = None,
    device: str = "auto",
    threads: int = 0,
) -> list[Prediction]:
    files, skipped = image_paths(_paths(images))
    with torch_settings(TrainConfig(device=device, threads=threads)) as place:
        net, card = load_run(run, model)
        predictions = [one for one, _ in classify_files(net.to(place), card, files, top=top, invert=invert)]
    problems = [one.problem for one in predictions if one.problem is not None]
    if problems:
        refuse_if_all(predictions)
        skipped.append(f"{len(problems)} of {len(predictions)} images have no prediction, the first: {problems[0]}")
    for said in skipped:
        warnings.warn(said, stacklevel=3)
    return predictions


def classify_files(
    net: nn.Module, card: ModelCard, files: Sequence[Path], *, top: int = 3, invert: bool = False
) -> Iterator[tuple[Prediction, Tensor | None]]:
    """Give what the model says of each file, and the pixels that it was shown; `None` for one that cannot be read.

    Files are read a batch at a time: a folder may hold more images than fit into memory.
    """
    for start in range(0, len(files), EVALUATION_BATCH):
        read = [_read(path, card, invert=invert) for path in files[start : start + EVALUATION_BATCH]]
        pixels = [one for one, _ in read if one is not None]
        names = [said.image for one, said in read if one is not None]
        answers = iter(classify(net, card, torch.stack(pixels), names, top=top) if pixels else ())
        for one, said in read:
            yield (said, None) if one is None else (finite(replace(next(answers), notes=said.notes)), one)


def finite(prediction: Prediction) -> Prediction:
    """Return a prediction whose probabilities are numbers; where they are not, one that says so instead."""
    if all(map(math.isfinite, prediction.probabilities)):
        return prediction
    return replace(prediction, classes=(), probabilities=(), problem=f"{prediction.image}: {NOT_FINITE}")


def refuse_if_all(predictions: Sequence[Prediction]) -> None:
    """Raise if no image has a prediction.

    Raises:
        InputError: none can be read.
        RuntimeError: what could be read gave outputs that are not finite.
    """
    problems = [one.problem for one in predictions if one.problem is not None]
    if not problems or len(problems) < len(predictions):
        return
    more = f"; and {len(problems) - 1} more images have no prediction" if len(problems) > 1 else ""
    broken = next((problem for problem in problems if problem.endswith(NOT_FINITE)), None)
    if broken:
        raise RuntimeError(broken + more)
    raise InputError(problems[0] + more)


def _read(path: Path, card: ModelCard, *, invert: bool) -> tuple[Tensor | None, Prediction]:
    try:
        pixels, notes = read_image(
            path, channels=card.in_channels, image_size=card.image_size, fit=card.fit, invert=invert
        )
    except InputError as error:
        return None, Prediction(str(path), (), (), problem=str(error))
    return pixels, Prediction(str(path), (), (), notes)


def _paths(images: object) -> list[Path | str]:
    expected = "the path of an image file or of a folder, or a list of them"
    paths: list[Any] = [images]
    if isinstance(images, Iterable) and not isinstance(images, str):
        paths = [*images]
    for path in paths:
        if not isinstance(path, Path | str):
            raise InputTypeError(argument="images", expected=expected, got=its_type(path))
    if not paths:
        raise InputError(argument="images", expected=expected, got="none")
    return paths
