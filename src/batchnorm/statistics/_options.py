"""What may a caller of `recalibrate` ask for?"""

import math
from collections.abc import Iterable, Iterator
from typing import Any

from torch import Tensor, nn

from ..errors import ForPython, InputError, InputTypeError, Setting, did_you_mean

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
        InputTypeError: an argument of another type.
        InputError: an argument out of range, an unknown name, or a loader that gives its batches once where they are
            needed again.
    """
    if not isinstance(model, nn.Module):
        raise InputTypeError(argument="model", expected="a torch.nn.Module", got=type(model).__name__)
    _check_name("method", method, METHODS)
    _check_name("variance", variance, VARIANCES)
    _check_whole("max_samples", max_samples, least=1)
    _check_whole("max_rounds", max_rounds, least=2)
    if not isinstance(tolerance, int | float) or not 0 < tolerance < math.inf:
        raise InputError(argument="tolerance", expected="a number above 0", got=repr(tolerance))
    if forward_fn is not None and not callable(forward_fn):
        raise InputTypeError(
            argument="forward_fn", expected="a function of (model, batch)", got=type(forward_fn).__name__
        )
    _check_loader(loader, again=method == "exact" or certify)


def _check_loader(loader: object, *, again: bool) -> None:
    if isinstance(loader, Tensor | str | dict) or not isinstance(loader, Iterable):
        raise InputTypeError(
            argument="loader",
            expected="an iterable of batches",
            got=type(loader).__name__,
            cure="Put a data set into torch.utils.data.DataLoader, and a single batch into a list.",
        )
    if again and isinstance(loader, Iterator):
        raise InputError(
            argument="loader",
            expected="a loader that can be read several times",
            got=f"a {type(loader).__name__}, which gives its batches only once",
            cure=("Pass the loader itself or a list of its batches, or use ", Setting("method", "average"), "."),
        )


def _check_name(argument: str, got: Any, known: tuple[str, ...]) -> None:
    if got not in known:
        hint = did_you_mean(got, known) if isinstance(got, str) else ""
        raise InputError(argument=argument, expected=" or ".join(map(repr, known)), got=repr(got), cure=hint)


def _check_whole(argument: str, got: object, *, least: int) -> None:
    if got is None:
        return
    if isinstance(got, bool) or not isinstance(got, int):
        raise InputTypeError(argument=argument, expected=("an integer", ForPython(" or None")), got=repr(got))
    if got < least:
        raise InputError(argument=argument, expected=f"an integer of at least {least}", got=str(got))
