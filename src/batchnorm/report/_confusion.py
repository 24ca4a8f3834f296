"""Which classes are taken for which? The confusion matrix as a picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from ..files import atomic_write
from ._arguments import check_png

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_CLASSES_WITH_COUNTS = 25


def confusion_matrix_figure(matrix: ArrayLike, classes: Sequence[str], path: Path | str) -> None:
    """Draw a confusion matrix as a heat map and write it as PNG.

    A cell's colour is its share of its row, `matrix[i, j] / matrix[i].sum()`: the diagonal shows
    recall, whatever the sizes of the classes. The text is the count. Rows of classes that never
    occur stay empty.

    Args:
        matrix: counts, shape (K, K): [i, j] images of class i were taken for class j.
        classes: the K names.
        path: the PNG file; it appears whole or not at all.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: the matrix is not (K, K) or holds something else than counts.
        OSError: the file cannot be written.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "confusion.png"
        >>> confusion_matrix_figure([[9, 1], [0, 10]], ["shirt", "coat"], path)
        >>> path.read_bytes()[1:4]
        b'PNG'
    """
    counts = _checked(matrix, classes)
    check_png(path)
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "confusion_matrix_figure: expected matplotlib, which cannot be imported "
            f"({error}). Install it: pip install 'batchnorm[plots]'"
        ) from error
    # A figure of its own, not pyplot's: no backend is chosen for the process, nothing registered.
    side = 3.0 + max(2.0, len(classes) * (0.55 if _has_counts(classes) else 0.17))
    figure = Figure(figsize=(side, 0.9 * side), dpi=120, layout="compressed")
    _draw(figure, counts, classes)
    with atomic_write(path) as file:
        figure.savefig(file, format="png")


def _has_counts(classes: Sequence[str]) -> bool:
    return len(classes) <= _MOST_CLASSES_WITH_COUNTS


def _checked(matrix: ArrayLike, classes: Sequence[str]) -> NDArray[np.int64]:
    counts = np.asarray(matrix)
    if counts.shape != (len(classes), len(classes)) or counts.size == 0:
        raise InputError(
            argument="matrix",
            expected=f"shape {(len(classes), len(classes))}, a row and a column for every class",
            got=str(counts.shape),
            cure="Pass the names of all classes, in the order of the rows.",
        )
    if counts.dtype.kind not in "iu" or counts.min() < 0:
        raise InputError(
            argument="matrix",
            expected="counts, integers of at least 0",
            got=f"{counts.dtype} from {counts.min()}",
            cure="Pass the counts themselves: the shares of the rows are computed here.",
        )
    return counts.astype(np.int64)


def _draw(figure: "Figure", counts: NDArray[np.int64], classes: Sequence[str]) -> None:
    from matplotlib.colors import PowerNorm

    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    # The square root lets one mistake in a hundred be seen beside a diagonal of nearly 1.
    shade = PowerNorm(0.5, vmin=0, vmax=1)
    axes = figure.add_subplot()
    image = axes.imshow(shares, cmap="Blues", norm=shade)
    _name_the_classes(axes, classes)
    axes.set(xlabel="predicted class", ylabel="true class")
    axes.set_title(f"{counts.trace():,} of {counts.sum():,} right", loc="left")
    bar = figure.colorbar(image, ax=axes, fraction=0.04, pad=0.02, label="share of the row")
    bar.set_ticks([0, 0.01, 0.05, 0.2, 0.5, 1], labels=["0", "1 %", "5 %", "20 %", "50 %", "100 %"])
    if _has_counts(classes):
        for (row, column), count in np.ndenumerate(counts):
            ink = "white" if shade(shares[row, column]) > 0.6 else "black"
            text = f"{count:,}" if count else ""
            axes.text(column, row, text, ha="center", va="center", color=ink)


def _name_the_classes(axes: "Axes", classes: Sequence[str]) -> None:
    names = [" ".join(name.split()) for name in classes]
    size = 10 if _has_counts(classes) else 7
    # A dollar in a class name is a dollar, not the beginning of a formula.
    text: dict[str, Any] = {"fontsize": size, "parse_math": False}
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor", **text)
    axes.set_yticks(range(len(names)), names, **text)
