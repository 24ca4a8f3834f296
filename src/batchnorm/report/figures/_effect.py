"""What is the effect, and where does it lie against the margin? A picture of the size of a word."""

import math
from typing import Any
from xml.etree import ElementTree as ET

from ...records import StudyClaim, StudyComparison
from ._missing import needed
from ._numbers import short

WIDTH, HEIGHT = 160, 36
_SVG = "http://www.w3.org/2000/svg"
_EFFECT = "var(--effect, #1f5fa8)"
_EDGE = 0.06
"""How much of the width is left free at either end."""


def effect_svg(claim: StudyClaim, comparison: StudyComparison | None = None) -> str:
    """Return the small picture of a claim as SVG for inside a page: effect, interval, margin, and every seed a dot.

    What the rule asks for is shaded; a line stands where there is no effect. Ratios have a logarithmic axis. Colours
    are the page's: `currentColor`, and the CSS variables `--effect`, `--margin` and `--faint`, where they are set. A
    `<title>` says the same in words. It is 160 x 36 pixels large.

    Args:
        claim: whose headline is drawn.
        comparison: another one of its comparisons.

    Raises:
        ImportError: vl-convert is not installed.
    """
    one = claim.headline if comparison is None else comparison
    svg = needed("vl_convert", "vl-convert").vegalite_to_svg(_spec(one), config={"background": None})
    return _titled(str(svg), effect_words(one))


def effect_words(one: StudyComparison) -> str:
    """Say what the small picture shows."""
    if one.effect is None:
        return f"{one.question} There is no effect to be shown: {(one.problem or 'no run has a value').rstrip('.')}."
    interval = "" if one.interval is None else f", 95 % interval {one.interval[0]:.4g} to {one.interval[1]:.4g}"
    return f"{one.question} Effect {one.effect:.4g} {one.unit}{interval}; {_asked(one)}: {one.verdict}."


def _asked(one: StudyComparison) -> str:
    """Word where the effect is to lie."""
    low, high = _region(one)
    if math.isinf(high):
        return f"asked for more than {low:.4g}"
    return f"asked for less than {high:.4g}" if low in (0, -math.inf) else f"asked for {low:.4g} to {high:.4g}"


def _region(one: StudyComparison) -> tuple[float, float]:
    """Where the rule wants the effect, in its unit."""
    ratio = one.scale == "ratio"
    least = 0.0 if ratio else -math.inf
    below, above = (1 / one.margin if ratio else -one.margin), one.margin
    return {
        "greater": (above, math.inf),
        "less": (least, below),
        "equivalent": (below, above),
        "not worse": (below, math.inf),
    }[one.rule]


def _spec(one: StudyComparison) -> dict[str, Any]:
    """The picture for Vega-Lite, written down as it is: a page has up to a hundred, and altair checks each for long."""
    ratio = one.scale == "ratio"
    effects = [short(effect) for effect in one.effects if effect is not None and (effect > 0 or not ratio)]
    low, high = _ends(one, effects)
    region = [min(max(end, low), high) for end in _region(one)]
    scale = {"type": "log" if ratio else "linear", "domain": [low, high], "nice": False}
    x = {"field": "a", "type": "quantitative", "scale": scale, "axis": None}
    to, upper, lower = {"x2": {"field": "b"}}, {"y": {"value": 9}}, {"y": {"value": 23}}
    seed = {"type": "point", "filled": True, "size": 16, "opacity": 0.6, "color": "currentColor"}
    diamond = {"type": "point", "filled": True, "shape": "diamond", "size": 90, "color": _EFFECT}
    layers = [
        _layer([{"a": region[0], "b": region[1]}], {"type": "rect", "color": "var(--margin, #dbe7d8)"}, x, to),
        _layer([{"a": 1 if ratio else 0}], {"type": "rule", "color": "var(--faint, #80868b)"}, x),
        _layer([{"a": effect} for effect in effects], seed, x, upper),
    ]
    if one.interval is not None:
        ends = {"a": max(one.interval[0], low), "b": min(one.interval[1], high)}
        layers.append(_layer([ends], {"type": "rule", "strokeWidth": 3, "color": _EFFECT}, x, {**to, **lower}))
    if one.effect is not None and (one.effect > 0 or not ratio):
        layers.append(_layer([{"a": one.effect}], diamond, x, lower))
    return {"layer": layers, "width": WIDTH, "height": HEIGHT, "padding": 0, "view": {"stroke": None}}


def _layer(
    rows: list[dict[str, float]], mark: dict[str, Any], x: dict[str, Any], places: dict[str, Any] | None = None
) -> dict[str, Any]:
    return {"data": {"values": rows}, "mark": mark, "encoding": {"x": x, **(places or {})}}


def _ends(one: StudyComparison, effects: list[float]) -> tuple[float, float]:
    """Where the axis begins and ends: so that effect, interval, seeds, the margin and "no effect" are seen."""
    ratio = one.scale == "ratio"
    known = [*effects, *(one.interval or ()), *([] if one.effect is None else [one.effect])]
    borders = [end for end in _region(one) if math.isfinite(end) and (end > 0 or not ratio)]
    values = [value for value in (*known, *borders, 1.0 if ratio else 0.0) if value > 0 or not ratio]
    places = [math.log(value) for value in values] if ratio else values
    width = (max(places) - min(places)) or 1.0
    low, high = min(places) - _EDGE * width, max(places) + _EDGE * width
    return (math.exp(low), math.exp(high)) if ratio else (low, high)


def _titled(svg: str, words: str) -> str:
    """The picture with its words, as one thing to those who hear a page."""
    ET.register_namespace("", _SVG)
    root = ET.fromstring(svg)  # noqa: S314 # what vl-convert has just drawn
    for part in root.iter():
        for name in [name for name in part.attrib if name in ("class", "role") or name.startswith("aria-")]:
            del part.attrib[name]
    root.attrib |= {"role": "img", "aria-label": words, "width": str(WIDTH), "height": str(HEIGHT)}
    title = ET.Element(f"{{{_SVG}}}title")
    title.text = words
    root.insert(0, title)
    return ET.tostring(root, encoding="unicode")
