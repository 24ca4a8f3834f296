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
from ._image_paths import image_paths as image_paths
from ._image_size import ImageSize as ImageSize
from ._image_size import as_image_size as as_image_size
from ._image_size import height_and_width as height_and_width
from ._image_size import image_size_text as image_size_text
from ._image_size import read_image_size as read_image_size
from ._images import Images as Images
from ._jitter import random_jitter as random_jitter
from ._normalization import Normalization as Normalization
from ._opening import data_path as data_path
from ._opening import open_source as open_source
from ._opening import reads_as_path as reads_as_path
from ._options import GIGABYTE as GIGABYTE
from ._options import ImageOptions as ImageOptions
from ._read_image import Fit as Fit
from ._read_image import read_image as read_image
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
from ._split import stratified_draw as stratified_draw
from ._view import view as view
from .folders import DataWarning as DataWarning
from .folders import FolderSource as FolderSource
from .folders import folder_source as folder_source
from .folders import lies_in as lies_in
from .store import CachedImages as CachedImages
from .store import cached_images as cached_images
from .store import clear_cached_images as clear_cached_images

__all__ = [
    "Augmentation",
    "Batches",
    "CachedImages",
    "Crops",
    "DataWarning",
    "DatasetInfo",
    "Download",
    "FolderSource",
    "ImageOptions",
    "Images",
    "Normalization",
    "Part",
    "Share",
    "Source",
    "Split",
    "SplitName",
    "available",
    "cache_folder",
    "cached_images",
    "central_box",
    "clear_cached_images",
    "fetch",
    "folder_source",
    "from_datasets",
    "get",
    "open_source",
    "random_flip",
    "random_jitter",
    "random_shift",
    "read_image",
    "split_off_validation",
    "view",
]


def __dir__() -> list[str]:
    return __all__
