"""How does the help of a command read on a terminal, whichever dataclass its options come from?"""

import shutil
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from inspect import cleandoc
from typing import Annotated, Any, cast, get_args, get_origin

from tyro.conf import arg
from tyro.constructors import ConstructorRegistry, StructConstructorSpec, StructFieldSpec, StructTypeInfo

SWITCHED_OFF = {
    "augment": "do not vary the images, even if the training did",
    "channels_last": "keep images and weights in NCHW memory order",
    "flip": "do not mirror images",
    "tune_allocator": "let freed memory go back to the system at once (slower)",
    "verify": "do not check that the outputs stay the same",
}
"""What a flag such as `--no-flip` does; the text beside the field says what the option means in Python and TOML."""

WIDEST = 100
"""Characters of a line of text, also on a wider terminal."""


@contextmanager
def plain_options() -> Iterator[None]:
    """Have tyro show each flag by what it does, and a default only where there is one.

    Example:
        >>> import tyro
        >>> from batchnorm.runs import TrainConfig
        >>> with plain_options():
        ...     tyro.cli(TrainConfig, args=["--no-flip"], config=(tyro.conf.FlagCreatePairsOff,)).flip
        False
    """
    registry = ConstructorRegistry()
    asking: list[StructTypeInfo] = []

    @registry.struct_rule
    def rule(info: StructTypeInfo) -> StructConstructorSpec | None:
        if asking:
            return None
        asking.append(info)
        try:
            spec = ConstructorRegistry.get_struct_spec(info)
        finally:
            asking.pop()
        if not isinstance(spec, StructConstructorSpec):
            return None
        return replace(spec, fields=tuple(map(_plain, spec.fields)))

    with registry:
        yield


def _plain(field: StructFieldSpec) -> StructFieldSpec:
    if field.default is True and field.name in SWITCHED_OFF:
        hint = arg(help=SWITCHED_OFF[field.name], help_behavior_hint="")
    elif isinstance(field.default, bool) or field.default in (None, (), {}):
        hint = arg(help_behavior_hint="")
    else:
        return field
    bare, *own = get_args(field.type) if get_origin(field.type) is Annotated else (field.type,)
    # What the field says itself comes last, and wins.
    return replace(field, type=cast(Any, Annotated[(bare, hint, *own)]))


def listing(prog: str, about: str, commands: Mapping[str, type]) -> str:
    """Return the help of a command that has only others below it."""
    indent = 4 + max(map(len, commands))
    rows = (
        textwrap.fill(
            cleandoc(kind.__doc__ or "").splitlines()[0],
            _width(),
            initial_indent=f"  {name}".ljust(indent),
            subsequent_indent=" " * indent,
        )
        for name, kind in commands.items()
    )
    return "\n".join(
        (f"usage: {prog} COMMAND [OPTIONS]", "", about, "", *rows, "", f"{prog} COMMAND --help shows its options.")
    )


def _width() -> int:
    return min(shutil.get_terminal_size().columns, WIDEST)
