"""What if the file of kept images is damaged, cut off, or gone?"""

from pathlib import Path

import pytest
import torch

from batchnorm.data import cached_images
from batchnorm.data.store import _files

ALL = torch.arange(6)


def damage(path: Path, how: str) -> None:
    whole = path.read_bytes()
    path.write_bytes(
        {
            "empty": b"",
            "cut off": whole[: len(whole) // 2],
            "the end cut off": whole[:-1],
            "zeros": bytes(len(whole)),
            "other bytes": b"PK\x05\x06" + b"\xff" * 40,
            "the table": whole[:-700] + bytes(50) + whole[-650:],
            "the beginning cut off": whole[100:],
        }[how]
    )


def flip(path: Path, place: int) -> None:
    """Change a byte where it lies, as a disk may."""
    with path.open("r+b") as file:
        file.seek(place)
        byte = file.read(1)
        file.seek(place)
        file.write(bytes([byte[0] ^ 255]))


@pytest.mark.parametrize(
    "how", ["empty", "cut off", "the end cut off", "zeros", "other bytes", "the table", "the beginning cut off"]
)
def test_a_damaged_file_is_made_again(kept, photos, how) -> None:
    expected = kept(photos).images.read(ALL)
    (images,) = cached_images()
    whole = images.path.read_bytes()
    damage(images.path, how)
    assert torch.equal(kept(photos).images.read(ALL), expected)
    assert images.path.read_bytes() == whole


def test_a_damaged_file_is_listed_and_cleared(kept, photos) -> None:
    kept(photos)
    (images,) = cached_images()
    damage(images.path, "cut off")
    assert [(entry.folder, entry.images) for entry in cached_images()] == [("", 0)]


# Behind the first two, of 10x13 pixels each once they are scaled, lies the image that is seen as it is.
@pytest.mark.parametrize("place", [0, 2 * 10 * 13 * 3 + 20])
def test_damaged_pixels_are_those_of_the_file_again(kept, photos, place) -> None:
    expected = kept(photos).images.read(ALL)
    (images,) = cached_images()
    whole = images.path.read_bytes()
    flip(images.path, place)
    assert torch.equal(kept(photos).images.read(ALL), expected)
    kept(photos)
    assert images.path.read_bytes() == whole  # made again


def test_damaged_pixels_whose_file_is_gone_are_an_error(kept, photos, monkeypatch) -> None:
    kept(photos)
    (images,) = cached_images()
    flip(images.path, 0)
    again = kept(photos)
    photos[0].unlink()
    with pytest.raises(ValueError, match=r"photos/0\.png: there is no such image"):
        again.images.read(ALL)


def test_damaged_pixels_whose_file_has_changed_are_an_error(kept, photos) -> None:
    kept(photos)
    (images,) = cached_images()
    flip(images.path, 0)
    again = kept(photos)
    photos[0].write_bytes(photos[1].read_bytes())
    with pytest.raises(ValueError, match=r"photos/0\.png: it was changed since this began"):
        again.images.read(ALL)


def test_images_in_use_outlive_the_removal_of_their_file(kept, photos, monkeypatch) -> None:
    images = kept(photos).images
    cached_images()[0].path.unlink()
    monkeypatch.setattr(_files, "decoded", None)
    assert images.read(ALL).shape == (6, 3, 8, 8)
