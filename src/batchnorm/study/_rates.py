"""Which rates were found in a study before, so that a quick one need not search?"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ..files import read_json, read_text
from ._arm import Value
from ._claim import Claim

FILE = Path(__file__).parent / "claims" / "rates.json"
"""What a standard study has found, with the net of the library on Fashion-MNIST; `tools/write_rates.py` writes it."""
FOUND_ON = ("fashion-mnist", "fashion-mnist-mini")
"""Data for which they are taken."""


@dataclass(frozen=True)
class Rates:
    """What was found for arms of claims.

    Args:
        found: by the claim's id, rows of its `version`, an arm's `options`, and the `value` of what is `"own"` there.

    Example:
        >>> Rates().known(None, {"lr": "own"}) is None
        True
    """

    found: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)

    def known(self, claim: Claim, options: Mapping[str, Value]) -> float | None:
        """Return what was found for an arm of these options; None if nothing was, or for another version."""
        if not self.found:
            return None
        for row in self.found.get(claim.id, ()):
            if row["version"] == claim.version and _text(row["options"]) == _text(options):
                return float(row["value"])
        return None


@cache
def committed_rates() -> Rates:
    """Return the rates that come with the library."""
    if not FILE.exists():
        return Rates()
    found: Any = read_json(read_text(FILE))
    return Rates(found)


def _text(options: Mapping[str, Any]) -> str:
    """Options in one form, whether they were tuples or are the lists of JSON."""
    return json.dumps(dict(options), sort_keys=True)
