"""What may be kept, what goes for it, and what if the cache cannot be written?"""

import errno
import os
from collections.abc import Callable

import numpy as np
import pytest
import torch

from batchnorm.data import cached_images, clear_cached_images
from batchnorm.data.store import _entry, _making
from batchnorm.data.store._contents import contents_of
from batchnorm.data.store._entry import Entry
from batchnorm.data.store._files import Files
from batchnorm.errors import InputError

from .conftest import SIZE

ALL = torch.arange(6)


def used_before(path, seconds: int) -> None:
    """Say that this was used last so many seconds ago."""
    then = path.stat().st_mtime - seconds
    os.utime(path, (then, then))


@pytest.fixture
def one_size(kept, photos) -> int:
    """Bytes that the images of one set take."""
    kept(photos)
    (size,) = (images.bytes for images in cached_images())
    clear_cached_images()
    return size


@pytest.mark.parametrize("share", [0.1, 0.99])
def test_a_set_that_takes_more_than_all_may_is_not_kept_and_a_note_says_so(kept, photos, one_size, share) -> None:
    found = kept(photos, cache_size=int(share * one_size))
    assert "are not kept: they take" in found.note
    assert "that all together may take" in found.note
    assert cached_images() == []
    assert torch.equal(found.images.read(ALL), kept(photos).images.read(ALL))


def test_a_set_that_just_fits_is_kept_without_a_note(kept, photos, one_size) -> None:
    assert kept(photos, cache_size=one_size + 6 * 64).note == ""
    assert len(cached_images()) == 1


def test_the_least_recently_used_goes_first(kept, write_photos, one_size) -> None:
    sets = [write_photos(f"set {number}", seed=number) for number in range(3)]
    for number, files in enumerate(sets[:2]):
        kept(files)
        used_before(cached_images()[0].path, 100 - number)
    kept(sets[0])  # used again
    kept(sets[2], cache_size=int(2.5 * one_size))
    assert [images.folder for images in cached_images()] == [str(sets[2][0].parent), str(sets[0][0].parent)]


def test_one_in_use_never_goes(kept, write_photos, one_size) -> None:
    sets = [write_photos(f"set {number}", seed=number) for number in range(2)]
    used = kept(sets[0])
    assert "are not kept" in kept(sets[1], cache_size=int(1.5 * one_size)).note
    assert [images.in_use for images in cached_images()] == [True]
    del used
    assert kept(sets[1], cache_size=int(1.5 * one_size)).note == ""
    assert [images.folder for images in cached_images()] == [str(sets[1][0].parent)]


def test_a_set_without_room_does_not_drive_out_others(kept, write_photos, one_size) -> None:
    kept(write_photos("small"))
    kept([file for number in range(4) for file in write_photos(f"large {number}", number)], cache_size=2 * one_size)
    assert len(cached_images()) == 1


def test_a_lower_bound_holds_for_what_was_kept_before(kept, photos, write_photos, one_size) -> None:
    for files in (photos, write_photos("other", seed=1)):
        kept(files)
    kept(photos, cache_size=int(1.5 * one_size))
    assert [images.folder for images in cached_images()] == [str(photos[0].parent)]
    assert "are not kept" in kept(photos, cache_size=one_size // 2).note
    assert cached_images() == []


def test_a_bound_of_0_leaves_what_is_kept_alone(kept, photos) -> None:
    kept(photos)
    assert kept(photos, cache_size=0).note == ""
    assert len(cached_images()) == 1


def test_a_full_disk_is_a_note_and_leaves_nothing(kept, photos, monkeypatch, cache) -> None:
    def full(file, pixels, files) -> None:
        file.write(next(iter(pixels)).data)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(_making, "write_entry", full)
    found = kept(photos)
    assert "(No space left on device)" in found.note
    assert found.sound.all()
    assert list(cache.iterdir()) == []


def test_a_cache_that_cannot_be_written_is_a_note(kept, photos, cache) -> None:
    cache.parent.write_text("a file in the place of the folder")
    assert "(Not a directory)" in kept(photos).note


def test_clearing_removes_all_but_those_in_use(kept, photos, write_photos) -> None:
    used = kept(photos)
    kept(write_photos("other", seed=1))
    assert [images.folder for images in clear_cached_images()] == [str(photos[0].parents[1] / "other")]
    assert [images.folder for images in cached_images()] == [str(photos[0].parent)]
    assert torch.equal(used.images.read(ALL), kept(photos, cache_size=0).images.read(ALL))


def test_what_is_kept_is_described(kept, photos) -> None:
    kept(photos, size=(8, 16))
    (images,) = cached_images()
    assert (images.folder, images.images, images.channels) == (str(photos[0].parent), 6, 3)
    assert images.image_size == (8, 16)
    assert images.bytes == images.path.stat().st_size
    assert not images.in_use


def test_an_empty_cache_has_nothing_to_list_or_clear(cache) -> None:
    assert cached_images() == clear_cached_images() == []
    assert not cache.exists()


def test_a_set_that_is_larger_than_memory_is_mapped(tmp_path, photos) -> None:
    path, size, width = tmp_path / "set.images", 2**40, 2**20
    files = Files(photos[:1], contents_of(photos[:1], 0, lambda *_: None), 1, (SIZE, SIZE))
    with path.open("wb") as file:
        file.seek(size)  # a hole, which takes no room on the disk
        np.savez(
            file,
            about=np.array("{}"),
            fingerprint=np.frombuffer(files.fingerprint(), np.uint8),
            sound=np.array([True]),
            sizes=np.array([[size // width, width]]),
            sums=np.array([0]),
        )
    assert Entry(path, files).size > size


def test_a_set_that_this_process_cannot_map_stays_for_others(kept, photos, monkeypatch) -> None:
    kept(photos)
    (images,) = cached_images()
    made = images.path.stat().st_ctime_ns
    monkeypatch.setattr(_entry.mmap, "mmap", refusing(OSError(errno.ENOMEM, "Cannot allocate memory")))
    assert "Cannot allocate memory" in kept(photos).note
    assert images.path.stat().st_ctime_ns == made  # not decoded again


def test_a_cache_that_is_a_file_holds_nothing(cache) -> None:
    cache.parent.touch()
    assert cached_images() == clear_cached_images() == []


def test_a_cache_that_may_not_be_read_is_one_sentence(cache, monkeypatch) -> None:
    monkeypatch.setattr(os, "scandir", refusing(PermissionError(errno.EACCES, "Permission denied")))
    with pytest.raises(InputError, match=r"cache/images: the folder cannot be read \(Permission denied\)\. Check"):
        cached_images()


def refusing(error: OSError) -> Callable[..., object]:
    def refuse(*_: object, **__: object) -> object:
        raise error

    return refuse
