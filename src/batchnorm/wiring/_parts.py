"""Which operators of a pass belong to which row of a wiring?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..norms import is_norm
from ._events import Pass, Value
from ._normalizations import Normalization, normalizations_of
from ._units import NormCall, Product, Unit, innermost

FUNCTION = "function"
"""The kind of a row that is no module."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One call of a row: a module that called no other one, a norm with all that is in it, or a loose operator.

    Attributes:
        hands_on: it returned the very tensor that it was given, and computed nothing.
    """

    name: str
    kind: str
    events: range
    output: Value | None
    axis: int | None
    hands_on: bool = False


def parts_of(seen: Pass, units: Sequence[Unit]) -> list[Part]:
    """Every call of a row in a pass, in the order in which they began.

    Args:
        seen: the pass.
        units: those that `find_units` found in it.
    """
    norms = {unit.call.index: unit for unit in units if isinstance(unit, NormCall)}
    products = [unit for unit in units if isinstance(unit, Product)]
    parts = [_of_norm(unit) for unit in norms.values()]
    calling = {call.parents[-1] for call in seen.calls if call.parents}
    for call in seen.calls:
        if call.index in calling or call.index in norms or not norms.keys().isdisjoint(call.parents):
            continue
        events = range(call.start, call.end)
        axes = {unit.out_axis for unit in products if unit.output == call.output and unit.events.start in events}
        computes = any(not seen.operations[index].is_view for index in events)
        same = call.output is not None and call.output == call.input
        axis = axes.pop() if len(axes) == 1 else None
        parts.append(
            Part(call.name, type(call.module).__name__, events, call.output, axis, hands_on=same and not computes)
        )
    taken = {index for part in parts for index in part.events}
    parts += [_of_product(seen, unit) for unit in products if taken.isdisjoint(unit.events)]
    parts += [_of_loose_norm(seen, norm) for norm in loose_norms(seen, units) if taken.isdisjoint(norm.events)]
    return sorted(parts, key=lambda part: (part.events.start, part.events.stop))


def loose_norms(seen: Pass, units: Sequence[Unit]) -> Iterator[Normalization]:
    """The calls of `F.batch_norm`, and of ours, outside every norm."""
    inside = {index for unit in units if isinstance(unit, NormCall) for index in unit.events}
    norms = {call.index for call in seen.calls if is_norm(call.module)}  # also those that are no units
    for norm in normalizations_of(seen):
        if inside.isdisjoint(norm.events) and norms.isdisjoint(norm.calls):
            yield norm


def _of_norm(unit: NormCall) -> Part:
    return Part(unit.name, type(unit.call.module).__name__, unit.events, unit.output, unit.axis)


def _of_product(seen: Pass, unit: Product) -> Part:
    operation = seen.operations[unit.events.start]
    name = _name(innermost(seen, operation), operation.name)
    return Part(name, FUNCTION, unit.events, unit.output, unit.out_axis)


def _of_loose_norm(seen: Pass, norm: Normalization) -> Part:
    return Part(_name(innermost(seen, norm), norm.name), FUNCTION, norm.events, norm.output, 1)


def _name(module: str, function: str) -> str:
    return f"{module} [{function.removeprefix('aten.')}]".strip()
