"""What may a caller of `recalibrate` ask for?"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor, nn

from ...errors import ForPython, InputError, InputTypeError, Setting, did_you_mean, its_type
from ._no_loader import refuse_no_loader

METHODS = ("average", "exact")
VARIANCES = ("unbiased", "biased")


@dataclass(frozen=True)
class RecalibrationOptions:
    """How statistics are computed anew: what `recalibrate` takes besides a model and its data.

    Every value is checked when the object is made.

    Raises:
        InputTypeError: a value of another type.
        InputError: a value out of its range, or an unknown name.

    Example:
        >>> RecalibrationOptions(method="exact").certifies
        True
        >>> RecalibrationOptions(max_rounds=1)
        Traceback (most recent call last):
        batchnorm.errors.InputError: max_rounds: expected an integer of at least 2, got 1
    """

    method: Literal["average", "exact"] = "average"
    """average: one pass; exact: a pass per layer, any batch size"""
    variance: Literal["unbiased", "biased"] = "unbiased"
    """which variance to store: unbiased (as training does), biased"""
    max_rounds: int | None = None
    """allow exact at most N passes"""
    keep_partial: bool = False
    """keep what is exact if the passes run out"""
    include_frozen: bool = False
    """also recompute the statistics of frozen norm layers"""
    tolerance: float = 1e-4
    """largest residual that counts as settled"""
    certify: bool = False
    """measure the residual after average, too"""

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        _check_name("method", self.method, METHODS)
        _check_name("variance", self.variance, VARIANCES)
        check_whole("max_rounds", self.max_rounds, least=2)
        _check_number("tolerance", self.tolerance)

    @property
    def certifies(self) -> bool:
        """Whether the residual is measured at the end, for which the data are read again."""
        return self.certify or self.method == "exact"


def check_given(model: object, loader: object, options: RecalibrationOptions, forward_fn: object) -> None:
    """Refuse a model or data that cannot be meant, before anything runs.

    Raises:
        InputTypeError: an argument of another type.
        InputError: a loader that gives its batches once where they are needed again.
    """
    if not isinstance(model, nn.Module):
        raise InputTypeError(argument="model", expected="a torch.nn.Module", got=type(model).__name__)
    if forward_fn is not None and not callable(forward_fn):
        raise InputTypeError(
            argument="forward_fn", expected="a function of (model, batch)", got=type(forward_fn).__name__
        )
    _check_loader(loader, again=options.certifies)


def _check_loader(loader: object, *, again: bool) -> None:
    refuse_no_loader(loader)
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
            got=f"{its_type(loader)}, which gives its batches only once",
            cure=("Pass the loader itself or a list of its batches, or use ", Setting("method", "average"), "."),
        )


def _check_name(argument: str, got: Any, known: tuple[str, ...]) -> None:
    if got not in known:
        hint = did_you_mean(got, known) if isinstance(got, str) else ""
        raise InputError(argument=argument, expected=" or ".join(map(repr, known)), got=repr(got), cure=hint)


def _check_number(argument: str, got: object) -> None:
    if not isinstance(got, int | float) or not 0 < got < math.inf:
        raise InputError(argument=argument, expected="a number above 0", got=repr(got))


def check_whole(argument: str, got: object, *, least: int) -> None:
    """Refuse what is neither `None` nor an integer of at least `least`."""
    if got is None:
        return
    if isinstance(got, bool) or not isinstance(got, int):
        raise InputTypeError(argument=argument, expected=("an integer", ForPython(" or None")), got=repr(got))
    if got < least:
        raise InputError(argument=argument, expected=f"an integer of at least {least}", got=str(got))
