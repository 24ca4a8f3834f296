"""How does a record look where it is printed, in a notebook, and in a debugger?"""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from reprlib import repr as short_repr
from typing import Any

from ..errors import InputError
from ..tables import Table

MOST_NUMBERS = 4
"""Of a dict that are shown in one line; `reprlib` shows no more."""


class Shown:
    """A record that has tables: `print`, notebooks and rich's consoles show them, and its `repr` is one line."""

    __slots__ = ()

    def tables(self) -> dict[str, Table]:
        """Return what the record comes to, as tables by their names, the most important first."""
        raise NotImplementedError

    def table(self, name: str | None = None) -> Table:
        """Return one of the tables; the first without a name.

        Raises:
            InputError: there is none of that name.
        """
        tables = self.tables()
        if name is None:
            return next(iter(tables.values()))
        if name not in tables:
            known = ", ".join(map(repr, tables))
            raise InputError(
                argument="name", expected=f"one of {known}", got=repr(name), cure="Leave it out for the first."
            )
        return tables[name]

    def __str__(self) -> str:
        return "\n\n".join(table.text() for table in self.tables().values())

    def __repr__(self) -> str:
        said = ", ".join(f"{name}={_in_short(value)}" for name, value in _values(self))
        return f"{type(self).__name__}({said})"

    def _repr_html_(self) -> str:
        return "\n".join(table.html() for table in self.tables().values())

    def __rich_console__(self, console: object, options: object) -> Iterator[str | Table]:
        for number, table in enumerate(self.tables().values()):
            if number:
                yield ""
            yield table


def _values(record: Any) -> Iterator[tuple[str, Any]]:
    return ((field.name, getattr(record, field.name)) for field in fields(record))


def _in_short(value: Any) -> str:
    """A value in a few letters: what has parts is counted, but for a few numbers by their names."""
    if isinstance(value, dict) and len(value) <= MOST_NUMBERS and all(map(_is_plain, value.values())):
        return short_repr(value)
    if isinstance(value, tuple | dict) and value:
        return f"<{len(value)}>"
    return f"<{type(value).__name__}>" if is_dataclass(value) else short_repr(value)


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, int | float | str)
