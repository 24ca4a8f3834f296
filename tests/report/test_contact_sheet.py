"""The contact sheet, read back pixel by pixel."""

import errno

import numpy as np
import pytest
import torch
from PIL import Image, ImageColor, ImageDraw, ImageFont
from torch import Tensor

from batchnorm.errors import InputError
from batchnorm.report import contact_sheet

CLASSES = ("T-shirt/top", "Trouser", "Ankle boot")
GREEN, RED, GREY, INK = "#1b7f3b", "#c5221f", "#5f6368", "#202124"
# Where the first image of a sheet stands, and how far its picture is inside its frame.
LEFT, TOP, FRAME = 20, 62, 4


def images(count: int, channels: int = 1, height: int = 28, width: int = 28) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    size = (count, channels, height, width)
    return torch.randint(0, 256, size, dtype=torch.uint8, generator=generator)


def read(path) -> np.ndarray:
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        return np.asarray(picture.convert("RGB"))


def drawn(text: str, colour: str, size: int, height: int, width: int) -> np.ndarray:
    paper = Image.new("RGB", (width, height), "white")
    ImageDraw.Draw(paper).text((0, 0), text, colour, ImageFont.load_default(size))
    return np.asarray(paper)


def frames(pixels: np.ndarray, columns: int, count: int, pitch: tuple[int, int]) -> list[str]:
    corners = [(TOP + i // columns * pitch[0], LEFT + i % columns * pitch[1]) for i in range(count)]
    return ["#{:02x}{:02x}{:02x}".format(*pixels[corner]) for corner in corners]


def test_a_frame_is_green_for_right_and_red_for_wrong(tmp_path):
    path = tmp_path / "sheet.png"
    contact_sheet(images(3), [0, 1, 2], [1, 0.5, 0.2], CLASSES, path, labels=[0, 2, 2])
    assert frames(read(path), 3, 3, (0, 136)) == [GREEN, RED, GREEN]


def test_without_labels_every_frame_is_grey(tmp_path):
    path = tmp_path / "sheet.png"
    contact_sheet(images(3), [0, 1, 2], [1, 0.5, 0.2], CLASSES, path)
    assert frames(read(path), 3, 3, (0, 136)) == [GREY, GREY, GREY]


def test_a_frame_goes_all_around_its_picture(tmp_path):
    path = tmp_path / "sheet.png"
    contact_sheet(images(1), [0], [1], CLASSES, path, labels=[1])
    block = read(path)[TOP : TOP + 120, LEFT : LEFT + 120].copy()
    block[FRAME:-FRAME, FRAME:-FRAME] = ImageColor.getrgb(RED)
    assert (block == ImageColor.getrgb(RED)).all()


@pytest.mark.parametrize("channels", [1, 3])
def test_a_small_image_is_enlarged_by_a_whole_factor(tmp_path, channels):
    path = tmp_path / "sheet.png"
    x = images(1, channels)
    contact_sheet(x, [0], [1], CLASSES, path)
    inside = read(path)[TOP + FRAME : TOP + FRAME + 112, LEFT + FRAME : LEFT + FRAME + 112]
    expected = x[0].expand(3, 28, 28).permute(1, 2, 0).repeat_interleave(4, 0)
    assert np.array_equal(inside, expected.repeat_interleave(4, 1).numpy())


def test_a_large_image_is_made_smaller_in_its_proportions(tmp_path):
    path = tmp_path / "sheet.png"
    contact_sheet(255 + 0 * images(1, 3, 300, 600), [0], [1], CLASSES, path, labels=[0])
    green = (read(path) == ImageColor.getrgb(GREEN)).all(-1)
    assert green[TOP].sum() == 224 + 2 * FRAME
    assert green[:, LEFT].sum() == 112 + 2 * FRAME


@pytest.mark.parametrize(
    ("predictions", "labels", "header"),
    [
        ([0, 1, 2], [0, 2, 2], "2 of 3 right"),
        ([0, 0, 0], [1, 1, 1], "0 of 3 right"),
        ([0, 1, 2], None, "3 images"),
        ([1], None, "1 image"),
    ],
)
def test_the_header_counts(tmp_path, predictions, labels, header):
    path = tmp_path / "sheet.png"
    count = len(predictions)
    contact_sheet(images(count), predictions, [0.5] * count, CLASSES, path, labels=labels)
    pixels = read(path)
    top = 16
    expected = drawn(header, INK, 22, TOP - top, pixels.shape[1] - LEFT)
    assert np.array_equal(pixels[top:TOP, LEFT:], expected)


@pytest.mark.parametrize(
    ("label", "titles", "lines"),
    [
        (2, None, [("Ankle boot 87 %", GREEN)]),
        (0, None, [("Ankle boot 87 %", RED), ("is: T-shirt/top", RED)]),
        (None, None, [("Ankle boot 87 %", INK)]),
        (None, ["a b.png"], [("Ankle boot 87 %", INK), ("a b.png", GREY)]),
        (1, ["c.png"], [("Ankle boot 87 %", RED), ("is: Trouser", RED), ("c.png", GREY)]),
    ],
)
def test_the_lines_below_an_image_say_what_was_predicted(tmp_path, label, titles, lines):
    path = tmp_path / "sheet.png"
    labels = None if label is None else [label]
    contact_sheet(images(1), [2], [0.874], CLASSES, path, labels=labels, titles=titles)
    pixels = read(path)
    top = TOP + 120 + FRAME
    expected = [drawn(text, colour, 14, 18, pixels.shape[1] - LEFT) for text, colour in lines]
    below = np.concatenate([*expected, np.full((20, *expected[0].shape[1:]), 255, np.uint8)])
    assert np.array_equal(pixels[top:, LEFT:], below)


@pytest.mark.parametrize(("count", "columns", "rows"), [(1, 1, 1), (5, 5, 1), (12, 4, 3), (24, 6, 4), (20, 5, 4)])
def test_the_sheet_has_the_size_of_its_grid(tmp_path, count, columns, rows):
    path = tmp_path / "sheet.png"
    contact_sheet(images(count), [1] * count, [0.5] * count, CLASSES, path, labels=[1] * count)
    assert read(path).shape == (42 + rows * (142 + 16) - 16 + 40, 40 + columns * 136 - 16, 3)


def test_a_long_line_loses_its_middle(tmp_path):
    path = tmp_path / "sheet.png"
    title = "folder/" * 20 + "end.png"
    contact_sheet(images(1), [1], [0.5], CLASSES, path, titles=[title])
    assert read(path).shape[1] <= 224 + 2 * LEFT


def test_tensors_say_the_same_as_lists(tmp_path):
    lists, tensors = tmp_path / "lists.png", tmp_path / "tensors.png"
    contact_sheet(images(2), [0, 1], [0.25, 0.5], CLASSES, lists, labels=[1, 1])
    values = torch.tensor([0, 1]), torch.tensor([0.25, 0.5])
    contact_sheet(images(2), *values, CLASSES, tensors, labels=torch.tensor([1, 1]))
    assert lists.read_bytes() == tensors.read_bytes()


def test_a_full_disk_leaves_the_older_sheet_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "sheet.png"
    path.write_bytes(b"older")

    def full(self, file, **options):
        file.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(OSError, match="No space left"):
        contact_sheet(images(1), [0], [1], CLASSES, path)
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("sheet.png", b"older")]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": torch.zeros(2, 1, 8, 8)}, r"^images: .* torch\.uint8 .* got torch\.float32"),
        ({"images": images(2)[0]}, r"^images: expected shape \(N, C, H, W\).* got \(1, 28, 28\)"),
        ({"images": images(2, channels=4)}, r"C = 1 \(grey\) or 3 \(RGB\), got \(2, 4, 28, 28\)"),
        ({"images": images(0)}, "at least one image"),
        ({"predictions": [0]}, "^predictions: expected 2 values, one for every image, got 1"),
        ({"predictions": [0, 3]}, "^predictions: expected class numbers from 0 to 2, got 3"),
        ({"labels": [0, -1]}, "^labels: expected class numbers from 0 to 2, got -1"),
        ({"labels": [0]}, "^labels: expected 2 values"),
        ({"titles": ["a"]}, "^titles: expected 2 values"),
        ({"probabilities": [0.5, 1.01]}, "^probabilities: .* from 0 to 1, got 1.01"),
        ({"probabilities": [0.5, float("nan")]}, "^probabilities: .* from 0 to 1, got nan"),
        ({"probabilities": [0.5, -0.01]}, "^probabilities: .* from 0 to 1, got -0.01"),
        ({"probabilities": []}, "^probabilities: expected 2 values"),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_is_written(tmp_path, change, message):
    arguments = {
        "images": images(2),
        "predictions": [0, 1],
        "probabilities": [0.5, 0.5],
        "classes": CLASSES,
        "path": tmp_path / "sheet.png",
    }
    with pytest.raises(ValueError, match=message):
        contact_sheet(**(arguments | change))
    assert not list(tmp_path.iterdir())


def test_a_name_that_promises_another_format_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"^path: .* ending in \.png, got .*sheet\.jpg.* Use"):
        contact_sheet(images(1), [0], [1], CLASSES, tmp_path / "sheet.jpg")
