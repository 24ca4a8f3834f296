"""Where does Python keep what an object holds? In `__dict__` and in slots; no method of its class is asked."""

from contextlib import suppress
from types import MemberDescriptorType
from typing import Any
from weakref import WeakKeyDictionary

from torch import Tensor


def attributes_of(value: object) -> dict[str, Any]:
    """The attributes that an object itself holds, in `__dict__` or in slots, whatever its class says of them."""
    try:
        found = dict(object.__getattribute__(value, "__dict__"))
    except AttributeError:
        found = {}
    for name, slot in _slots(type(value)).items():
        with suppress(AttributeError):  # never set
            found[name] = slot.__get__(value)
    return found


def attached_to(tensor: Tensor) -> dict[str, Any]:
    """What somebody has set on a tensor; what a class that wraps tensors keeps there is its own business."""
    return attributes_of(tensor) if type(tensor).__torch_dispatch__ is Tensor.__torch_dispatch__ else {}


def set_attribute(value: object, name: str, part: object) -> None:
    """Set an attribute where Python keeps it, also that of an object that is frozen."""
    slot = _slots(type(value)).get(name)
    if slot is None:
        object.__getattribute__(value, "__dict__")[name] = part
    else:
        slot.__set__(value, part)


def is_written_in_python(kind: type[Any], base: type[Any]) -> bool:
    """Whether all that an instance holds are the items of `base`, attributes and slots: C keeps nothing besides.

    Else it would be larger than what a class of as many slots makes.
    """
    if kind not in _LOOKED_AT:
        _LOOKED_AT[kind] = kind is base or _is_no_larger(kind, base)
    return _LOOKED_AT[kind]


_LOOKED_AT: WeakKeyDictionary[type, bool] = WeakKeyDictionary()


def _is_no_larger(kind: type[Any], base: type[Any]) -> bool:
    own = [slot.__objclass__ for slot in _slots(kind).values() if slot.__objclass__ not in base.__mro__]
    if not all("__slots__" in vars(owner) for owner in own):
        return False
    names = [f"slot{place}" for place in range(len(own))]
    names += ["__dict__"] if kind.__dictoffset__ and not base.__dictoffset__ else []
    names += ["__weakref__"] if kind.__weakrefoffset__ and not base.__weakrefoffset__ else []
    # A class of tuples has attributes by saying nothing, and could not say which.
    alike = type("Alike", (base,), {} if base is tuple and names else {"__slots__": tuple(names)})
    return kind.__basicsize__ <= alike.__basicsize__ and kind.__itemsize__ == alike.__itemsize__


def _slots(kind: type) -> dict[str, MemberDescriptorType]:
    found: dict[str, MemberDescriptorType] = {}
    for parent in kind.__mro__:
        for name, member in vars(parent).items():
            if isinstance(member, MemberDescriptorType):
                # Two classes may each have a slot of one name: both hold something.
                found[name if name not in found else f"{parent.__qualname__}.{name}"] = member
    return found
