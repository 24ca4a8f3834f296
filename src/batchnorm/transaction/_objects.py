"""Which objects are part of a model's state, and how do their attributes come back?"""

import argparse
import random
import sys
from abc import ABC
from collections import Counter, OrderedDict, UserDict, UserList, defaultdict, deque
from functools import partial
from types import MemberDescriptorType, SimpleNamespace
from typing import Any, Generic, Protocol

import numpy as np
import torch

from ._containers import Step, container_step

_MISSING = object()

_OTHERS = frozenset(sys.stdlib_module_names) | {
    *("torch", "numpy", "batchnorm", "pandas", "PIL", "datasets", "lightning", "lightning_fabric"),
    *("pytorch_lightning", "accelerate", "wandb", "mlflow", "tensorboard", "tensorboardX", "ray", "tqdm"),
}
"""Packages whose objects are a world of their own: locks, files, loggers, loaders, process groups, trainers."""

_PLAIN = {
    *(object, Generic, Protocol, ABC, SimpleNamespace, UserDict, UserList, *argparse.Namespace.__mro__),
    *(list, dict, set, tuple, frozenset, OrderedDict, defaultdict, Counter, deque),
}
"""Classes of these that only hold what their user puts into them."""


def attributes_of(thing: object) -> list[object]:
    """The values of an object's attributes, those in slots included; none, if it is not part of a model's state."""
    if not _is_state(thing):
        return []
    slots = (_value(slot, thing) for slot in _slots(type(thing)))
    return [*_attributes(thing).values(), *(value for value in slots if value is not _MISSING)]


def object_steps(thing: object) -> list[Step]:
    """Return what gives an object its present attributes back, an array its numbers, a generator its next draw."""
    if isinstance(thing, np.ndarray):
        return _array_steps(thing)
    if (chance := _chance_step(thing)) is not None:
        return [chance]
    if not _is_state(thing):
        return []
    return attribute_steps(thing)


def attribute_steps(thing: object) -> list[Step]:
    """Return what gives an object the attributes back, in its `__dict__` and in slots, that it has now."""
    step = container_step(_attributes(thing))
    slots = [partial(_set_slot, slot, thing, _value(slot, thing)) for slot in _slots(type(thing))]
    return [*([] if step is None else [step]), *slots]


def is_of_others(kind: type) -> bool:
    """Whether a class comes with Python, torch or a package of `_OTHERS`."""
    return kind not in _PLAIN and kind.__module__.partition(".")[0] in _OTHERS


def _is_state(thing: object) -> bool:
    return not any(is_of_others(kind) for kind in type(thing).__mro__)


def _attributes(thing: object) -> dict[str, Any]:
    try:
        # Not `vars`, which asks the class: its `__getattribute__` may do anything.
        found: object = object.__getattribute__(thing, "__dict__")
    except AttributeError:
        return {}
    return found if isinstance(found, dict) else {}


def _slots(kind: type) -> list[MemberDescriptorType]:
    named = (vars(base).values() for base in kind.__mro__ if not is_of_others(base))
    return [value for values in named for value in values if isinstance(value, MemberDescriptorType)]


def _value(slot: MemberDescriptorType, thing: object) -> Any:
    try:
        return slot.__get__(thing, type(thing))
    except AttributeError:
        return _MISSING


def _set_slot(slot: MemberDescriptorType, thing: object, value: object) -> None:
    present = _value(slot, thing)
    if value is _MISSING and present is not _MISSING:
        slot.__delete__(thing)
    elif present is not value:
        slot.__set__(thing, value)


def _array_steps(values: "np.ndarray[Any, Any]") -> list[Step]:
    if isinstance(values, np.memmap) or not values.flags.writeable:
        return []  # a file is not the model's own
    saved = values.copy()

    def put_back() -> None:
        if values.dtype.hasobject or values.tobytes() != saved.tobytes():
            np.copyto(values, saved)

    return [put_back]


def _chance_step(thing: object) -> Step | None:
    if isinstance(thing, torch.Generator):
        return partial(thing.set_state, thing.get_state())
    if isinstance(thing, random.Random) and not isinstance(thing, random.SystemRandom):
        return partial(thing.setstate, thing.getstate())
    if isinstance(thing, np.random.RandomState):
        return partial(thing.set_state, thing.get_state(legacy=False))
    if isinstance(thing, np.random.Generator):
        return partial(setattr, thing.bit_generator, "state", thing.bit_generator.state)
    return None
