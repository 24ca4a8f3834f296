"""How do the files of a data set become images that are read when they are needed, and which of them are broken?"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ...errors import InputError
from ...files import in_short
from .._image_size import ImageSize, height_and_width
from ._contents import Told, contents_of
from ._entry import Entry
from ._files import Files
from ._making import cached
from ._room import NoRoomError
from ._stored_images import StoredImages
from ._threads import in_order, workers_of


@dataclass(frozen=True, eq=False)
class Stored:
    """What the files of a data set are as images.

    Attributes:
        images: of the sound files, in their order.
        sound: which files those are, bool of shape (N,).
        broken: what is wrong with each of the others, by its place.
        digests: SHA-256 of each file's bytes, in hexadecimal digits; empty for a file that cannot be read.
        note: what the user should know, in one sentence; empty if there is nothing.
    """

    images: StoredImages
    sound: Tensor
    broken: dict[int, str]
    digests: list[str]
    note: str = ""


def stored(
    files: Sequence[Path | str],
    channels: int,
    size: ImageSize,
    *,
    cache_size: int,
    workers: int | None = None,
    on_progress: Told | None = None,
) -> Stored:
    """Look through the files of a data set once, and return their images, to be read when they are needed.

    They are decoded once, scaled down to what just covers 8/7 of `size`, and kept as bytes in `cache_folder()/images`,
    where the next training with the same files finds them, too. What is kept is found by the content of the files, not
    by their names. Where it would take more than `cache_size`, or the cache cannot be written, nothing is kept, and
    processes decode each batch ahead, from the files.

    Args:
        files: where the images lie.
        channels: colours that they shall have, 1 or 3.
        size: of the net's images, their side or (height, width).
        cache_size: bytes that everything kept of images may take; those that were not used for longest go for others.
            0: keep nothing, and leave what there is.
        workers: threads or processes that read; one for each core, if it is left out; 0: none but this one.
        on_progress: called with (what is done, images that are through, images in all), often.

    Raises:
        ValueError: a size or a number that cannot be.

    Example:
        >>> import tempfile
        >>> from PIL import Image
        >>> folder = Path(tempfile.mkdtemp())
        >>> Image.new("RGB", (40, 30), "red").save(folder / "red.png")
        >>> _ = (folder / "text.png").write_text("no image")
        >>> found = stored([folder / "red.png", folder / "text.png"], 3, 8, cache_size=0, workers=0)
        >>> found.images.shape, found.sound.tolist(), list(found.broken)
        ((1, 3, 8, 8), [True, False], [1])
        >>> found.images.read(torch.tensor([0]))[0, :, 0, 0]
        tensor([255,   0,   0], dtype=torch.uint8)
    """
    if type(cache_size) is not int or cache_size < 0:
        raise InputError(argument="cache_size", expected="a number of bytes of at least 0", got=repr(cache_size))
    threads, told = workers_of(workers), on_progress or _silent
    paths = [Path(file) for file in files]
    all_ = Files(paths, contents_of(paths, threads, told), channels, height_and_width(size))
    entry, note = _kept(all_, cache_size, threads, told)
    broken = _reasons(all_, entry) if entry else _checked(all_, threads, told)
    sound = torch.ones(len(paths), dtype=torch.bool)
    sound[list(broken)] = False
    places = sound.nonzero().flatten()
    images = StoredImages(entry or all_.at(places.tolist()), torch.arange(len(places)), threads)
    return Stored(images, sound, broken, [content.digest for content in all_.contents], note)


def _kept(files: Files, bound: int, workers: int, told: Told) -> tuple[Entry | None, str]:
    """Return the entry of the cache, or none, and why there is none."""
    if not bound:
        return None, ""
    try:
        return cached(files, bound, workers, told), ""
    except NoRoomError as error:
        return None, f"the decoded images are not kept: they take {error}; every epoch decodes them anew"
    except (OSError, InputError) as error:
        return None, f"the decoded images are not kept ({in_short(error)}); every epoch decodes them anew"


def _reasons(files: Files, entry: Entry) -> dict[int, str]:
    """Return what is wrong with the files that the entry left out: nearly always few, and tried again for the words."""
    places = [place for place, sound in enumerate(entry.sound) if not sound]
    return {place: _reason(files, place) or "it could not be decoded before" for place in places}


def _checked(files: Files, workers: int, told: Told) -> dict[int, str]:
    reasons = []
    for reason in in_order(lambda place: _reason(files, place), range(len(files)), workers):
        reasons.append(reason)
        told("checking the images", len(reasons), len(files))
    return {place: reason for place, reason in enumerate(reasons) if reason}


def _reason(files: Files, place: int) -> str:
    """Return what is wrong with a file, or nothing."""
    try:
        files.check(place)
    except InputError as error:
        return str(error)
    return ""


def _silent(what: str, done: int, total: int) -> None:
    """Report to nobody."""
