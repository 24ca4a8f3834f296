"""The picture of a confusion matrix: what is drawn, and what it leaves alone."""

import subprocess
import sys

import matplotlib as mpl
import matplotlib.axes
import matplotlib.figure
import numpy as np
import pytest
from PIL import Image

from batchnorm.errors import InputError
from batchnorm.report import confusion_matrix_figure

NAMES = ("T-shirt/top", "Trouser", "Ankle boot")
COUNTS = [[90, 10, 0], [1, 2, 1], [0, 0, 1200]]


def texts(axes: matplotlib.axes.Axes) -> list[list[str]]:
    cells = [["" for _ in NAMES] for _ in NAMES]
    for text in axes.texts:
        column, row = text.get_position()
        cells[row][column] = text.get_text()
    return cells


def test_a_colour_is_the_share_of_the_row(tmp_path, figures):
    confusion_matrix_figure(COUNTS, NAMES, tmp_path / "matrix.png")
    image = figures[0].axes[0].images[0]
    expected = [[0.9, 0.1, 0.0], [0.25, 0.5, 0.25], [0.0, 0.0, 1.0]]
    np.testing.assert_allclose(image.get_array(), expected, rtol=1e-15)
    assert image.get_clim() == (0, 1)


def test_a_text_is_the_count_and_nothing_stands_for_zero(tmp_path, figures):
    confusion_matrix_figure(COUNTS, NAMES, tmp_path / "matrix.png")
    expected = [["90", "10", ""], ["1", "2", "1"], ["", "", "1,200"]]
    assert texts(figures[0].axes[0]) == expected


def test_rows_are_the_true_classes_and_columns_the_predicted(tmp_path, figures):
    confusion_matrix_figure(COUNTS, NAMES, tmp_path / "matrix.png")
    axes = figures[0].axes[0]
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("true class", "predicted class")
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert [label.get_text() for label in labels] == list(NAMES)


@pytest.mark.parametrize("names", [NAMES[:1], NAMES, tuple("abcdefghij"), ("a class of a long name",) * 10])
def test_the_names_of_both_axes_are_in_the_picture(tmp_path, figures, names):
    confusion_matrix_figure(np.eye(len(names), dtype=np.int64), names, tmp_path / "matrix.png")
    figure, axes = figures[0], figures[0].axes[0]
    for axis in (axes.xaxis, axes.yaxis):
        box = axis.label.get_window_extent()
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1


def test_the_title_counts_the_diagonal(tmp_path, figures):
    confusion_matrix_figure(COUNTS, NAMES, tmp_path / "matrix.png")
    assert figures[0].axes[0].get_title(loc="left") == "1,292 of 1,304 right"


def test_a_class_that_never_occurs_is_an_empty_row(tmp_path, figures):
    confusion_matrix_figure([[3, 1], [0, 0]], ("a", "b"), tmp_path / "matrix.png")
    assert figures[0].axes[0].images[0].get_array()[1].tolist() == [0, 0]


def test_dollars_and_line_breaks_of_a_class_name_are_drawn_as_text(tmp_path, figures):
    confusion_matrix_figure([[1, 0], [0, 1]], ("$x_$", "two\nlines"), tmp_path / "matrix.png")
    labels = [label.get_text() for label in figures[0].axes[0].get_xticklabels()]
    assert labels == ["$x_$", "two lines"]


@pytest.mark.parametrize("classes", [1, 10, 30])
def test_the_file_is_a_png_that_can_be_read_and_is_not_huge(tmp_path, classes):
    path = tmp_path / "matrix.png"
    names = [f"class {number}" for number in range(classes)]
    confusion_matrix_figure(np.eye(classes, dtype=np.int64), names, path)
    with Image.open(path) as picture:
        picture.load()
        assert picture.format == "PNG"
        assert 500 < picture.width < 1500


def test_many_classes_have_no_counts(tmp_path, figures):
    names = [f"class {number}" for number in range(26)]
    confusion_matrix_figure(np.eye(26, dtype=np.int64), names, tmp_path / "matrix.png")
    assert not figures[0].axes[0].texts


def test_a_full_disk_leaves_the_older_picture_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "matrix.png"
    path.write_bytes(b"older")

    def full(self, file, **options):
        file.write(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", full)
    with pytest.raises(OSError, match="No space left"):
        confusion_matrix_figure(COUNTS, NAMES, path)
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("matrix.png", b"older")]


def test_without_matplotlib_the_message_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install 'batchnorm\[plots\]'"):
        confusion_matrix_figure(COUNTS, NAMES, tmp_path / "matrix.png")


def test_no_pyplot_is_needed_and_no_backend_chosen_for_the_process(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # importing it would raise
    before = mpl.rcParams.copy()
    confusion_matrix_figure(COUNTS, NAMES, tmp_path / "matrix.png")
    assert mpl.rcParams.copy() == before


def test_importing_the_room_imports_no_drawing_library():
    program = "import batchnorm.report, sys; print({'PIL', 'matplotlib'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (run.stdout.strip(), run.stderr) == ("set()", "")


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        ([[1, 2]], r"^matrix: expected shape \(3, 3\).* got \(1, 2\)"),
        ([[1, 2], [3, 4]], r"^matrix: expected shape \(3, 3\).* got \(2, 2\)"),
        (np.full((3, 3), 0.5), "^matrix: expected counts, integers of at least 0, got float64"),
        ([[1, 0, 0], [0, -1, 0], [0, 0, 1]], "^matrix: expected counts, .* from -1"),
    ],
)
def test_what_is_no_confusion_matrix_is_named_and_nothing_is_written(tmp_path, matrix, message):
    with pytest.raises(ValueError, match=message):
        confusion_matrix_figure(matrix, NAMES, tmp_path / "matrix.png")
    assert not list(tmp_path.iterdir())


def test_a_matrix_picture_of_another_format_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"^path: .* ending in \.png, got .*matrix\.pdf"):
        confusion_matrix_figure(COUNTS, NAMES, tmp_path / "matrix.pdf")
