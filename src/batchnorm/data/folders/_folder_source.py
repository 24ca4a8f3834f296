"""Which data set is in a folder of image files?"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ...errors import InputError
from .._options import ImageOptions
from .._source import DatasetInfo
from ._draw import drawn
from ._listing import Listing, listed
from ._source import FolderSource
from ._split_file import read_split
from ._suggested import Suggested, suggested

SMALLEST_CROP = 0.35
"""Of a photograph, what random crops show at least, unless a training says otherwise."""


def folder_source(
    path: Path | str,
    options: ImageOptions | None = None,
    *,
    split: Path | None = None,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> FolderSource:
    """Return a folder of image files as a data set; no pixel is read.

    The images of a class lie in a folder of its name, in `train` and in `test` (or `val`), or in the folder itself;
    then test images are drawn, the same share of each class. Folders inside a class, links, upper-case endings are
    fine; hidden files are passed over. Images of any size and kind become what the options say: or, where they are all
    of one size up to 64 pixels, of that, else 64x64; and grey if all are.

    Args:
        path: the folder.
        options: how images are read, and how many are drawn for testing; `ImageOptions()` if left out.
        split: a table as of `FolderSource.split_table`, which says where each image belongs, and which images there
            are.
        on_progress: called with (what is done with the files, with how many it is done, of how many), often.

    Raises:
        InputError: it is no folder, cannot be read, or holds no set of images; the message says what it lacks.

    Example:
        >>> import tempfile
        >>> from PIL import Image
        >>> folder = Path(tempfile.mkdtemp())
        >>> for name in ("cat", "dog"):
        ...     (folder / name).mkdir()
        ...     for number in range(5):
        ...         Image.new("L", (8, 6), 50 * number).save(folder / name / f"{number}.png")
        >>> source = folder_source(folder).telling(print)
        >>> source.info.classes, source.info.image_size, source.info.in_channels
        (('cat', 'dog'), (6, 8), 1)
        >>> source.load("test").images.shape
        2 of 10 images are drawn for testing
        (2, 1, 6, 8)
    """
    options, told = options or ImageOptions(), on_progress or _silent
    folder = Path(path).absolute()
    if not folder.is_dir():
        raise InputError(f"{folder}: expected a folder of images", argument="data", cure="Check the path.")
    listing = read_split(split) if split else listed(folder)
    if listing.drawn:
        listing = drawn(listing, options.test_fraction, options.seed)
    files = [folder / file for pairs in listing.files.values() for file, _ in pairs]
    found = suggested(files, options, told)
    if found.note:
        listing = replace(listing, notes=(*listing.notes, found.note))
    return FolderSource(_info(folder, listing, found), listing, options, told)


def _info(folder: Path, listing: Listing, found: Suggested) -> DatasetInfo:
    return DatasetInfo(
        name=str(folder),
        summary="a folder of images",
        classes=listing.classes,
        in_channels=found.channels,
        image_size=found.image_size,
        train_size=len(listing.files["train"]),
        test_size=len(listing.files["test"]),
        licence="",
        homepage="",
        flippable=True,
        smallest_crop=SMALLEST_CROP,
    )


def _silent(what: str, done: int, total: int) -> None:
    """Report to nobody."""
