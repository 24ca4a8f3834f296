"""A trained run, judged on a split of its data: by the running statistics, and by each batch's own."""

import contextlib
from pathlib import Path
from typing import Literal

from torch import nn

from .. import data
from ..data import Batches, Source
from ..errors import InputError
from ..norms import is_norm
from ..records import Evaluation
from ..statistics import use_batch_statistics
from ._as_trained import EVALUATION_BATCH
from ._environment import pick_device
from ._model_file import ModelCard, load_model
from ._run_folder import RunFolder, refuse_odd_name
from ._scores import collect_outputs, score


def find_model_file(run: Path | str) -> Path:
    """Return the model file of a run folder, or the file itself if `run` is one.

    Raises:
        InputError: there is none.
    """
    path = Path(run)
    refuse_odd_name(path)
    with contextlib.suppress(OSError):  # a name that the system cannot take; `open` says so
        if path.exists() and not path.is_dir():  # whether it is a model file is for its reader to say
            return path
    folder = RunFolder.open(path)
    if not folder.model.exists():
        raise InputError(f"{path}: this run has no model yet; it was stopped before its first checkpoint")
    return folder.model


def load_run(run: Path | str, model: str | None = None) -> tuple[nn.Module, ModelCard]:
    """Load the trained net of a run folder or model file, in evaluation mode, with its card.

    Args:
        run: the folder, or a `model.safetensors`.
        model: the own `package.module:function`, if the net is not one of this package.

    Raises:
        InputError: nothing usable is there.
    """
    return load_model(find_model_file(run), model)


def evaluate(
    run: Path | str,
    *,
    dataset: str | None = None,
    split: Literal["train", "test"] = "test",
    batch_size: int = 128,
    model: str | None = None,
    device: str = "auto",
) -> Evaluation:
    """Judge a run twice: normalizing by the running statistics, and by each batch's own.

    The second pass takes the images in a fixed shuffled order in batches of `batch_size`, as training did; all that
    differs from the first is whose statistics normalize (dropout is off in both). A folded net is judged once: it has
    nothing left to normalize.

    Args:
        run: the run's folder, or a `model.safetensors`.
        dataset: another data set than the run's; its images and classes must fit.
        split: `"test"` or `"train"` (all training images, those held out included).
        batch_size: images per batch of the second pass; at least 2.
        model: the own `package.module:function`, if the net is not one of this package.
        device: as in `TrainConfig`.

    Raises:
        InputError: the run, the data or the batch size cannot be used.

    Example:
        >>> import tempfile
        >>> from batchnorm.runs import TrainConfig
        >>> from batchnorm.training import fit
        >>> folder = tempfile.mkdtemp()
        >>> _ = fit(TrainConfig(epochs=1, val_fraction=0.97, model_args={"width": 4}), out=folder)
        >>> evaluation = evaluate(folder)
        >>> evaluation.running.images, evaluation.batch.images, evaluation.running.classes[9].name
        (2000, 2000, 'Ankle boot')
    """
    from ..surgery import is_folded

    if batch_size < 2:
        raise InputError(f"batch_size: expected an integer of at least 2, got {batch_size}")
    place = pick_device(device)
    net, card = load_run(run, model)
    images = fitting_source(dataset or card.data, card).load(split)
    net.to(place)
    running = score(
        *collect_outputs(net, Batches(images, EVALUATION_BATCH, card.normalization), place),
        card.classes,
    )
    batch, folded = None, is_folded(net)
    if not folded and any(map(is_norm, net.modules())):
        with use_batch_statistics(net):
            # In training order a class would not fill a batch of its own; a lone last image is left out.
            shuffled = Batches(images, batch_size, card.normalization, shuffle=True)
            batch = score(*collect_outputs(net, shuffled.epoch(seed=0, epoch=0), place), card.classes)
    return Evaluation(str(run), dataset or card.data, split, batch_size, running, batch, folded)


def fitting_source(name: str, card: ModelCard, source: Source | None = None) -> Source:
    """Return the data set of that name, or the caller's own, if its images and classes are those of the net.

    Raises:
        InputError: they are others, or there is no such set.
    """
    source = source or data.get(name)
    info = source.info
    if (info.in_channels, info.image_size, info.classes) != (
        card.in_channels,
        card.image_size,
        card.classes,
    ):
        raise InputError(
            f"data: the net was trained for {len(card.classes)} classes on {card.in_channels}x{card.image_size}x"
            f"{card.image_size} images of {card.data}; {info.name} has other images or classes"
        )
    return source
