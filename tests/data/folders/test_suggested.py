"""Which size and colours are chosen where nobody says which?"""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from batchnorm.data import ImageOptions, folder_source

from .writing import quiet, write_image


def suggested(root: Path, **options: object) -> tuple[object, int, list[str]]:
    source, said = quiet(folder_source(root, ImageOptions(cache_size=0, workers=0, test_fraction=0.5, **options)))
    source.load("train")
    return source.info.image_size, source.info.in_channels, [note for note in said if "drawn" not in note]


def grey(path: Path, mode: str) -> None:
    path.parent.mkdir(exist_ok=True)
    pixels = np.random.default_rng(len(str(path))).integers(0, 256, (9, 10))
    image = Image.fromarray(pixels.astype(np.uint8))
    if mode == "F":
        image = Image.fromarray((pixels / 255).astype(np.float32))
    elif mode == "I;16":
        image = Image.fromarray(pixels.astype(np.uint16))
    elif mode == "LA":
        image.putalpha(255)
    elif mode == "P":
        image = image.convert("P")
        image.putpalette([value for value in range(256) for _ in range(3)])
    image.save(path.with_suffix(".tif" if mode == "F" else ".png"))


@pytest.mark.parametrize(("size", "wanted"), [((64, 64), 64), ((10, 9), (9, 10)), ((1, 64), (64, 1))])
def test_small_images_of_one_size_keep_it(tmp_path, size, wanted) -> None:
    for number, name in enumerate("aabb"):
        write_image(tmp_path / name / f"{number}.png", number, size)
    assert suggested(tmp_path) == (wanted, 3, [])


@pytest.mark.parametrize("other", [(65, 64), (10, 10)])
def test_others_become_64_and_it_is_said(tmp_path, other) -> None:
    for number, name in enumerate("aabb"):
        write_image(tmp_path / name / f"{number}.png", number, other if number or other == (65, 64) else (9, 9))
    size, _, said = suggested(tmp_path)
    assert size == 64
    found = "of 65x64 pixels" if other == (65, 64) else "of 2 sizes"
    assert said == [f"the images are {found}; they are made 64x64, unless another size is asked for"]


def test_an_image_that_lies_on_its_side_has_the_size_that_it_has_upright(tmp_path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    for number, name in enumerate("aabb"):
        write_image(tmp_path / name / f"{number}.png", number, (20, 10))
        Image.open(tmp_path / name / f"{number}.png").save(tmp_path / name / f"{number}.jpg", exif=exif)
        (tmp_path / name / f"{number}.png").unlink()
    assert suggested(tmp_path)[0] == (20, 10)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "I;16", "F"])
def test_images_that_are_all_grey_stay_grey(tmp_path, mode: str) -> None:
    for number, name in enumerate("aabb"):
        grey(tmp_path / name / f"{number}.png", mode)
    assert suggested(tmp_path)[1] == 1


def test_one_image_in_colours_brings_colours(tmp_path) -> None:
    for number, name in enumerate("aabb"):
        grey(tmp_path / name / f"{number}.png", "L")
    write_image(tmp_path / "b" / "9.png")
    assert suggested(tmp_path)[1] == 3


def test_what_is_asked_for_goes_before(tmp_path) -> None:
    for number, name in enumerate("aabb"):
        write_image(tmp_path / name / f"{number}.png", number)
    assert suggested(tmp_path, image_size=(12, 16), channels=1) == ((12, 16), 1, [])
