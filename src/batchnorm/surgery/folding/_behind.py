"""May a norm go into what stands before it: products, or other norms?"""

from collections.abc import Sequence

from ...wiring import Arrival, Followed, NormCall, Pass, Product, Wiring, innermost, short_name
from ._edit import Edit
from ._plan import Change, Merge
from ._sources import Arrivals, Group, Route, behind, covered, only, weight_key
from ._weights import Place, place_of


def fold_behind(wiring: Wiring, arrivals: Arrivals, change: Change, ready: dict[str, Change]) -> str | None:
    """Put a norm into everything that its input is made of, or say why not.

    Args:
        wiring: what has been seen.
        arrivals: of all units.
        change: of the norm; edits, merges and outcome are written into it.
        ready: the norms of the model that can take up another one, by name.
    """
    routes: list[Route] = []
    for seen, unit in wiring.norm_calls(change.norm):
        coming = arrivals.at(unit)
        problem = _changed_in_place(seen, unit, coming)
        if problem is not None:
            return problem
        if not covered((arrival for _, _, arrival in coming), unit):
            return _what_else(seen, coming, unit)
        routes += coming
    groups: dict[str, Group] = {}
    for route in routes:
        problem = _join(groups, route, change.norm, ready)
        if problem is not None:
            return problem
    return _write(wiring, change, [*groups.values()])


def _changed_in_place(seen: Pass, unit: NormCall, coming: Sequence[Route]) -> str | None:
    """Why an output that is written to could not be the input itself, which it would be then."""
    if unit.output is None or unit.output.storage == unit.input.storage:
        return None
    if sum(unit.output.storage in operation.writes for operation in seen.readers(unit.output.storage)) < 2:
        return None
    shared = any(len(followed.arrivals) > 1 for _, followed, _ in coming)
    if shared or unit.input.overlaps:
        return "its output is changed in place, and its input is needed again: change it out of place (inplace=False)"
    return None


def _what_else(seen: Pass, coming: Sequence[Route], unit: NormCall) -> str:
    """Who makes a norm's input that is no product and no norm."""
    if unit.input.storage in seen.inputs:
        return f"its input is the model's own, not made {_NOT_ALONE.removeprefix('not ')}"
    if coming:
        return f"its input is made by several, {_NOT_ALONE}"
    makers = [
        operation
        for operation in seen.readers(unit.input.storage)
        if operation.index < unit.events.start and unit.input.storage in operation.writes
    ]
    made = f"{short_name(makers[-1])} in {innermost(seen, makers[-1]) or 'the model'}" if makers else "something else"
    return f"its input is made by {made}, {_NOT_ALONE}"


_NOT_ALONE = "not by a convolution, linear layer or norm alone: put it right behind one"


def _join(groups: dict[str, Group], route: Route, norm: str, ready: dict[str, Change]) -> str | None:
    seen, followed, arrival = route
    source = followed.unit
    name = source.where if isinstance(source, Product) else source.name
    if followed.lost is not None:
        return f"the output of {name or 'a product'} {followed.lost}{only(followed, 'this norm alone')}"
    for other in followed.arrivals:
        if not isinstance(other.unit, NormCall) or other.unit.name != norm:
            return f"the output of {name or 'a product'} is also read by {_name(other)}"
    if len(followed.arrivals) > 1 and not _alike(followed):
        return f"the output of {name} reaches it in several ways"
    channels = behind(source, arrival)
    if isinstance(channels, str):
        return channels
    if isinstance(source, NormCall):
        problem = _may_take_up(source, ready)
        if problem is not None:
            return problem
    key = f"norm {source.name}" if isinstance(source, NormCall) else weight_key(seen, source)
    group = groups.setdefault(key, Group(key))
    group.units.append((seen, source))
    return None if group.meet(channels) else f"{name} feeds it in several ways"


def _alike(followed: Followed) -> bool:
    """Whether one output that arrives at several calls of the norm does so in the same way."""
    first, *others = (behind(followed.unit, arrival) for arrival in followed.arrivals)
    return not isinstance(first, str) and all(not isinstance(one, str) and one.equal(first) for one in others)


def _may_take_up(source: NormCall, ready: dict[str, Change]) -> str | None:
    change = ready.get(source.name)
    if change is None or change.rest is None:
        return f"the norm {source.name} before it has to stay as it is"
    return None if change.rest.is_nothing else f"the norm {source.name} before it does more than normalize"


def _name(arrival: Arrival) -> str:
    unit = arrival.unit
    return unit.name if isinstance(unit, NormCall) else unit.where or "another product"


def _write(wiring: Wiring, change: Change, groups: list[Group]) -> str | None:
    merged, edits, into, stays = [], [], [], False
    for group in groups:
        units = list({id(unit): (seen, unit) for seen, unit in group.units}.values())
        first = units[0][1]
        if group.channels is None:
            return "it is not known which of its channels comes from where"
        if isinstance(first, NormCall):
            if len(units) != len(wiring.norm_calls(first.name)):
                return f"the norm {first.name} before it is also called elsewhere"
            merged.append(Merge(first.name, group.channels))
            into.append(first.name)
            continue
        place = place_of(wiring, [(seen, unit) for seen, unit in units if isinstance(unit, Product)])
        if isinstance(place, str):
            return place
        stays |= place.bias is None and place.new_bias is None
        edits.append((place, group))
        into.append(first.where)
    if stays and merged:
        return "there is no place for its shift"
    change.merged = tuple(merged)
    change.edits = tuple(_edit(place, group, stays=stays) for place, group in edits)
    change.into = tuple(dict.fromkeys(into))
    change.outcome = "shift" if stays else "folded"
    change.reason = _without_bias(edits) if stays else None
    return None


def _without_bias(edits: Sequence[tuple[Place, Group]]) -> str:
    """Why a shift stays, as one addition."""
    names = {
        unit.where or "what feeds it"
        for place, group in edits
        if place.bias is None and place.new_bias is None
        for _, unit in group.units
        if isinstance(unit, Product)
    }
    return f"{', '.join(sorted(names))} has no bias that could take up its shift, which stays as an addition"


def _edit(place: Place, group: Group, *, stays: bool) -> Edit:
    channels = group.channels
    assert channels is not None  # noqa: S101  # _write has looked
    # Where the shift stays behind, a bias is only multiplied, and none is made.
    return Edit(
        "out", place.weight, place.bias if stays else place.bias or place.new_bias, channels, place.shape, stays
    )
