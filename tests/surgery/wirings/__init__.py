"""Small models, each wired in one way: the corpus of what a folder must fold, and of what it must leave alone."""

from . import (
    backwards,
    between,
    blind,
    branches,
    calls,
    containers,
    convolutions,
    escapes,
    functions,
    hooks,
    joins,
    linears,
    norms,
    numbers,
    parameters,
    parametrized,
    peers,
    readers,
    scripts,
    shared,
    states,
    subclasses,
    views,
)
from ._case import Case as Case

THEMES = (
    convolutions,
    linears,
    between,
    views,
    joins,
    backwards,
    shared,
    states,
    readers,
    parameters,
    escapes,
    scripts,
    functions,
    parametrized,
    hooks,
    norms,
    subclasses,
    peers,
    branches,
    calls,
    containers,
    numbers,
    blind,
)

WIRINGS = {f"{theme.__name__.rpartition('.')[2]}-{case.name}": case for theme in THEMES for case in theme.theme.cases}
"""Every wiring by its name."""
