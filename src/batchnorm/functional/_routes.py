"""Which implementation computes a batch norm? The one place where that is decided, by one table."""

from collections.abc import Callable
from types import MappingProxyType
from typing import NamedTuple

import torch
from torch import Tensor

from ..errors import InputTypeError
from ..kernels import cpu
from ._arguments import Arguments
from ._composed import composed
from ._fused import FEWEST, fused, pays, why_not
from ._names import unknown_name
from ._native import native
from ._sourced import sourced
from ._transforms import inside_transform
from .sources import as_source

Route = Callable[[Arguments], Tensor]


class Row(NamedTuple):
    """One line of the table: `route` is taken if `holds(arguments)`, and no line above did."""

    route: str
    when: str
    why: str
    holds: Callable[[Arguments], bool]


ROUTES: MappingProxyType[str, Route] = MappingProxyType({"composed": composed, "native": native, "fused": fused})
"""The implementations of batch norm by their names."""

AUTO = (
    Row(
        "composed",
        "inside a torch.func transform",
        "plain operations follow any nesting of grad, jvp and vmap",
        lambda arguments: inside_transform(),
    ),
    Row(
        "native",
        "inside torch.export",
        "an exported program is to run where this library is not",
        lambda arguments: torch.compiler.is_exporting(),
    ),
    Row(
        "fused",
        "x on a CPU, contiguous or channels_last, float32, float64 or bfloat16; None, relu, relu6, silu, hardswish; "
        "a residual or a 2x2 pool with relu; at least 2**18 values (2**19 channels_last, 2**20 in evaluation); "
        "numba is installed",
        "one go over memory for all steps: see docs/benchmarks.md",
        lambda arguments: pays(arguments) and why_not(arguments) is None,
    ),
    Row(
        "native",
        "everything else",
        "torch's kernel for the device, one pass over memory less",
        lambda arguments: True,
    ),
)


def implementation(route: str, arguments: Arguments) -> Route:
    """The implementation of that name; for "auto" that of the first line of the table that holds.

    Raises:
        ValueError: an unknown name; the message has the near ones.
        TypeError: `route` is no name at all.
    """
    if route != "auto":
        check_route(route)
        return ROUTES[route]
    found = next(row.route for row in AUTO if row.holds(arguments))
    return _fused_or_native if found == "fused" else ROUTES[found]


def compute(route: str, arguments: Arguments) -> Tensor:
    """The output, by a route or by the one that the table chooses; a source of moments may be asked on the way.

    Raises:
        ValueError: an unknown name; the message has the near ones.
        TypeError: `route` is no name at all.
    """
    source = arguments.source
    if source is None:
        return implementation(route, arguments)(arguments)
    check_route(route)
    return sourced(route, arguments, as_source(source), compute)


def compute_unwatched(route: str, arguments: Arguments) -> Tensor:
    """`compute` for a usual call that nobody looks at: most of the table's questions are answered then."""
    if route == "auto" and arguments.x.numel() < FEWEST:
        return native(arguments)
    return compute(route, arguments)


def _fused_or_native(arguments: Arguments) -> Tensor:
    """What "auto" takes: that Numba is broken comes out when the first kernel is to be compiled, and is known then."""
    try:
        return fused(arguments)
    except cpu.UnusableKernelsError:
        return native(arguments)


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


def route_table() -> str:
    """The table by which `route="auto"` chooses, as Markdown: the first line that holds wins.

    Example:
        >>> print(route_table())  # doctest: +ELLIPSIS
        | route | when | why |
        |---|---|---|
        | composed | inside a torch.func transform | ... |
        | native | everything else | ... |
    """
    lines = ["| route | when | why |", "|---|---|---|"]
    return "\n".join(lines + [f"| {row.route} | {row.when} | {row.why} |" for row in AUTO])
