"""May a norm go into what reads it: the products behind it?"""

from torch import Tensor

from ...wiring import Followed, NormCall, Pass, Product, Wiring
from ._edit import Edit
from ._pair import pair_of
from ._plan import Change
from ._sources import Group, before, only, weight_key
from ._weights import Place, place_of


def fold_ahead(wiring: Wiring, change: Change) -> str | None:
    """Put a norm into every product that reads it, or say why not.

    Where zeros stand around the input of a convolution, they are no shifted zeros: then the shift has to be 0.
    """
    if change.rest is None:
        return "what it does besides normalizing is not known"
    if not change.rest.is_nothing:
        return f"between the two is {change.rest.named(change.module)}"
    for seen, call in wiring.norm_calls(change.norm):
        storage = call.input.storage
        if any(
            operation.index >= call.events.stop and storage in operation.writes for operation in seen.readers(storage)
        ):
            return "its input is overwritten after it has run"  # which would then be its output, too
    groups: dict[str, Group] = {}
    for seen in wiring.passes:
        for followed in wiring.followed(seen):
            unit = followed.unit
            if isinstance(unit, NormCall) and unit.name == change.norm:
                problem = _join(groups, seen, followed)
                if problem is not None:
                    return problem
    return _write(wiring, change, [*groups.values()])


def _join(groups: dict[str, Group], seen: Pass, followed: Followed) -> str | None:
    if followed.lost is not None:
        return f"its output {followed.lost}{only(followed, 'a convolution or linear layer')}"
    if not followed.arrivals:
        return "nothing reads its output"
    for arrival in followed.arrivals:
        channels, product = before(arrival), arrival.unit
        if isinstance(channels, str) or not isinstance(product, Product):
            return channels if isinstance(channels, str) else "another norm reads its output"
        key = weight_key(seen, product)
        group = groups.setdefault(key, Group(key))
        group.units.append((seen, product))
        if not group.meet(channels):
            return f"{product.where or 'a product'} reads its output in several ways"
    return None


def _write(wiring: Wiring, change: Change, groups: list[Group]) -> str | None:
    _, shift = pair_of(change.module)
    edits = []
    for group in groups:
        products = [(seen, unit) for seen, unit in group.units if isinstance(unit, Product)]
        place = place_of(wiring, products)
        if isinstance(place, str):
            return place
        if group.channels is None:
            return "it is not known which of its channels goes where"
        problem = _edge(products, place, group.channels, shift)
        if problem is not None:
            return problem
        bias = place.bias or (place.new_bias if bool(shift.any()) else None)
        edits.append(Edit("in", place.weight, bias, group.channels, place.shape))
    change.edits = tuple(edits)
    change.into = tuple(
        dict.fromkeys(unit.where for group in groups for _, unit in group.units if isinstance(unit, Product))
    )
    change.outcome = "folded"
    return None


def _edge(products: list[tuple[Pass, Product]], place: Place, channels: Tensor, shift: Tensor) -> str | None:
    """Why the norm's shift cannot go through a product."""
    if not bool(shift[channels[channels >= 0]].any()):
        return None
    name = products[0][1].where or "a product"
    if any(product.zero_padded for _, product in products):
        return f"{name} pads with zeros, which do not go through the norm: pad before the norm, or not with zeros"
    if place.bias is None and place.new_bias is None:
        return f"{name} has no bias that could take up its shift: build it with bias=True"
    return None
