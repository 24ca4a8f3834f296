"""What is there in a model that a forward could change, and how does all of it come back?"""

from collections import deque
from collections.abc import Iterable, Iterator
from types import FunctionType, MethodType

import numpy as np
from torch import Tensor, nn

from ._bits import Bits
from ._containers import BARE, FIXED, Step, container_step, members
from ._objects import attribute_steps, attributes_of, is_of_others, object_steps

TABLES = tuple(name for name, value in vars(nn.Module()).items() if isinstance(value, dict | set))
"""The attributes of every module in which torch keeps its hooks, buffers, parameters and children."""

_FOLLOWED = ("_parameters", "_buffers", "_modules")
_ATOMS = frozenset({type(None), bool, int, float, complex, str, bytes, type, FunctionType, MethodType})


def reach(roots: Iterable[object], seen: dict[int, object]) -> Iterator[object]:
    """Everything that the roots hold, and what that holds, each once: modules, tensors, containers, objects, arrays.

    Followed are modules (hidden ones, too), Python's containers, and objects of classes that are neither Python's,
    torch's nor of a package that keeps a world of its own (loggers, loaders, trainers). Not followed is what torch
    holds for others: the functions that are registered as hooks, and their closures.

    Args:
        roots: where to begin.
        seen: what was met, by id; nothing in it is met again.

    Example:
        >>> layer = nn.ReLU()
        >>> layer.kept = {"all": [Tensor()]}
        >>> [type(thing).__name__ for thing in reach([layer], {})]
        ['ReLU', 'dict', 'list', 'Tensor']
    """
    waiting = deque(roots)
    while waiting:
        thing = waiting.popleft()
        if type(thing) in _ATOMS or id(thing) in seen or not _is_itself(thing):
            continue
        # The thing itself, so that nobody else gets its id.
        seen[id(thing)] = thing
        yield thing
        waiting.extend(_inside(thing))


def steps_of(thing: object, bits: Bits) -> list[Step]:
    """Return what makes one thing, for itself, what it is now."""
    if type(thing) in FIXED:
        return []
    if isinstance(thing, Tensor):
        return [*bits.add(thing)]
    if isinstance(thing, nn.Module):
        return module_steps(thing)
    step = container_step(thing)
    others = [] if type(thing) in BARE else object_steps(thing)
    return others if step is None else [step, *others]


def all_steps(model: nn.Module) -> list[Step]:
    """Return what makes a model, and all that it holds, what it is now; as much memory as the model takes.

    Example:
        >>> layer = nn.Linear(1, 1)
        >>> steps = all_steps(layer)
        >>> layer.bias, layer.kept = None, [1]
        >>> for step in steps:
        ...     _ = step()
        >>> layer.bias is None, hasattr(layer, "kept")
        (False, False)
    """
    bits = Bits()
    return [step for thing in reach([model], {}) for step in steps_of(thing, bits)]


def _is_itself(thing: object) -> bool:
    """Whether it is what it says, no proxy that stands for something else, or for nothing yet."""
    try:
        return thing.__class__ is type(thing)
    except Exception:  # whatever a proxy raises that is not bound
        return False


def _inside(thing: object) -> Iterable[object]:
    if type(thing) in BARE:
        return members(thing)
    if isinstance(thing, nn.Module):
        return _inside_module(thing)
    if isinstance(thing, Tensor):
        return ()
    if isinstance(thing, np.ndarray):
        return thing.ravel().tolist() if thing.dtype.hasobject else ()
    return [*members(thing), *attributes_of(thing)]


def _inside_module(module: nn.Module) -> list[object]:
    held = vars(module)
    found = [value for name, value in held.items() if name not in TABLES]
    found += [value for table in _FOLLOWED for value in (held.get(table) or {}).values()]
    for kind in type(module).__mro__:
        if not is_of_others(kind):
            # A list in the body of a class is the list of all its modules.
            found += [value for value in vars(kind).values() if isinstance(value, dict | list | set | deque)]
    return found


def module_steps(module: nn.Module) -> list[Step]:
    """Return what gives a module its class back, its attributes, and what is in torch's tables; no bits of tensors."""
    held = vars(module)
    steps = attribute_steps(module)
    for table in (held.get(name) for name in TABLES):
        step = container_step(table)
        if step is not None:
            steps.append(step)
    kind = type(module)
    # A lazy module is of another class once it has been called. Run before its attributes, whatever these answer to.
    return [*steps, lambda: _set_class(module, kind)]


def _set_class(module: nn.Module, kind: type[nn.Module]) -> None:
    if type(module) is not kind:
        object.__setattr__(module, "__class__", kind)
