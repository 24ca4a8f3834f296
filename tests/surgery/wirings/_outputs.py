"""How far apart are two outputs, whatever they are made of?"""

import dataclasses
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

Values = dict[str, Any]
"""Tensors in float64 (or complex128) and everything else as it is, by the way to it."""


def outputs(model: nn.Module, calls: list[Any], observe: Callable[[nn.Module, Any], Any]) -> list[Values]:
    """The values of every call; each has random numbers of its own, and buffers stay as they were."""
    before = [(buffer, buffer.detach().clone()) for buffer in model.buffers()]
    found = []
    with torch.no_grad(), torch.random.fork_rng():
        for seed, arguments in enumerate(calls):
            torch.manual_seed(seed)
            random.seed(seed)
            found.append(dict(leaves(observe(model, _call(model, arguments)), "output")))
        for buffer, value in before:
            buffer.copy_(value)
    return found


def _call(model: nn.Module, arguments: Any) -> Any:
    arguments = mapped(copied, arguments)
    if isinstance(arguments, tuple):
        return model(*arguments)
    return model(**arguments) if isinstance(arguments, dict) else model(arguments)


def copied(x: Tensor) -> Tensor:
    """A copy, which is a tensor of inference mode if `x` is one."""
    with torch.inference_mode(x.is_inference()):
        return x.detach().clone(memory_format=torch.preserve_format)


def in_float64(arguments: Any) -> Any:
    """The arguments with every floating point tensor in float64."""
    return mapped(lambda x: copied(x).double() if x.is_floating_point() else x, arguments)


def mapped(function: Callable[[Tensor], Tensor], value: Any) -> Any:
    """The same with every tensor inside of lists, tuples, dicts and data classes replaced."""

    def leaf(part: Any) -> Any:
        if dataclasses.is_dataclass(part):
            return type(part)(**{key: mapped(function, field) for key, field in vars(part).items()})
        return function(part) if isinstance(part, Tensor) else part

    return tree_map(leaf, value)


def leaves(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    """Every value inside of `value`, with the way to it."""
    if isinstance(value, Tensor | np.ndarray | np.generic):
        tensor = torch.as_tensor(value).detach()
        yield f"{place} shape", tuple(tensor.shape)
        yield f"{place} dtype", tensor.dtype
        yield place, tensor.to(torch.complex128 if tensor.is_complex() else torch.float64, copy=True)
    elif _is_numbers(value):
        yield place, torch.tensor(value, dtype=torch.float64)
    else:
        parts = _parts(value)
        if parts is None:
            yield place, value
        else:
            yield f"{place} type", type(value)
            for name, part in parts:
                yield from leaves(part, f"{place}.{name}")


def _is_numbers(value: Any) -> bool:
    """Whether it is a Python number that was rounded, or lists of them."""
    return bool(value) and all(map(_is_numbers, value)) if isinstance(value, list) else isinstance(value, float)


def _parts(value: Any) -> list[tuple[Any, Any]] | None:
    """What `value` consists of; None if it is one thing."""
    if isinstance(value, Mapping):
        return list(value.items())
    if isinstance(value, list | tuple | Iterator):
        return list(enumerate(value))
    if dataclasses.is_dataclass(value):
        return [(field.name, getattr(value, field.name)) for field in dataclasses.fields(value)]
    slots = getattr(type(value), "__slots__", None)
    return None if slots is None or isinstance(value, str | bytes) else [(name, getattr(value, name)) for name in slots]


def distance(found: list[Values], expected: list[Values]) -> float:
    """The largest error as a share of the largest value of its tensor; infinite where more than numbers differ."""
    if len(found) != len(expected):
        return float("inf")
    return max((_distance(a, b) for a, b in zip(found, expected, strict=True)), default=0.0)


def _distance(found: Values, expected: Values) -> float:
    if list(found) != list(expected):
        return float("inf")
    return max((_difference(found[place], value) for place, value in expected.items()), default=0.0)


def _difference(found: Any, expected: Any) -> float:
    if not isinstance(expected, Tensor):
        return 0.0 if found == expected else float("inf")
    if found.shape != expected.shape or not torch.equal(_kinds(found), _kinds(expected)):
        return float("inf")
    finite = expected.isfinite()
    largest = float(expected[finite].abs().max()) if finite.any() else 0.0
    error = float((found - expected)[finite].abs().max()) if finite.any() else 0.0
    return error / (largest or 1.0)


def _kinds(x: Tensor) -> Tensor:
    """0 for a finite number, 1 for what is none, 2 and 3 for the infinite ones."""
    return x.isnan() + 2 * (x.isinf() & (x.real > 0)) + 3 * (x.isinf() & (x.real <= 0))
