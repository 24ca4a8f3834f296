"""Is the weight of a product a parameter that nobody else reads?"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from ...wiring import Pass, Product, Value, Wiring, innermost, short_name
from ._edit import Shape
from ._materialize import is_computed
from ._uses_bias import uses_bias


@dataclass(frozen=True, slots=True)
class Place:
    """Where a product has its weight and its bias, by names in the model.

    Attributes:
        bias: the bias that is there.
        new_bias: the bias that the module would use if it had one.
    """

    weight: str
    bias: str | None
    new_bias: str | None
    shape: Shape


def place_of(wiring: Wiring, products: Sequence[tuple[Pass, Product]]) -> Place | str:
    """Find weight and bias of products that share them, or say why they cannot be changed.

    Args:
        wiring: all that is known.
        products: every product whose weight is to be changed in the same way.
    """
    places = {_place(wiring, seen, product) for seen, product in products}
    if len(places) != 1:
        return f"the weight of {products[0][1].where or 'a product'} is used in several ways"
    (place,) = places
    if isinstance(place, str):
        return place
    for name in (place.weight, place.bias):
        if name is not None and (reader := _other_reader(wiring, name, products)) is not None:
            return reader
    return place


def _place(wiring: Wiring, seen: Pass, product: Product) -> Place | str:
    weight = _name_of(wiring, seen, product.weight_value)
    if weight is None:
        return _computed(wiring, product, "weight")
    bias = None
    if product.bias_value is not None:
        bias = _name_of(wiring, seen, product.bias_value)
        if bias is None:
            return _computed(wiring, product, "bias")
    shape = Shape(product.out_first, product.transposed, product.groups)
    return Place(weight, bias, _new_bias(wiring, seen, product) if bias is None else None, shape)


def _computed(wiring: Wiring, product: Product, which: str) -> str:
    """Say that a product's weight, or bias, is no tensor that the model holds, and what would make it one."""
    known = is_computed(wiring.model.get_submodule(product.where))
    cure = "pass materialize=True to make it plain" if known else "let the module hold it as a parameter"
    return f"the {which} of {product.where or 'a product'} is computed in each call: {cure}"


def _name_of(wiring: Wiring, seen: Pass, value: Value) -> str | None:
    """The first name of a tensor of the model, if it has its memory for itself."""
    names = seen.tensors.get(value.storage, [])
    held = {seen.values[name] for name in names}
    if held != {value}:
        return None
    name = names[0]
    owner, _, last = name.rpartition(".")
    module = wiring.model.get_submodule(owner)
    if isinstance(module, torch.jit.ScriptModule) or hasattr(module, "parametrizations"):
        return None
    if last not in (*module._parameters, *module._buffers):
        return None
    if value.numel != _written_once(value):
        return None
    return name


def _written_once(value: Value) -> int:
    """How many different elements a tensor has: an expanded one repeats some."""
    count = 1
    for size, stride in zip(value.shape, value.stride, strict=True):
        count *= size if stride or size == 1 else 1
    return count


def _new_bias(wiring: Wiring, seen: Pass, product: Product) -> str | None:
    module = wiring.model.get_submodule(product.where)
    if not isinstance(module, _KINDS) or module._parameters.get("bias", ()) is not None:
        return None
    if product.owner is None and not uses_bias(module, seen, product):
        return None
    return f"{product.where}.bias".removeprefix(".")


_KINDS = (nn.modules.conv._ConvNd, nn.Linear)


def _other_reader(wiring: Wiring, name: str, products: Sequence[tuple[Pass, Product]]) -> str | None:
    """Who else reads a tensor of the model, in any pass."""
    for seen in wiring.passes:
        if name not in seen.values:
            return f"{name} is not there in every forward"
        storage = seen.values[name].storage
        known = {index for other, product in products if other is seen for index in product.events}
        for operation in seen.readers(storage):
            if operation.index not in known:
                return f"{name} is also read by {short_name(operation)} in {innermost(seen, operation) or 'the model'}"
        if storage in seen.results or storage in seen.hooked:
            return f"{name} is returned by the model, or given to a hook"
        if any(storage in escape.storages for escape in seen.escapes):
            return f"the memory of {name} leaves torch"
    return None
