"""Which numbers may stand in a record? Those that count or measure are not negative; what may be says so."""

from typing import Annotated

Signed = Annotated[float, "may be negative"]
"""A number with a sign, such as a mean of activations."""
