"""Load image data sets as tensors, normalize and augment the images, and split them into batches."""

from ..files import cache_folder as cache_folder
from ._augmentation import Augmentation as Augmentation
from ._augmentation import random_flip as random_flip
from ._augmentation import random_shift as random_shift
from ._batches import Batches as Batches
from ._crops import Crops as Crops
from ._crops import central_box as central_box
from ._fetch import fetch as fetch
from ._from_datasets import from_datasets as from_datasets
from ._images import Images as Images
from ._jitter import random_jitter as random_jitter
from ._normalization import Normalization as Normalization
from ._registry import available as available
from ._registry import get as get
from ._share import Part as Part
from ._share import Share as Share
from ._source import DatasetInfo as DatasetInfo
from ._source import Download as Download
from ._source import Source as Source
from ._source import SplitName as SplitName
from ._split import Split as Split
from ._split import split_off_validation as split_off_validation
from ._view import view as view

__all__ = [
    "Augmentation",
    "Batches",
    "Crops",
    "DatasetInfo",
    "Download",
    "Images",
    "Normalization",
    "Part",
    "Share",
    "Source",
    "Split",
    "SplitName",
    "available",
    "cache_folder",
    "central_box",
    "fetch",
    "from_datasets",
    "get",
    "random_flip",
    "random_jitter",
    "random_shift",
    "split_off_validation",
    "view",
]


def __dir__() -> list[str]:
    return __all__
