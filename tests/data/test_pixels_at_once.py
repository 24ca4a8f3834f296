"""Do threads that decode large images take turns, so that their memory is that of one?"""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

from batchnorm.data import _pixels_at_once
from batchnorm.data._decoded import decoded
from batchnorm.data._pixels_at_once import room_for
from batchnorm.errors import InputError


class Counter:
    """How many were inside together, at most."""

    def __init__(self) -> None:
        self.lock, self.now, self.most = threading.Lock(), 0, 0

    def stay(self) -> None:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(0.02)
        with self.lock:
            self.now -= 1


@pytest.fixture
def few_pixels(monkeypatch) -> None:
    monkeypatch.setattr(_pixels_at_once, "AT_ONCE", 1000)
    monkeypatch.setattr(_pixels_at_once, "SMALL", 100)


@pytest.mark.usefixtures("few_pixels")
@pytest.mark.parametrize(("pixels", "most"), [(501, 1), (500, 2), (250, 4), (5000, 1), (100, 6)])
def test_no_more_pixels_are_held_at_once_than_may_be(pixels: int, most: int) -> None:
    counter, together = Counter(), threading.Barrier(6)

    def hold() -> None:
        together.wait()
        with room_for(pixels):
            counter.stay()

    with ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(hold) for _ in range(6)]:
            done.result(timeout=20)
    assert 1 <= counter.most <= most
    assert _pixels_at_once._TAKEN == 0


@pytest.mark.usefixtures("few_pixels")
def test_large_images_are_decoded_one_after_the_other_and_broken_ones_give_their_room_back(
    tmp_path, monkeypatch
) -> None:
    Image.effect_noise((30, 30), 50).save(tmp_path / "i.png")
    (tmp_path / "broken.png").write_bytes((tmp_path / "i.png").read_bytes()[:600])
    counter, load = Counter(), Image.Image.copy

    def counted(self: Image.Image) -> Image.Image:
        counter.stay()
        return load(self)

    monkeypatch.setattr(Image.Image, "copy", counted)
    with ThreadPoolExecutor(4) as pool:
        assert len({one.tobytes() for one in pool.map(lambda _: decoded(tmp_path / "i.png", 1, (9, 9)), range(8))}) == 1
    assert counter.most == 1
    with pytest.raises(InputError, match="cannot be read as an image"):
        decoded(tmp_path / "broken.png", 1, (9, 9))
    assert _pixels_at_once._TAKEN == 0
