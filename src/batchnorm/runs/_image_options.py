"""How are the images at a path read, by the options of a training?"""

from ..data import GIGABYTE, ImageOptions, read_image_size
from ._config import TrainConfig


def image_options(config: TrainConfig) -> ImageOptions:
    """Return how a training reads images from files.

    Example:
        >>> image_options(TrainConfig(image_size="128x96", cache_size=0.5)).image_size
        (96, 128)
    """
    return ImageOptions(
        image_size=None if config.image_size is None else read_image_size(config.image_size),
        channels=config.channels,
        test_fraction=config.test_fraction,
        seed=config.seed,
        cache_size=int(config.cache_size * GIGABYTE),
        workers=config.workers,
    )
