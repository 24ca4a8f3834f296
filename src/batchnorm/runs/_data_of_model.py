"""Which images is a trained net judged by, if it is not said, and are those that are named like the ones it knows?"""

import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ..data import FolderSource, ImageOptions, Source, data_path, lies_in
from ..errors import InputError
from ._config import TrainConfig
from ._image_options import image_options
from ._model_file import ModelCard
from ._own_data import is_path, source_in_file, source_of
from ._run_folder import SPLIT, RunFolder


def fitting_source(
    card: ModelCard, dataset: str | None = None, source: Source | str | None = None, *, beside: Path | None = None
) -> Source:
    """Return the data that are meant, if their images and classes are those of the net.

    Of a folder, the images are those that the run knows, wherever the folder lies today.

    Args:
        card: says what the net was trained on.
        dataset: another set, by its name or path.
        source: the caller's own.
        beside: the net's file, beside which its run keeps which images are for testing.

    Raises:
        InputError: they are others, there is no such set, or the net's own are the caller's and he does not pass them.
    """
    if dataset is not None and source is not None:
        raise InputError("got a dataset and a source, which both say what the data are", cure="Pass one of them.")
    argument = "dataset" if source is None else "source"
    found = _found(card, dataset if source is None else source, argument, beside)
    if isinstance(found, FolderSource) and found.listing.drawn and _is_same(found.info.name, card.data):
        raise InputError(
            f"{card.data}: its test images were drawn when the run began; {SPLIT}, which says which they are, does not "
            "lie beside the model",
            cure=f"Name the run's folder, or put its {SPLIT} there.",
        )
    info = found.info
    if (info.image_shape, info.classes) != (card.image_shape, card.classes):
        raise InputError(
            argument=argument,
            expected=(
                f"{'x'.join(map(str, card.image_shape))} images of {len(card.classes)} classes, on "
                f"which the net was trained ({card.data})"
            ),
            got=f"{info.name}, which has other images or classes",
        )
    return found


def _found(card: ModelCard, given: Source | str | None, argument: str, beside: Path | None) -> Source:
    if given is None:
        if not is_path(card.data):
            return source_in_file(card.data)
        return source_in_file(card.data, options=_options(card, beside), split=_split(beside))
    if isinstance(given, os.PathLike):
        given = str(data_path(given))
    if isinstance(given, FolderSource):
        given = given.info.name  # it may have drawn other test images
    path = data_path(given) if isinstance(given, str) else None
    if path is None:
        return source_of(given, argument)
    split = _split(beside)
    if split and not _is_same(path, card.data) and not lies_in(path, split):
        split = None  # other images
    return source_of(given, argument, _options(card, beside), split)


def _options(card: ModelCard, beside: Path | None) -> ImageOptions:
    """How files are read as the net takes them; further as its run did, if its config lies there."""
    home = RunFolder(beside.parent) if beside else None
    config = home.read_config() if home and home.config.is_file() else TrainConfig()
    return replace(image_options(config), image_size=card.image_size, channels=card.in_channels)


def _split(beside: Path | None) -> Path | None:
    split = RunFolder(beside.parent).split if beside else None
    return split if split and split.is_file() else None


def _is_same(one: Path | str, other: Path | str) -> bool:
    """Whether two paths lead to one folder."""
    with suppress(OSError, ValueError):
        return Path(one) == Path(other) or Path(one).samefile(other)
    return False
