"""Which data sets are known by name?"""

from ..errors import InputError, InputTypeError, did_you_mean
from ._cifar10 import CIFAR10
from ._fashion_mnist import FASHION_MNIST, FASHION_MNIST_MINI
from ._source import Source

_SOURCES: tuple[Source, ...] = (FASHION_MNIST_MINI, FASHION_MNIST, CIFAR10)


def available() -> tuple[Source, ...]:
    """Every data set that has a name, on this machine or not; the default one first.

    Example:
        >>> [source.info.name for source in available()]
        ['fashion-mnist-mini', 'fashion-mnist', 'cifar10']
    """
    return _SOURCES


def get(name: str) -> Source:
    """The data set with this name.

    Raises:
        InputError: there is none; the message names the nearest and all.

    Example:
        >>> get("fashion-mnist-mini").info.classes[9]
        'Ankle boot'
        >>> get("fashion")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        batchnorm.errors.InputError: unknown data set 'fashion'; expected one of fashion-mnist-mini, ...
    """
    if not isinstance(name, str):
        got = "None" if name is None else type(name).__name__
        raise InputTypeError(argument="data", expected="the name of a data set", got=got)
    known = {source.info.name: source for source in available()}
    if name in known:
        return known[name]
    raise InputError(
        f"unknown data set {name!r}",
        expected=f"one of {', '.join(known)}",
        cure=did_you_mean(name, known),
    )
