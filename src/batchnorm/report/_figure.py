"""How is a chart of matplotlib written, as SVG or PNG, whole or not at all, and alike for the same numbers?"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..files import atomic_write

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@contextmanager
def written_figure(
    path: Path | str, chart: str, size: tuple[float, float], *, font_size: float = 9, description: str | None = None
) -> Iterator["Figure"]:
    """Give a figure of so many inches to draw on in the block, behind whose end it is written.

    It is no figure of pyplot's: no backend is chosen for the process, and nothing is registered.

    Args:
        path: ends in `.svg` or `.png`; the file appears whole or not at all.
        chart: the name of the function that draws, for messages.
        size: width and height.
        font_size: of what says no other, in points.
        description: what the metadata of an SVG say of it.

    Raises:
        ImportError: matplotlib is not installed.
        InputError: another suffix.
        OSError: the file cannot be written.
    """
    kind = Path(path).suffix.lower().removeprefix(".")
    if kind not in ("svg", "png"):
        raise InputError(argument="path", expected="a name ending in .svg or .png", got=repr(str(path)))
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            f"{chart}: expected matplotlib, which cannot be imported ({error}). "
            "Install it: pip install 'batchnorm[plots]'"
        ) from error
    metadata: dict[str, Any] = {"Date": None} if kind == "svg" else {}
    if kind == "svg" and description:
        metadata["Description"] = description
    # Without a fixed salt the ids in an SVG are random; text as text stays small and can be searched.
    with mpl.rc_context({"svg.hashsalt": "batchnorm", "svg.fonttype": "none", "font.size": font_size}):
        figure = Figure(figsize=size, dpi=130, layout="constrained")
        yield figure
        with atomic_write(path) as file, warnings.catch_warnings():
            # The name of a run may be in any script: a viewer of SVG has the letters, a PNG shows a box for each.
            warnings.filterwarnings("ignore", r"Glyph \d+ .*missing from font", UserWarning)
            figure.savefig(file, format=kind, metadata=metadata)
