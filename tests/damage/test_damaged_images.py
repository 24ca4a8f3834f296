"""Folders of damaged images: each is read or refused in one line, and none costs much time or memory."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from batchnorm.data import ImageOptions, folder_source
from batchnorm.data._decoded import decoded
from batchnorm.errors import InputError

from .images import FORMATS, damaged

MEMORY = 2**29
"""Bytes that reading all of them may take in addition to what the process has."""
SECONDS = 120
"""For all of them; what hangs does not come to an end."""

CHILD = """
import json, resource, sys
from pathlib import Path
from batchnorm.data._decoded import decoded
from batchnorm.errors import InputError
import numpy, PIL.Image, torch
PIL.Image.init()
pages = int(Path("/proc/self/statm").read_text().split()[0])
limit = pages * resource.getpagesize() + int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for line in sys.stdin:
    path = json.loads(line)
    try:
        said = [list(decoded(path, 3, (32, 32)).shape), ""]
    except InputError as error:
        said = [None, str(error)]
    except BaseException as error:
        said = [type(error).__name__, str(error)]
    print(json.dumps(said), flush=True)
"""


def write_all(folder: Path, seeds: range) -> list[Path]:
    """Damaged files of each kind, in two classes."""
    paths = []
    for name in FORMATS:
        for seed in seeds:
            path = folder / ("a" if seed % 2 else "b") / f"{seed:02} {name}"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(damaged(name, seed))
            paths.append(path)
    return paths


def check(paths: list[Path]) -> None:
    """Let a process that can have little memory read all, and look at what it says."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", CHILD, str(MEMORY)],
        input="".join(json.dumps(str(path)) + "\n" for path in paths),
        capture_output=True, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(paths), done.stderr[-2000:]
    assert not done.stderr
    for path, (shape, said) in zip(paths, answers, strict=True):
        assert shape is None or isinstance(shape, list), f"{path.name}: {shape}: {said}"
        assert (said == "") == (shape is not None)
        assert shape is not None or (path.name in said and "\n" not in said and len(said) < 600), said
    read = sum(shape is not None for shape, _ in answers)
    assert 0 < read < len(paths)


def test_images_of_each_kind_that_are_whole_are_read(tmp_path) -> None:
    for name, made in FORMATS.items():
        (tmp_path / name).write_bytes(made())
        upright = (40, 48) if name not in ("baseline.jpg", "packed.tif") else (48, 40)
        assert decoded(tmp_path / name, 3, (99, 99)).shape == (*upright, 3), name


def test_some_damaged_images_of_twelve_kinds_are_read_or_refused_in_one_line(tmp_path) -> None:
    check(write_all(tmp_path, range(5)))


@pytest.mark.slow
def test_three_hundred_damaged_images_of_twelve_kinds_are_read_or_refused_in_one_line(tmp_path) -> None:
    paths = write_all(tmp_path, range(5, 30))
    assert len(paths) == 300
    check(paths)


@pytest.mark.parametrize("cache_size", [0, 10**9])
def test_a_folder_of_damaged_images_is_one_message(tmp_path, monkeypatch, cache_size: int) -> None:
    monkeypatch.setenv("BATCHNORM_CACHE", str(tmp_path / "cache"))
    write_all(tmp_path, range(5))
    options = ImageOptions(image_size=32, channels=3, cache_size=cache_size, workers=2)
    source = folder_source(tmp_path, options).telling(lambda note: None)
    with pytest.raises(InputError, match=r"\d+ of \d+ test images cannot be read, of which fewer than 1 % w") as error:
        source.load("train")
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 1200


def test_a_few_damaged_images_among_many_do_not_change_the_others(tmp_path) -> None:
    """As many as may be left out: the pixels of the others are those of a folder without them."""
    whole = FORMATS["colours.png"]()
    for name in "ab":
        (tmp_path / "train" / name).mkdir(parents=True)
        (tmp_path / "test" / name).mkdir(parents=True)
        (tmp_path / "test" / name / "1.bmp").write_bytes(FORMATS["plain.bmp"]())
        for number in range(150):
            (tmp_path / "train" / name / f"{number:03}.png").write_bytes(whole)
    for number in (0, 77):
        (tmp_path / "train" / "a" / f"{number:03}.png").write_bytes(whole[:300])
    said: list[str] = []
    options = ImageOptions(image_size=32, channels=3, cache_size=0, workers=2)
    train = folder_source(tmp_path, options).telling(said.append).load("train")
    assert len(train) == 298
    assert said == ["2 of 300 train images cannot be read and are left out: train/a/000.png, train/a/077.png"]
    pixels = train.read(torch.arange(298))
    assert (pixels == pixels[:1]).all()


# `ru_maxrss` would be wrong: it begins at what the process that started this one has taken, here the tests' own.
TOGETHER = """
import re, sys
from concurrent.futures import ThreadPoolExecutor
from batchnorm.data._decoded import decoded
with ThreadPoolExecutor(6) as pool:
    shapes = {*pool.map(lambda path: decoded(path, 3, (32, 32)).shape, sys.argv[1:])}
print(*shapes, int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1]) // 1024)
"""


@pytest.mark.slow
def test_six_threads_with_images_of_the_most_pixels_take_no_more_memory_than_one(tmp_path) -> None:
    paths = [str(tmp_path / f"{number}.{kind}") for number in range(4) for kind in ("webp", "png")]
    for kind in ("webp", "png"):
        Image.new("RGB", (8191, 8191)).save(tmp_path / f"0.{kind}", lossless=True, quality=0, method=0)
        for number in range(1, 4):
            shutil.copy(tmp_path / f"0.{kind}", tmp_path / f"{number}.{kind}")
    done = subprocess.run([sys.executable, "-c", TOGETHER, *paths], capture_output=True, text=True, check=True)
    *shape, megabytes = done.stdout.split()
    assert shape == ["(32,", "32,", "3)"]
    assert int(megabytes) < 1700  # one alone takes 1,400
