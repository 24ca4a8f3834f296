"""Which pixels come of files, whether they are kept or not, and which files are broken?"""

import copy
import hashlib
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from batchnorm.data import Crops, Split
from batchnorm.data.store import _files, stored
from batchnorm.errors import InputError

ALL = torch.arange(6)


def no_decoding(monkeypatch) -> None:
    def decoded(*_: object) -> None:
        raise AssertionError("a file was decoded")

    monkeypatch.setattr(_files, "decoded", decoded)


def test_an_image_of_the_size_of_the_nets_keeps_its_pixels(kept, photos) -> None:
    pixels = torch.from_numpy(np.array(Image.open(photos[2]))).permute(2, 0, 1)
    assert torch.equal(kept(photos).images.read(torch.tensor([2]))[0], pixels)


@pytest.mark.parametrize("cache_size", [10**7, 0])
@pytest.mark.parametrize("workers", [0, 1, 2])
def test_kept_or_not_by_any_number_of_workers_the_pixels_are_the_same(kept, photos, cache_size, workers) -> None:
    one = kept(photos, workers=0).images
    other = kept(photos, cache_size=cache_size, workers=workers).images
    crops = Crops.drawn(len(ALL), 0.3, torch.Generator().manual_seed(0))
    wanted = [(ALL, crops), (ALL.flip(0), crops), (ALL[:1], None)]
    expected = [one.read(*asked) for asked in wanted]
    assert all(map(torch.equal, other.ahead(wanted), expected))
    assert torch.equal(other.read(ALL, crops), expected[0])


def test_the_pixels_are_those_of_the_decoder_seen_through_the_crop(kept, photos) -> None:
    from batchnorm.data import central_box, view
    from batchnorm.data._decoded import cover_of, decoded

    pixels = [decoded(file, 3, cover_of((8, 8))) for file in photos]
    expected = [view(image, central_box(*image.shape[:2], (8, 8)), (8, 8)) for image in pixels]
    assert torch.equal(kept(photos).images.read(ALL), torch.stack(expected))


def test_each_image_is_seen_through_its_own_crop(kept, photos) -> None:
    images = kept(photos).images
    crops = Crops.drawn(2, 0.3, torch.Generator().manual_seed(0))
    turned = Crops(crops.shares.flip(0), crops.ratios.flip(0), crops.places.flip(0))
    read = images.read(torch.tensor([5, 5]), crops)
    assert not torch.equal(read[0], read[1])
    assert torch.equal(images.read(torch.tensor([5, 5]), turned), read.flip(0))


def test_what_is_kept_is_read_without_the_files(kept, photos, monkeypatch) -> None:
    expected = kept(photos).images.read(ALL)
    no_decoding(monkeypatch)
    assert torch.equal(kept(photos).images.read(ALL), expected)


def test_files_are_known_by_their_content_wherever_they_lie(kept, photos, monkeypatch, tmp_path, cache) -> None:
    expected = kept(photos).images.read(ALL)
    moved = [tmp_path / f"moved {file.name}" for file in photos]
    for old, new in zip(photos, moved, strict=True):
        shutil.move(old, new)
    no_decoding(monkeypatch)
    assert torch.equal(kept(moved).images.read(ALL), expected)


@pytest.mark.parametrize("change", ["a file", "the order", "the size", "the channels", "what decodes"])
def test_other_pixels_are_kept_apart(kept, photos, change, monkeypatch, cache) -> None:
    kept(photos)
    if change == "a file":
        shutil.copy(photos[0], photos[1])
    if change == "what decodes":
        monkeypatch.setattr("PIL.__version__", "0.0")
    files = photos[::-1] if change == "the order" else photos
    size, channels = (9 if change == "the size" else 8), (1 if change == "the channels" else 3)
    other = stored(files, channels, size, cache_size=10**7, workers=0)
    fresh = stored(files, channels, size, cache_size=0, workers=0)
    assert torch.equal(other.images.read(ALL), fresh.images.read(ALL))
    assert len(list(cache.glob("*.images"))) == 2


@pytest.mark.parametrize("cache_size", [10**7, 0])
def test_broken_files_are_left_out_and_named(kept, photos, cache_size) -> None:
    photos[1].write_bytes(photos[1].read_bytes()[:200])
    photos[4].unlink()
    for _ in range(2):  # read, and found again
        found = kept(photos, cache_size=cache_size)
        assert found.sound.tolist() == [True, False, True, True, False, True]
        assert {place: str(photos[place]) in reason for place, reason in found.broken.items()} == {1: True, 4: True}
        assert found.images.shape == (4, 3, 8, 8)


