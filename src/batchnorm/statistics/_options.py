"""What may a caller of `recalibrate` ask for?"""

import math
from collections.abc import Iterable, Iterator
from typing import Any

from torch import Tensor, nn

from ..errors import did_you_mean
from ._no_loader import refuse_no_loader

METHODS = ("average", "exact")
VARIANCES = ("unbiased", "biased")


def check_options(
    model: object,
    loader: object,
    *,
    method: object,
    variance: object,
    max_samples: object,
    max_rounds: object,
    tolerance: object,
    forward_fn: object,
    certify: bool,
) -> None:
    """Refuse what cannot be meant, before anything runs.

    Raises:
        TypeError: an argument of another type.
        ValueError: an argument out of range, an unknown name, or a loader that gives its batches once where they are
            needed again.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"recalibrate: expected model to be a torch.nn.Module, got a {type(model).__name__}.")
    _check_name("method", method, METHODS)
    _check_name("variance", variance, VARIANCES)
    _check_whole("max_samples", max_samples, least=1)
    _check_whole("max_rounds", max_rounds, least=2)
    if not isinstance(tolerance, int | float) or not 0 < tolerance < math.inf:
        raise ValueError(f"recalibrate: expected tolerance to be a number above 0, got {tolerance!r}.")
    if forward_fn is not None and not callable(forward_fn):
        raise TypeError(
            f"recalibrate: expected forward_fn to be a function of (model, batch), got a {type(forward_fn).__name__}."
        )
    _check_loader(loader, again=method == "exact" or certify)


def _check_loader(loader: object, *, again: bool) -> None:
    refuse_no_loader(loader)
    if isinstance(loader, Tensor | str | dict) or not isinstance(loader, Iterable):
        raise TypeError(
            f"recalibrate: expected loader to be an iterable of batches, got a {type(loader).__name__}. Put a data set "
            "into torch.utils.data.DataLoader, and a single batch into a list."
        )
    if again and isinstance(loader, Iterator):
        raise ValueError(
            f"recalibrate: expected a loader that can be read several times, got a {type(loader).__name__}, which "
            'gives its batches once. Give the loader itself, a list of its batches, or take method="average".'
        )


def _check_name(argument: str, got: Any, known: tuple[str, ...]) -> None:
    if got not in known:
        hint = did_you_mean(got, known) if isinstance(got, str) else ""
        raise ValueError(f"recalibrate: expected {argument} to be {' or '.join(map(repr, known))}, got {got!r}.{hint}")


def _check_whole(argument: str, got: object, *, least: int) -> None:
    if got is None:
        return
    if isinstance(got, bool) or not isinstance(got, int):
        raise TypeError(f"recalibrate: expected {argument} to be a whole number or None, got {got!r}.")
    if got < least:
        raise ValueError(f"recalibrate: expected {argument} to be at least {least}, got {got}.")
