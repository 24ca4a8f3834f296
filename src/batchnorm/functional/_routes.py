"""How does a batch norm come to its result? By the implementation that is asked for, or that the table names."""

from collections.abc import Callable
from types import MappingProxyType

from torch import Tensor

from ..errors import InputTypeError
from ..kernels import UnusableKernelsError
from ._arguments import Arguments
from ._composed import composed
from ._fused import fused, take_kernels, take_short, takes_usual
from ._names import unknown_name
from ._native import native
from ._pays import FEWEST
from ._sourced import sourced
from ._table import choose
from .sources import as_source

Route = Callable[[Arguments], Tensor]

ROUTES: MappingProxyType[str, Route] = MappingProxyType({"composed": composed, "native": native, "fused": fused})
"""The implementations of batch norm by their names."""


def compute(route: str, a: Arguments) -> Tensor:
    """The output, by a route or by the one that the table names; a source of moments is asked on the way.

    Raises:
        ValueError: an unknown name; the message has the near ones.
        TypeError: `route` is no name at all.
    """
    if route != "auto":
        check_route(route)
        return _computed(route, a)
    found = choose("batch_norm", a)
    if found != "fused":
        return _computed(found, a)
    try:
        return take_kernels(a) if a.source is None else _computed("fused", a)
    except UnusableKernelsError:  # that Numba is broken comes out when the first kernel is to be compiled
        return _computed("native", a)


def compute_unwatched(route: str, a: Arguments) -> Tensor:
    """`compute` for a usual call that nobody looks at: most of the table's questions are answered then."""
    if route == "auto" and a.x.numel() < FEWEST:
        return native(a)
    if route == "fused" and takes_usual(a):
        return take_short(a)
    return compute(route, a)


def _computed(route: str, a: Arguments) -> Tensor:
    return ROUTES[route](a) if a.source is None else sourced(route, a, as_source(a.source), compute)


def check_route(route: str) -> None:
    """Refuse a route that does not exist.

    Raises:
        ValueError: the message has the near names.
        TypeError: `route` is no name at all.
    """
    if not isinstance(route, str):
        raise InputTypeError(
            argument="route", expected="a name", got=repr(route), cure=f"Known: auto, {', '.join(ROUTES)}."
        )
    if route != "auto" and route not in ROUTES:
        raise unknown_name("route", route, ("auto", *ROUTES))
