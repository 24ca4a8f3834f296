"""How do a module's attributes and its tables of buffers, parameters, children and hooks come back?"""

from collections.abc import Callable
from typing import Any

from torch import nn

TABLES = tuple(name for name, value in vars(nn.Module()).items() if isinstance(value, dict | set))
"""The attributes of every module in which torch keeps its hooks, buffers, parameters and children."""


def module_steps(module: nn.Module) -> list[Callable[[], None]]:
    """Return what makes the module hold again the very objects, in the same order, that it holds now."""
    held = vars(module)
    steps = [_dict_step(held)]
    for table in (held.get(name) for name in TABLES):
        if isinstance(table, dict):
            steps.append(_dict_step(table))
        elif isinstance(table, set):
            steps.append(_set_step(table))
    return steps


def _dict_step(table: dict[Any, Any]) -> Callable[[], None]:
    saved = dict(table)

    def put_back() -> None:
        if not _same(table, saved):
            # In place: the handles of hooks and torch's own code hold on to the table itself.
            table.clear()
            table.update(saved)

    return put_back


def _set_step(table: set[Any]) -> Callable[[], None]:
    saved = set(table)

    def put_back() -> None:
        table.clear()
        table.update(saved)

    return put_back


def _same(table: dict[Any, Any], saved: dict[Any, Any]) -> bool:
    if len(table) != len(saved):
        return False
    # By identity: tensors have no truth value, and an equal object is not the same one.
    return all(a is b and table[a] is saved[b] for a, b in zip(table, saved, strict=True))
