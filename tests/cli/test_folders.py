"""A folder of images on the command line: one command trains on it, the others know it then; mistakes are one line."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

TRAINING = [
    *("--model-args", "width", "4", "--batch-size", "8", "--threads", "1", "--epochs", "1", "--val-fraction", "0.2"),
    *("--image-size", "12x10", "--workers", "0", "--no-tune-allocator"),
]


def write_photos(root: Path, count: int = 15, colour: int = 0) -> Path:
    for place, name in enumerate("ab"):
        (root / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            pixels = np.random.default_rng(100 * place + number + colour).integers(0, 99, (14, 18, 3), dtype=np.uint8)
            pixels[..., place] += 120
            Image.fromarray(pixels).save(root / name / f"{number:03}.png")
    return root


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("BATCHNORM_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def photos(tmp_path) -> Path:
    return write_photos(tmp_path / "photos")


def test_one_command_trains_and_the_next_ones_know_the_images(batchnorm, photos) -> None:
    said = batchnorm("train", "--data", "photos", "--out", "run", *TRAINING)
    assert (said.code, said.err) == (0, "note: 6 of 30 images are drawn for testing\n")
    assert batchnorm("evaluate", "run", "--json").json["running"]["images"] == 6
    assert batchnorm("predict", "run", "--test-images", "3").code == 0
    said = batchnorm("predict", "run", photos / "a" / "000.png")
    assert (said.code, said.err) == (0, "")
    assert "18x14 cropped to 17x14 and scaled to 12x10" in " ".join(said.out.split())
    assert batchnorm("recalibrate", "run", "--max-samples", "16").code == 0
    assert batchnorm("train", "--resume", "run").code == 0


def test_what_is_odd_about_other_images_is_a_note(batchnorm, photos, tmp_path) -> None:
    batchnorm("train", "--data", "photos", "--out", "run", *TRAINING)
    others = write_photos(tmp_path / "others", count=150, colour=999)
    (others / "notes.txt").touch()
    (others / "a" / "notes.txt").touch()
    said = batchnorm("evaluate", "run", "--data", "others")
    assert said.code == 0
    assert said.err.splitlines() == [
        "note: 1 file is no image, passed over: a/notes.txt", "note: 60 of 300 images are drawn for testing",
    ]  # fmt: skip


def empty(root: Path) -> None:
    root.mkdir()


def one_class(root: Path) -> None:
    write_photos(root)
    for file in (root / "b").iterdir():
        file.unlink()
    (root / "b").rmdir()


def class_without_images(root: Path) -> None:
    write_photos(root)
    (root / "c").mkdir()


def other_classes(root: Path) -> None:
    write_photos(root / "train")
    write_photos(root / "test")
    (root / "test" / "b").rename(root / "test" / "c")


def many_broken(root: Path) -> None:
    write_photos(root)
    for number in range(15):
        (root / "a" / f"{number:03}.png").write_text("no image")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (empty, "expected a folder of images for each class, found nothing"),
        (one_class, "expected at least two classes, found one, a"),
        (class_without_images, "a class has no image: c"),
        (other_classes, "the same classes in train and test, found only in train: b; only in test: c"),
        (many_broken, "images cannot be read, of which fewer than 1 % would be left out"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_folder_that_is_no_data_set_is_one_message_and_leaves_no_run(batchnorm, tmp_path, spoil, words: str) -> None:
    spoil(tmp_path / "photos")
    said = batchnorm("train", "--data", "./photos", "--out", "run", *TRAINING)
    assert said.code == 2
    lines = [line for line in said.err.splitlines() if not line.startswith("note:")]
    assert len(lines) == 1
    assert words in lines[0]
    assert "Traceback" not in said.err
    assert not (tmp_path / "run").exists()
