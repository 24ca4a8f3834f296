"""Which colours, letters and lines has a figure, on light paper and on dark?"""

from dataclasses import dataclass
from typing import Any, Literal

Theme = Literal["light", "dark"]


@dataclass(frozen=True, slots=True)
class _Colours:
    paper: str
    ink: str
    faint: str
    grid: str
    bad: str
    low: str
    middle: str
    high: str


_COLOURS: dict[Theme, _Colours] = {
    "light": _Colours("#ffffff", "#202124", "#5f6368", "#e6e8eb", "#b3261e", "#edf3fa", "#5b93cc", "#0b3d75"),
    "dark": _Colours("#17191d", "#e8eaed", "#a8adb5", "#33373d", "#ff8a80", "#1b2a3d", "#3f78b5", "#b5d7ff"),
}

PALETTE: dict[Theme, tuple[str, ...]] = {
    "light": ("#1f5fa8", "#c2491a", "#15785a", "#7b4ba6", "#96690a", "#b02d68", "#2c7f9e", "#5c626b"),
    "dark": ("#74adf5", "#f29464", "#5cc49a", "#bd9aea", "#e0b84a", "#f086b2", "#74c6e8", "#b4bac4"),
}
"""Colours that are told apart by most of those who see few, each 3 : 1 or more against its paper."""


def paper(theme: Theme) -> str:
    """Return the colour on which a theme's figures stand."""
    return _COLOURS[theme].paper


def vega_config(theme: Theme) -> dict[str, Any]:
    """Return what Vega-Lite takes as `config`: the colours, letters and lines of all figures.

    Example:
        >>> vega_config("light")["range"]["category"][0]
        '#1f5fa8'
    """
    colours = _COLOURS[theme]
    return {
        "background": None,
        "font": "system-ui, sans-serif",
        "view": {"stroke": None},
        "axis": _axis(colours),
        "axisY": {"titleAngle": 0, "titleAlign": "left", "titleAnchor": "end", "titleY": -10, "titleX": 0},
        "header": {
            "labelColor": colours.ink,
            "labelFontSize": 12,
            "labelFontWeight": 600,
            "labelAnchor": "start",
            "labelPadding": 22,
            "labelLimit": 240,
            "title": None,
        },
        "legend": {
            "labelColor": colours.ink,
            "titleColor": colours.faint,
            "titleFontWeight": "normal",
            "labelFontSize": 12,
            "labelLimit": 300,
            "offset": 26,
            "symbolOpacity": 1,
        },
        "title": {
            "color": colours.ink,
            "subtitleColor": colours.faint,
            "anchor": "start",
            "frame": "bounds",
            "fontSize": 14,
            "subtitleFontSize": 11,
            "offset": 14,
        },
        "mark": {"color": PALETTE[theme][0]},
        "range": {"category": [*PALETTE[theme]], "heatmap": [colours.low, colours.middle, colours.high]},
        "style": _styles(colours),
    }


def _axis(colours: _Colours) -> dict[str, Any]:
    return {
        "labelColor": colours.faint,
        "titleColor": colours.faint,
        "titleFontWeight": "normal",
        "labelFontSize": 11,
        "titleFontSize": 11,
        "domainColor": colours.faint,
        "tickColor": colours.faint,
        "gridColor": colours.grid,
        "labelOverlap": "greedy",
        "titleLimit": 260,
    }


def _styles(colours: _Colours) -> dict[str, Any]:
    """The looks of marks that have no colour by their data; a mark names its style."""
    return {
        "interval": {"color": colours.ink, "strokeWidth": 2},
        "mean": {"color": colours.ink, "stroke": colours.ink, "fill": colours.paper, "strokeWidth": 2},
        "bad-text": {"color": colours.bad, "fill": colours.bad, "fontSize": 11},
        "on-low": {"color": colours.ink, "fontSize": 11},
        "on-high": {"color": colours.paper, "fontSize": 11},
        "reference": {"color": colours.faint, "strokeDash": [4, 3]},
        "missing": {"color": colours.grid, "filled": False},
    }