def test_the_images_are_those_of_the_sound_files_in_their_order(kept, photos) -> None:
    whole = kept(photos).images.read(ALL)
    photos[0].write_text("no image")
    assert torch.equal(kept(photos).images.read(ALL[:-1]), whole[1:])


def test_a_file_that_was_broken_and_is_sound_again_is_read(kept, photos) -> None:
    bytes_ = photos[0].read_bytes()
    photos[0].write_bytes(bytes_[:200])
    assert not kept(photos).sound[0]
    photos[0].write_bytes(bytes_)
    assert kept(photos).sound.all()


def test_a_file_that_could_not_be_decoded_for_a_while_is_decoded_again(kept, photos, monkeypatch) -> None:
    def no_memory(path: Path, *_: object) -> None:
        raise InputError(f"{path}: it asks for more memory than there is")

    with monkeypatch.context() as patched:
        patched.setattr(_files, "decoded", no_memory)
        assert not kept(photos).sound.any()
    assert kept(photos).sound.all()


@pytest.mark.parametrize("files", [[], ["text"]])
def test_no_sound_file_at_all_gives_no_image(kept, tmp_path, files) -> None:
    (tmp_path / "text").write_text("no image")
    found = kept([tmp_path / name for name in files])
    assert found.images.shape == (0, 3, 8, 8)
    assert found.images.read(torch.tensor([], dtype=torch.int64)).shape == (0, 3, 8, 8)


def test_digests_are_the_sha256_of_the_bytes(kept, photos) -> None:
    expected = [hashlib.sha256(file.read_bytes()).hexdigest() for file in photos]
    photos.append(photos[0].with_name("none.png"))
    assert kept(photos).digests == [*expected, ""]


def test_progress_tells_of_each_image(kept, photos) -> None:
    heard = []
    kept(photos, on_progress=lambda *what: heard.append(what))
    assert heard == [
        (what, done + 1, len(photos)) for what in ("looking at the files", "decoding the images") for done in range(6)
    ]


@pytest.mark.parametrize("index", [torch.tensor([4, 0, 4]), torch.tensor([True, False, True, False, False, True])])
def test_a_subset_is_the_images_at_these_places(kept, photos, index) -> None:
    images = kept(photos).images
    assert torch.equal(images.subset(index).read(torch.arange(3)), images.read(ALL)[index])
    assert images.subset(index).origin is images.origin


def test_counts_are_how_often_each_value_occurs_in_what_is_read(kept, photos) -> None:
    images = kept(photos).images
    pixels = images.read(ALL).permute(1, 0, 2, 3).reshape(3, -1).numpy()
    assert images.counts().tolist() == [[int((channel == value).sum()) for value in range(256)] for channel in pixels]


def test_fingerprints_are_the_same_for_the_same_images_alone(kept, photos) -> None:
    one, other = kept(photos).images, kept(photos, cache_size=0).images
    assert one.fingerprint() == other.fingerprint()
    assert one.subset(ALL[1:]).fingerprint() == kept(photos[1:]).images.fingerprint()
    assert one.subset(ALL.flip(0)).fingerprint() != one.fingerprint()


@pytest.mark.parametrize("cache_size", [10**7, 0])
def test_images_are_copied_and_sent_to_other_processes(kept, photos, cache_size) -> None:
    images = kept(photos, cache_size=cache_size).images
    sent = pickle.loads(pickle.dumps(images))  # noqa: S301 - our own bytes
    for other in (copy.deepcopy(images), sent):
        assert torch.equal(other.read(ALL), images.read(ALL))


def test_a_split_takes_them(kept, photos) -> None:
    split = Split(kept(photos).images, torch.arange(6))
    assert split.shape == (6, 3, 8, 8)


def test_wide_images_come_of_a_size_that_is_a_pair(kept, photos) -> None:
    assert kept(photos, size=(4, 12)).images.read(ALL).shape == (6, 3, 4, 12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cache_size": -1}, "cache_size: expected a number of bytes of at least 0, got -1"),
        ({"workers": -1}, "workers: expected an integer of at least 0, got -1"),
        ({"workers": 1.5}, r"workers: expected an integer of at least 0, got 1\.5"),
    ],
)
def test_numbers_that_cannot_be_are_refused(kept, photos, options, message) -> None:
    with pytest.raises(ValueError, match=message):
        kept(photos, **options)
