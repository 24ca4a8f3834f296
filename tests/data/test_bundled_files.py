import hashlib
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
import torch

from batchnorm.data import get

MINI, FULL = get("fashion-mnist-mini"), get("fashion-mnist")
TOOL = Path(__file__).parents[2] / "tools" / "make_fashion_mnist_mini.py"
SHA256 = {
    "train-images-idx3": "1ecc7f90b9d150b40c359acf80cfec4990bfbcc1db9fe346f886d9e7fcae0000",
    "train-labels-idx1": "036b3a9440a684e6f8117e910b5dad249f9165250c2ae2341f2bfd8482381497",
    "t10k-images-idx3": "e60ede7714c657ced2d723c33140572b5476b46df34b385a6e176b0757dc4318",
    "t10k-labels-idx1": "e6d25f5f3e85bb315a10172898c1c8f69ce52c4f9306c5821205c821bfca8847",
}
FILES = [f"{name}-ubyte.gz" for name in SHA256]

needs_the_full_set = pytest.mark.skipif(
    FULL.locate() is None,
    reason="compares with the original: apt-get install dataset-fashion-mnist",
)


@pytest.mark.parametrize(("name", "sha256"), SHA256.items(), ids=SHA256)
def test_a_bundled_file_is_the_one_that_was_made(name, sha256):
    content = (MINI.locate() / f"{name}-ubyte.gz").read_bytes()
    assert hashlib.sha256(content).hexdigest() == sha256


@pytest.mark.parametrize("file", FILES)
def test_a_bundled_file_is_small(file):
    assert (MINI.locate() / file).stat().st_size < 6_000_000


def test_the_licence_lies_beside_the_images():
    text = (MINI.locate() / "LICENSE").read_text()
    assert "MIT License" in text
    assert "Copyright (c) 2017 Zalando SE, https://tech.zalando.com" in text


@pytest.mark.parametrize(("split", "per_class"), [("train", 1_000), ("test", 200)])
def test_the_classes_are_balanced(split, per_class):
    assert MINI.load(split).labels.bincount().tolist() == [per_class] * 10


@pytest.mark.parametrize(("split", "count"), [("train", 10_000), ("test", 2_000)])
def test_the_images_have_the_documented_shape(split, count):
    assert MINI.load(split).images.shape == (count, 1, 28, 28)


@needs_the_full_set
@pytest.mark.parametrize(("split", "per_class"), [("train", 1_000), ("test", 200)])
def test_the_images_are_the_first_of_each_class_of_the_original(split, per_class):
    full, mini = FULL.load(split), MINI.load(split)
    seen, places = [0] * 10, []
    for place, label in enumerate(full.labels.tolist()):
        seen[label] += 1
        if seen[label] <= per_class:
            places.append(place)
    assert torch.equal(mini.images, full.images[places])
    assert torch.equal(mini.labels, full.labels[places])


@pytest.mark.slow
@needs_the_full_set
@pytest.mark.skipif("zlib-ng" in zlib.ZLIB_RUNTIME_VERSION, reason="zlib-ng packs the same content differently")
def test_the_tool_makes_the_same_bytes_again(tmp_path):
    subprocess.run([sys.executable, str(TOOL), str(tmp_path)], check=True, capture_output=True)
    for file in FILES:
        assert (tmp_path / file).read_bytes() == (MINI.locate() / file).read_bytes()
