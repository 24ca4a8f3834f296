"""Which mark and which colour has a norm in the picture of a wiring? Shapes tell the marks apart without colours."""

from xml.etree import ElementTree as ET

from ..records import WiringOutcome

INK = "#202124"
FADED = "#5f6368"
COLOURS: dict[WiringOutcome | None, str] = {
    "folded": "#0b7a4b",
    "shift": "#a15c00",
    "scale-shifted": "#a15c00",
    "left": "#c5221f",
}
_WHITE = "#ffffff"

_SHAPES: dict[str, tuple[tuple[str, dict[str, str]], ...]] = {
    # A filled circle with a tick in it.
    "folded": (
        ("circle", {"r": "6", "fill": "#0b7a4b"}),
        ("path", {"d": "M-3 0.2L-0.9 2.4L3.2 -2.2", "stroke": _WHITE, "stroke-width": "1.6", "fill": "none"}),
    ),
    # A circle whose lower half is filled: a part of the norm stays.
    "shift": (
        ("circle", {"r": "5.3", "fill": _WHITE, "stroke": "#a15c00", "stroke-width": "1.4"}),
        ("path", {"d": "M-5.3 0A5.3 5.3 0 0 0 5.3 0Z", "fill": "#a15c00"}),
    ),
    # A diamond.
    "scale-shifted": (("path", {"d": "M0 -6.6L6.6 0L0 6.6L-6.6 0Z", "fill": "#a15c00"}),),
    # A square with a cross in it.
    "left": (
        ("rect", {"x": "-5.5", "y": "-5.5", "width": "11", "height": "11", "fill": "#c5221f"}),
        ("path", {"d": "M-2.6 -2.6L2.6 2.6M2.6 -2.6L-2.6 2.6", "stroke": _WHITE, "stroke-width": "1.6"}),
    ),
    "step": (("circle", {"r": "2.6", "fill": FADED}),),
    "end": (("circle", {"r": "3.2", "fill": _WHITE, "stroke": FADED}),),
}


def draw_mark(parent: ET.Element, x: float, y: float, what: str) -> None:
    """Draw the mark of an outcome, of a module (`step`), or of an input or output (`end`) around a point."""
    group = ET.SubElement(parent, "g", {"class": what, "transform": f"translate({x:g} {y:g})"})
    for tag, attributes in _SHAPES[what]:
        ET.SubElement(group, tag, attributes)
