"""How does a chart become a picture, in a page and in a file?"""

import copy
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...files import atomic_write
from ._chart import Chart
from ._missing import needed
from ._theme import PALETTE, Theme, paper, vega_config

_LETTER = 7
"""The width of a letter of the legend, in pixels, about."""


def drawing_script() -> str:
    """Return the JavaScript that draws charts, 0.9 MB: `vega`, `vegaLite` and `vegaEmbed` on `window`.

    Raises:
        ImportError: vl-convert is not installed.
    """
    return str(needed("vl_convert", "vl-convert").javascript_bundle())


def chart_svg(chart: Chart, theme: Theme = "light", width: int = 640) -> str:
    """Return a chart as the text of an SVG file: title and legend above it, notes below, and no more than `width` wide.

    Raises:
        ImportError: vl-convert is not installed.
    """
    config = vega_config(theme) | {"background": paper(theme)}
    return str(needed("vl_convert", "vl-convert").vegalite_to_svg(_alone(chart, width), config=config))


def chart_png(chart: Chart, theme: Theme = "light", width: int = 640, scale: float = 2.0) -> bytes:
    """Return the same as a PNG file, with `scale` pixels of it for each of the chart's.

    Raises:
        ImportError: vl-convert is not installed.
    """
    return bytes(needed("vl_convert", "vl-convert").svg_to_png(chart_svg(chart, theme, width), scale=scale))


def write_charts(charts: Sequence[Chart], folder: Path | str, theme: Theme = "light") -> tuple[Path, ...]:
    """Write each chart as NAME.svg, NAME.png and NAME.csv into a folder, which is made where it is missing.

    Raises:
        ImportError: vl-convert is not installed.
        OSError: a file cannot be written.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    written = []
    for chart in charts:
        contents = {
            "svg": chart_svg(chart, theme).encode(),
            "png": chart_png(chart, theme),
            "csv": chart.numbers.csv().encode(),
        }
        for suffix, content in contents.items():
            path = Path(folder) / f"{chart.name}.{suffix}"
            with atomic_write(path) as file:
                file.write(content)
            written.append(path)
    return tuple(written)


def _alone(chart: Chart, width: int) -> dict[str, Any]:
    """A chart's description with all that a page writes around it."""
    spec = copy.deepcopy(chart.spec)
    spec["padding"] = 14
    spec["title"] = {
        "text": chart.title,
        "subtitle": [line for note in chart.notes for line in textwrap.wrap(note, width // 6)],
    }
    panel = spec.get("usermeta", {}).get("panel")
    if panel:
        spec["columns"] = max(1, width // panel)
    else:
        spec["width"] = width
        spec["autosize"] = {"type": "fit-x", "contains": "padding"}
    if chart.legend:
        longest = min(max(map(len, chart.legend)), 40)
        columns = max(1, min(len(chart.legend), width // (_LETTER * longest + 40)))
        _put_back(spec, {"orient": "top", "title": None, "columns": columns, "symbolType": _symbol(chart)})
    return spec


def _symbol(chart: Chart) -> str:
    """What stands beside a name in the legend: of lines that dashes tell apart a piece of the line."""
    return "stroke" if len(chart.legend) > len(PALETTE["light"]) else "circle"


def _put_back(part: Any, legend: dict[str, Any]) -> None:
    """Give the colours of the arms their legend again, wherever they stand."""
    if isinstance(part, dict):
        for channel in ("color", "strokeDash"):
            encoding = part.get(channel)
            if isinstance(encoding, dict) and encoding.get("legend", legend) is None:
                encoding["legend"] = legend
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        _put_back(inner, legend)
