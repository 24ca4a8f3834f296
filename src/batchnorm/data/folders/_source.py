"""What is a folder of image files as a data set?"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

import torch

from ...errors import InputError
from .._image_size import height_and_width
from .._options import ImageOptions
from .._source import DatasetInfo, SplitName
from .._split import Split
from ..store import stored
from ._broken import left_out, refuse_gone
from ._draw import drawn
from ._layout import named
from ._listing import Listing, listed
from ._same_content import same_content
from ._split_file import read_split, write_split
from ._suggested import suggested

Told = Callable[[int, int], None]
"""Hears of how many files something is done, of how many in all."""


@dataclass(frozen=True, eq=False)
class FolderSource:
    """A folder of images, of each of which is known to which class and part it belongs.

    Attributes:
        info: what the set is; its name is the folder's absolute path.
        listing: its files.
        options: how they are read.
        notes: what the user should know of it, in words; loading images adds to them.
    """

    info: DatasetInfo
    listing: Listing
    options: ImageOptions
    told: Told
    notes: list[str] = field(default_factory=list)
    _broken: dict[SplitName, frozenset[str]] = field(default_factory=dict)

    def locate(self) -> Path:
        """The folder."""
        return Path(self.info.name)

    def load(self, split: SplitName) -> Split:
        """Look through the images of a split, and leave out those that are broken; pixels are read when needed.

        Raises:
            InputError: files are gone, or one in a hundred is broken.
            ValueError: `split` is neither `"train"` nor `"test"`.
        """
        if split not in get_args(SplitName):
            raise InputError(argument="split", expected="'train' or 'test'", got=repr(split))
        pairs = self.listing.files[split]
        files = [self.locate() / path for path, _ in pairs]
        if not files:
            raise InputError(f"{self.locate()}: there are no {split} images")
        if self.listing.kept:
            refuse_gone(self.locate(), files)
        if split == "train":
            self._compare_parts(files)
        found = stored(
            files,
            self.info.in_channels,
            height_and_width(self.info.image_size),
            cache_size=self.options.cache_size,
            workers=self.options.workers,
            on_progress=lambda _, done, total: self.told(done, total),
        )
        self._note(found.note)
        self._note(left_out(self.locate(), split, pairs, found.broken))
        self._broken[split] = frozenset(pairs[place][0] for place in found.broken)
        places = {name: place for place, name in enumerate(self.info.classes)}
        labels = torch.tensor([places[name] for _, name in pairs])
        return Split(found.images, labels[found.sound])

    def write_split(self, path: Path) -> None:
        """Write which image is of which class and part to a file, as a run keeps it; broken ones are in no part.

        Raises:
            OSError: it cannot be written.
        """
        write_split(path, self.listing, frozenset().union(*self._broken.values()))

    def _compare_parts(self, train: list[Path]) -> None:
        test = [self.locate() / path for path, _ in self.listing.files["test"]]
        if same := same_content(train, test):
            shown = named([f"{one} and {other}" for one, other in (map(self._inside, pair) for pair in same)])
            count = (
                "1 test image is a training image"
                if len(same) == 1
                else f"{len(same):,} test images are training images"
            )
            self._note(f"{count}, too, byte for byte, so that the test says too much: {shown}")

    def _inside(self, file: Path) -> str:
        return file.relative_to(self.locate()).as_posix()

    def _note(self, text: str) -> None:
        if text and text not in self.notes:
            self.notes.append(text)


def folder_source(
    path: Path | str, options: ImageOptions | None = None, *, split: Path | None = None, on_progress: Told | None = None
) -> FolderSource:
    """Return a folder of image files as a data set; no pixel is read.

    The images of a class lie in a folder of its name, in `train` and in `test` (or `val`), or in the folder itself;
    then test images are drawn, the same share of each class. Folders inside a class, links, upper-case endings are
    fine; hidden files are passed over. Images of any size and kind become what the options say: or, where they are all
    of one size up to 64 pixels, of that, else 64x64; and grey if all are.

    Args:
        path: the folder.
        options: how images are read, and how many are drawn for testing; `ImageOptions()` if left out.
        split: a file that `FolderSource.write_split` wrote, which says where each image belongs, and then which images
            there are.
        on_progress: called with how many files are looked at, of how many, often.

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
        >>> source = folder_source(folder)
        >>> source.info.classes, source.info.image_size, source.info.in_channels, len(source.load("test"))
        (('cat', 'dog'), (6, 8), 1, 2)
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
    info = DatasetInfo(
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
    )
    return FolderSource(info, listing, options, told, [*listing.notes, *([found.note] if found.note else [])])


def _silent(done: int, total: int) -> None:
    """Report to nobody."""
