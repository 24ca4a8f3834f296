"""Which data does a training read, and by which name does its run remember them?"""

from pathlib import Path

from ..data import Source, data_path
from ..errors import InputError
from ..runs import (
    ANY_SOURCE,
    OwnData,
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
    # The name of files is their absolute path, wherever they were named from.
    return found, OwnData(found.info.name) if data_path(given) else given


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
        return source_in_file(config.data, typed=typed, options=options, split=split)
    found = source_of(source, "source", options, split)
    if ":" not in config.data and not is_path(config.data) and found.info.name != config.data:
        raise InputError(
            argument="source", expected=f"the data of this run, {config.data!r}", got=repr(found.info.name)
        )
    return found
