"""Which colours, letters and lines has a figure, on light paper and on dark?"""

from typing import Any, Literal

Theme = Literal["light", "dark"]

PALETTE: dict[Theme, tuple[str, ...]] = {
    "light": ("#1f5fa8", "#c2491a", "#15785a", "#7b4ba6", "#96690a", "#b02d68", "#2c7f9e", "#5c626b"),
    "dark": ("#74adf5", "#f29464", "#5cc49a", "#bd9aea", "#e0b84a", "#f086b2", "#74c6e8", "#b4bac4"),
}
"""Colours that are told apart by most of those who see few, each 3 : 1 or more against its paper."""


def vega_config(theme: Theme) -> dict[str, Any]:
    """Return what Vega-Lite takes as `config`: the colours, letters and lines of all figures.

    Example:
        >>> vega_config("light")["range"]["category"][0]
        '#1f5fa8'
    """
    return {"background": None, "range": {"category": [*PALETTE[theme]]}}
