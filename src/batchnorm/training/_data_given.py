"""Which data does a training read, and by which name does its run remember them?"""

from dataclasses import replace
from pathlib import Path

from ..data import (
    FolderSource,
    Source,
    as_image_size,
    data_path,
    height_and_width,
    image_size_text,
    read_image_size,
)
from ..errors import InputError
from ..progress import Watcher
from ..runs import (
    ANY_SOURCE,
    SPLIT,
    OwnData,
    StopRequest,
    TrainConfig,
    image_options,
    is_path,
    source_in_file,
    source_of,
)


def given_data(config: TrainConfig, source: Source | str | None) -> tuple[Source, str]:
    """Return the data that a new training was given, and what its config is to call them.

    Raises:
        InputError: there are none.
    """
    if source is None:
        found, given = source_of(config.data, options=image_options(config)), config.data
    else:
        found = source_of(source, "source", image_options(config))
        given = OwnData(source if isinstance(source, str) else found.info.name)
    _check_asked(config, found)
    # The name of files is their absolute path, wherever they were named from.
    return found, OwnData(found.info.name) if data_path(given) else given


def _check_asked(config: TrainConfig, found: Source) -> None:
    """Refuse a size or colours that were asked for and are not those of the images: only files of images are changed.

    Raises:
        InputError: they are not.
    """
    info = found.info
    if config.image_size is not None and height_and_width(read_image_size(config.image_size)) != info.image_shape[1:]:
        got, has = str(config.image_size), image_size_text(as_image_size(*info.image_shape[1:]))
        raise _not_changed("image_size", has, info.name, got)
    if config.channels is not None and config.channels != info.in_channels:
        raise _not_changed("channels", str(info.in_channels), info.name, str(config.channels))


def _not_changed(argument: str, has: str, name: str, got: str) -> InputError:
    return InputError(
        argument=argument,
        expected=f"{has}, as the images of {name} are",
        got=got,
        cure="Leave it out: only a folder of image files is read in another size or other colours.",
    )


def as_read(config: TrainConfig, found: Source) -> TrainConfig:
    """Return the config with what the files of a folder decided, so that others which are added later change nothing.

    Example:
        >>> from batchnorm.data import get
        >>> as_read(TrainConfig(), get("fashion-mnist-mini")) == TrainConfig()
        True
    """
    if not isinstance(found, FolderSource):
        return config
    height, width = height_and_width(found.info.image_size)
    size = height if height == width else f"{width}x{height}"
    return replace(config, image_size=size, channels=found.info.in_channels)


def heard(found: Source, watcher: Watcher, stop: StopRequest) -> Source:
    """Let a watcher hear what is to be known of a folder's images; where none listens, what is wrong is a warning.

    Between two files a signal is heard, as between two steps.
    """
    if not isinstance(found, FolderSource):
        return found

    def reading(what: str, done: int, total: int) -> None:
        stop.between_files()
        watcher.reading(what, done, total)

    if type(watcher) is Watcher:
        return found.in_short().telling(found.tell, reading)
    return found.telling(watcher.note, reading)


def data_of_run(config: TrainConfig, source: Source | str | None, split: Path | None = None) -> Source:
    """Return the data of a run that goes on, if they are not others than those that it was started with.

    Args:
        config: of the run.
        source: the caller's own, or where the files are today.
        split: which of a folder's images belong where, as the run keeps it.

    Raises:
        InputError: they are, or they are the caller's own, and he does not pass them.
    """
    options = image_options(config)
    if source is None:
        typed = config.data if ":" in config.data else ANY_SOURCE
        return _as_kept(source_in_file(config.data, typed=typed, options=options, split=split))
    given = source.info.name if isinstance(source, FolderSource) else source
    found = _as_kept(source_of(given, "source", options, split))
    if ":" not in config.data and not is_path(config.data) and found.info.name != config.data:
        raise InputError(
            argument="source", expected=f"the data of this run, {config.data!r}", got=repr(found.info.name)
        )
    return found


def _as_kept(found: Source) -> Source:
    if isinstance(found, FolderSource) and not found.listing.kept:
        raise InputError(
            f"{SPLIT} is gone from the run's folder, which said on which images of {found.info.name} it was trained",
            cure="Put it back, or train anew.",
        )
    return found
