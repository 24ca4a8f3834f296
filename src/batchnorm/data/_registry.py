"""Which data sets are known by name?"""

import difflib

from ..errors import InputError
from ._fashion_mnist import FASHION_MNIST, FASHION_MNIST_MINI
from ._source import Source

_SOURCES: tuple[Source, ...] = (FASHION_MNIST_MINI, FASHION_MNIST)


def available() -> tuple[Source, ...]:
    """Every data set that has a name, on this machine or not; the default one first.

    Example:
        >>> [source.info.name for source in available()]
        ['fashion-mnist-mini', 'fashion-mnist']
    """
    return _SOURCES


def get(name: str) -> Source:
    """The data set with this name.

    Raises:
        InputError: there is none; the message names the nearest and all.

    Example:
        >>> get("fashion-mnist-mini").info.classes[9]
        'Ankle boot'
        >>> get("fashion")
        Traceback (most recent call last):
        batchnorm.errors.InputError: unknown data set 'fashion', did you mean 'fashion-mnist'? ...
    """
    known = {source.info.name: source for source in available()}
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name.lower(), known, n=1)
    hint = f", did you mean '{near[0]}'?" if near else "."
    raise InputError(f"unknown data set '{name}'{hint} Known: {', '.join(known)}")
