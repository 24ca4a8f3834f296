"""What is one of the sides that a claim compares?"""

from collections.abc import Mapping
from dataclasses import dataclass, field

Value = str | int | float | bool | None | list["Value"] | tuple["Value", ...]
"""What an option may be: what JSON has words for."""

OWN = "own"
"""As an option: the value that a search has found best for the arm's other options."""


@dataclass(frozen=True)
class Arm:
    """One side of a comparison: a name, and all that makes it differ from the others.

    Args:
        name: as tables and legends show it; no other arm of the claim has it.
        options: what `measure` reads from `run.options`. They are a part of what a run is known by: arms of the same
            options are one run. `"own"` stands for the best of a search.

    Example:
        >>> Arm("no norm", {"norm": "none", "lr": "own"}).options["norm"]
        'none'
    """

    name: str
    options: Mapping[str, Value] = field(default_factory=dict)
