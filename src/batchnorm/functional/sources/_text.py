"""Which source of moments does a text stand for? "ghost:32" is Ghost(32)."""

from collections.abc import Callable
from types import MappingProxyType

import torch

from ...errors import InputError, InputTypeError, RefusedError, did_you_mean
from ._blend import Blend
from ._ghost import Ghost
from ._masked import Masked
from ._population import Population
from ._renorm import Renorm
from ._source import BATCH, Batch, Source
from ._sync import Sync

SOURCES: MappingProxyType[str, type[Source]] = MappingProxyType(
    {kind.name: kind for kind in (Batch, Ghost, Renorm, Masked, Population, Blend, Sync)}
)
"""The sources that have a text, by the name that it begins with."""

EXAMPLES = (
    "'batch', 'ghost:32', 'renorm', 'renorm:3,5,5000', 'masked', 'population', 'population:none', 'blend:0.1', 'sync'"
)


def as_source(moments: Source | str | None) -> Source:
    """The source of moments that is meant: itself, that of a text, or `Batch()` for None.

    Raises:
        InputError: a text that stands for none; the message has the near names.
        InputTypeError: neither a source nor a text.

    Example:
        >>> as_source("ghost:32"), as_source(None)
        (Ghost(size=32), Batch())
    """
    if moments is None or type(moments) is Batch:
        return BATCH
    if isinstance(moments, Source):
        return moments
    if isinstance(moments, str):
        return _READ.get(moments) or _parsed(moments)
    got = f"the class {moments.__name__}" if isinstance(moments, type) else repr(moments)[:100]
    raise InputTypeError(
        argument="moments",
        expected="a source of moments, such as Ghost(32), or its text",
        got=got,
        cure=f"Texts: {EXAMPLES}.",
    )


_READ: dict[str, Source] = {}
"""Texts that were read, for a function may be given one at every call. No `lru_cache`, of which torch.compile warns."""


def _parsed(text: str) -> Source:
    source = _made(text)
    if len(_READ) < 64 and not torch.compiler.is_compiling():
        _READ[text] = source
    return source


def _made(text: str) -> Source:
    name, colon, rest = text.partition(":")
    if name not in SOURCES:
        raise InputError(
            argument="moments",
            expected=f"the text of a source ({EXAMPLES})",
            got=repr(text),
            cure=did_you_mean(name, SOURCES),
        )
    kind: Callable[..., Source] = SOURCES[name]
    if name == BATCH.name and not colon:
        return BATCH
    try:
        return kind(*(_value(name, word) for word in rest.split(","))) if colon else kind()
    except (InputError, InputTypeError, RefusedError):
        raise
    except TypeError:  # too many values, or too few
        form = ":".join([name, ",".join(SOURCES[name].__match_args__)]).rstrip(":")
        raise InputError(
            argument="moments",
            expected=f"the text of a source ({EXAMPLES})",
            got=repr(text),
            cure=f"This one is written {form!r}.",
        ) from None


def _value(name: str, word: str) -> int | float | str | None:
    """One value of a text, in the type that it looks like."""
    if name == "population":
        return word
    if word == "none":
        return None
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            continue
    return word
