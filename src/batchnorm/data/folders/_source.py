"""What is a folder of image files as a data set?"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import get_args

import torch

from ...errors import InputError
from .._image_size import height_and_width
from .._options import ImageOptions
from .._source import DatasetInfo, SplitName
from .._split import Split
from ..store import Stored, stored
from ._broken import left_out, refuse_changed, refuse_gone
from ._listing import Listing
from ._same_content import shared
from ._split_file import split_table


class DataWarning(UserWarning):
    """Something about one's images that one should know: some are broken, or in training and test alike."""


def warned(note: str) -> None:
    """Tell a note as a warning."""
    warnings.warn(note, DataWarning, stacklevel=2)


@dataclass(frozen=True, eq=False)
class FolderSource:
    """A folder of images, of each of which is known to which class and part it belongs.

    Attributes:
        info: what the set is; its name is the folder's absolute path.
        listing: its files.
        options: how they are read.
        on_progress: hears what is done with the files, with how many it is done, and of how many.
        tell: hears what the user should know of the images, when they are loaded; by default, it is a warning.
    """

    info: DatasetInfo
    listing: Listing
    options: ImageOptions
    on_progress: Callable[[str, int, int], None]
    tell: Callable[[str], None] = warned
    _looked: dict[SplitName, Stored] = field(default_factory=dict)
    _said: set[str] = field(default_factory=set)

    def telling(
        self, tell: Callable[[str], None], on_progress: Callable[[str, int, int], None] | None = None
    ) -> "FolderSource":
        """Return the same set, of whose images somebody else hears."""
        return replace(self, tell=tell, on_progress=on_progress or self.on_progress)

    def in_short(self) -> "FolderSource":
        """Return the same set, of which only what is wrong is told: broken images, and those in both parts."""
        return replace(self, listing=replace(self.listing, notes=()))

    def locate(self) -> Path:
        """The folder."""
        return Path(self.info.name)

    def load(self, split: SplitName) -> Split:
        """Look through the images of a split, and leave out those that are broken; pixels are read when needed.

        With the training images the test images are looked at, too, before anybody trains for hours.

        Raises:
            InputError: files are gone, or one in a hundred is broken.
            ValueError: `split` is neither `"train"` nor `"test"`.
        """
        if split not in get_args(SplitName):
            raise InputError(argument="split", expected="'train' or 'test'", got=repr(split))
        if not self.listing.files[split]:
            raise InputError(f"{self.locate()}: there are no {split} images")
        for note in self.listing.notes:
            self._note(note)
        if split == "train" and not self.listing.kept:
            self._note(shared(self.locate(), *(self._paths(part) for part in get_args(SplitName))))
            self._look("test")
        found = self._look(split)
        sound = found.sound & torch.tensor([path not in self.listing.broken for path in self._paths(split)])
        places = {name: place for place, name in enumerate(self.info.classes)}
        labels = torch.tensor([places[name] for _, name in self.listing.files[split]])
        return Split(found.images.subset(sound[found.sound]), labels[sound])

    def split_table(self) -> bytes:
        """Return which image is of which class and part, and which are broken, as a run keeps it: CSV in UTF-8."""
        looked = ((self._paths(part), found.broken) for part, found in self._looked.items())
        broken = {paths[place] for paths, places in looked for place in places}
        return split_table(self.locate(), self.listing, frozenset(broken) | self.listing.broken)

    def _look(self, split: SplitName) -> Stored:
        """Find out which images of a split are sound, once."""
        if split not in self._looked:
            files = [self.locate() / path for path in self._paths(split)]
            if self.listing.kept:
                refuse_gone(self.locate(), self._paths(split))
            found = stored(
                files,
                self.info.in_channels,
                height_and_width(self.info.image_size),
                cache_size=self.options.cache_size,
                workers=self.options.workers,
                on_progress=self.on_progress,
            )
            self._note(found.note)
            if self.listing.kept:
                refuse_changed(self.locate(), self._paths(split), found.broken, self.listing.broken)
            else:
                self._note(left_out(self.locate(), split, self.listing.files[split], found.broken))
            self._looked[split] = found
        return self._looked[split]

    def _paths(self, split: SplitName) -> list[str]:
        return [path for path, _ in self.listing.files[split]]

    def _note(self, text: str) -> None:
        if text and text not in self._said:
            self._said.add(text)
            self.tell(text)
