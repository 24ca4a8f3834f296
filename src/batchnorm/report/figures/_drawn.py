"""How does a chart become a picture, in a page and in a file?"""

from collections.abc import Sequence
from pathlib import Path

from ._chart import Chart
from ._theme import Theme


def drawing_script() -> str:
    """Return the JavaScript that draws charts, 0.9 MB: `vega`, `vegaLite` and `vegaEmbed` on `window`.

    Raises:
        ImportError: vl-convert is not installed.
    """
    return ""


def chart_svg(chart: Chart, theme: Theme = "light", width: int = 640) -> str:
    """Return a chart as the text of an SVG file, so wide that a panel of all the width has `width` pixels."""
    return ""


def chart_png(chart: Chart, theme: Theme = "light", width: int = 640, scale: float = 2.0) -> bytes:
    """Return a chart as a PNG file, on the theme's paper."""
    return b""


def write_charts(charts: Sequence[Chart], folder: Path | str) -> tuple[Path, ...]:
    """Write each chart as NAME.svg, NAME.png and NAME.csv into a folder, which is made where it is missing."""
    return ()
