"""Of which layers was a folded model made, and is another model made of the same?"""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.parametrize import type_before_parametrizations

from ...norms import is_norm
from ...transaction import original
from .._twin import STASH
from ._stash import Stash, stashes_of

Structure = dict[str, dict[str, Any]]
"""The innermost modules by their paths: the class, and what its layers are made with, in values that JSON knows."""

_CHANGE_NOTHING = {"Identity", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout"}
"""Modules that compute nothing in evaluation, where one may stand and another not."""
_OF_NO_EFFECT = {"inplace", "momentum", "track_running_stats", "affine"}
_OF_NORMS = ("eps", "activation", "kernel_size")


def structure_of(model: nn.Module) -> Structure:
    """Return the layers of a model as it was, or would be, unfolded.

    Tensors tell most of a model, but not its strides, its activations and the `eps` of its norms: those of torch's
    layers are what `__constants__` names. Functions that a forward calls are not among them.

    Example:
        >>> structure_of(nn.Sequential(nn.LeakyReLU(0.2), nn.BatchNorm2d(3)))
        {'0': {'class': 'LeakyReLU', 'negative_slope': 0.2}, '1': {'class': 'batch norm', 'eps': 1e-05}}
    """
    module, _ = original(model)
    places = dict(module.named_modules(remove_duplicate=False))
    for path, stash in _newest_first(module):
        for replaced in stash.norms:
            for name in replaced.names:
                at = f"{path}.{name}".removeprefix(".")
                places = {place: inner for place, inner in places.items() if not f"{place}.".startswith(f"{at}.")}
                inside = replaced.module.named_modules(remove_duplicate=False)
                places |= {f"{at}.{inner}".removesuffix("."): part for inner, part in inside}
    layers = {place: inner for place, inner in places.items() if "parametrizations" not in place.split(".")}
    containers = {place.rpartition(".")[0] for place in layers if place}
    return {place: _described(layer) for place, layer in layers.items() if is_norm(layer) or place not in containers}


def difference(saved: Mapping[str, Mapping[str, Any]], present: Structure) -> str | None:
    """Say where two structures differ, if they do; what one of them does not know of a layer is not compared."""
    for place in dict.fromkeys((*saved, *present)):
        ours, theirs = present.get(place), saved.get(place)
        if ours is None or theirs is None:
            alone = ours or theirs or {}
            if alone.get("class") in _CHANGE_NOTHING:
                continue
            lacks = "this model" if ours is None else "the saved one"
            return f"{place or 'the model'} is {_named(alone)}, which {lacks} does not have"
        known = ours.keys() & theirs.keys()
        if {ours["class"], theirs["class"]} <= _CHANGE_NOTHING or all(ours[key] == theirs[key] for key in known):
            continue
        unlike = {"class"} | {key for key in known if ours[key] != theirs[key]}
        one, other = ({key: layer[key] for key in layer if key in unlike} for layer in (theirs, ours))
        return f"{place or 'the model'} was {_named(one)} and is {_named(other)} here"
    return None


def _newest_first(module: nn.Module) -> Iterator[tuple[str, Stash]]:
    found = [
        (path, stash)
        for path, inner in module.named_modules(remove_duplicate=False)
        if STASH in vars(inner)
        for stash in stashes_of(inner)
    ]
    return iter(sorted(found, key=lambda entry: entry[1].number, reverse=True))


def _described(layer: nn.Module) -> dict[str, Any]:
    kind = type_before_parametrizations(layer)
    if is_norm(layer):
        # A synchronized norm is the same in evaluation.
        name = "batch norm" if isinstance(layer, _BatchNorm) and kind.__module__.startswith("torch.") else kind.__name__
        return {"class": name, **_values(layer, _OF_NORMS)}
    constants = getattr(kind, "__constants__", ())
    return {"class": kind.__name__, **_values(layer, [name for name in constants if name not in _OF_NO_EFFECT])}


def _values(layer: nn.Module, names: Iterable[str]) -> dict[str, Any]:
    found = {}
    for name in names:
        if not hasattr(layer, name):
            continue
        value = getattr(layer, name)
        value = [*value] if isinstance(value, tuple) else value
        if all(_is_plain(one) for one in (value if isinstance(value, list) else [value])):
            found[name] = value
        elif callable(value):
            found[name] = getattr(value, "__name__", type(value).__name__)
    return found


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))


def _named(layer: Mapping[str, Any]) -> str:
    values = ", ".join(f"{key}={value}" for key, value in layer.items() if key != "class")
    return f"{layer.get('class')}({values})" if values else str(layer.get("class"))
