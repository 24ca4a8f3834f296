"""Where does CIFAR-10 come from, and what is it?

The data set: Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009
(https://www.cs.toronto.edu/~kriz/learning-features-2009-TR.pdf).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from ..errors import InputError
from ..files import cache_folder
from ._source import DatasetInfo, Download, SplitName
from ._split import Split
from .arrays import read_cifar

ARCHIVE = Download(
    "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    170_498_071,
    "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
)


@dataclass(frozen=True)
class Cifar10:
    """CIFAR-10 in its archive, or unpacked from it, in the cache folder.

    Args:
        info: what the set is; its sizes are checked against the archive.
    """

    info: DatasetInfo

    def locate(self) -> Path | None:
        """The folder that the archive is in, or None."""
        try:
            return self._folder if self._place.exists() else None
        except OSError:  # a folder that may not be read has nothing for us
            return None

    def load(self, split: SplitName) -> Split:
        """Read one split; `Source.load` says what is raised."""
        if split not in get_args(SplitName):
            raise InputError(argument="split", expected="'train' or 'test'", got=repr(split))
        cure = f"Get it with `batchnorm data fetch {self.info.name}`."
        if self.locate() is None:
            raise InputError(f"data set '{self.info.name}': not found in {self._folder}", cure=cure)
        try:
            images, labels = read_cifar(self._place, split)
        except InputError as error:
            raise InputError((f"data set '{self.info.name}': ", error.fault), cure=cure) from None
        expected = self.info.train_size if split == "train" else self.info.test_size
        if len(images) != expected or int(labels.max()) >= len(self.info.classes):
            raise InputError(
                f"data set '{self.info.name}': {self._place} holds another set: expected {expected} images of "
                f"{len(self.info.classes)} classes in {split}, got {len(images)} of {int(labels.max()) + 1}",
                cure=(cure, " To use a set of your own, name it by its path."),
            )
        return Split(images, labels)

    @property
    def _folder(self) -> Path:
        return cache_folder() / self.info.name

    @property
    def _place(self) -> Path:
        """The archive, or what somebody has unpacked of it there."""
        archive, unpacked = self._folder / ARCHIVE.filename, self._folder / "cifar-10-batches-py"
        return unpacked if not archive.exists() and unpacked.is_dir() else archive


CIFAR10 = Cifar10(
    DatasetInfo(
        name="cifar10",
        summary="colour photographs of 32x32 pixels in ten classes of animals and vehicles",
        classes=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
        in_channels=3,
        image_size=32,
        train_size=50_000,
        test_size=10_000,
        licence="not stated",
        homepage="https://www.cs.toronto.edu/~kriz/cifar.html",
        flippable=True,
        downloads=(ARCHIVE,),
    )
)
