import dataclasses
import re

import pytest
import torch

from batchnorm.data import Source, _fashion_mnist, available, get
from batchnorm.data._fashion_mnist import FASHION_MNIST, FashionMnist
from batchnorm.errors import InputError

FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)


@pytest.fixture
def small(tmp_path, write_idx) -> FashionMnist:
    """The same class over four tiny files: 4 training and 2 test images of 3 x 3 pixels."""
    for prefix, count in (("train", 4), ("t10k", 2)):
        write_idx(f"{prefix}-images-idx3-ubyte.gz", (count, 3, 3), bytes(range(count * 9)))
        write_idx(f"{prefix}-labels-idx1-ubyte.gz", (count,), bytes(range(count)))
    info = dataclasses.replace(FASHION_MNIST.info, train_size=4, test_size=2, image_size=3)
    return dataclasses.replace(FASHION_MNIST, info=info, folders=lambda: (tmp_path,))


@pytest.fixture
def empty_machine(tmp_path, monkeypatch):
    """A machine on which nothing was fetched or installed."""
    monkeypatch.setenv("BATCHNORM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(_fashion_mnist, "DEBIAN_FOLDER", tmp_path / "debian")
    return tmp_path


def test_every_source_is_found_by_its_name():
    for source in available():
        assert get(source.info.name) is source


def test_the_bundled_set_is_always_here():
    assert get("fashion-mnist-mini").locate() is not None


@pytest.mark.parametrize(
    ("typo", "meant"),
    [
        ("fasion-mnist", "fashion-mnist"),
        ("Fashion-MNIST", "fashion-mnist"),
        ("fashion_mnist_mini", "fashion-mnist-mini"),
    ],
)
def test_a_name_with_a_typo_gets_the_nearest_one(typo, meant):
    with pytest.raises(InputError, match=rf"'{typo}'; expected one of .*\. Did you mean '{meant}'"):
        get(typo)


def test_a_name_far_from_all_gets_all():
    with pytest.raises(InputError, match=r"'cars'; expected one of fashion-mnist-mini, fashion-mnist, cifar10$"):
        get("cars")


def test_a_split_is_read_pixel_by_pixel(small):
    split = small.load("train")
    assert torch.equal(split.images, torch.arange(36, dtype=torch.uint8).reshape(4, 1, 3, 3))
    assert split.labels.tolist() == [0, 1, 2, 3]


def test_train_and_test_are_different_files(small):
    assert (len(small.load("train")), len(small.load("test"))) == (4, 2)


def test_another_split_is_refused(small):
    with pytest.raises(ValueError, match="split: expected 'train' or 'test', got 'val'"):
        small.load("val")


@pytest.mark.parametrize("file", FILES)
def test_a_folder_that_lacks_a_file_does_not_count(small, tmp_path, file):
    (tmp_path / file).unlink()
    assert small.locate() is None


def test_a_folder_that_lacks_a_file_is_named_with_the_file(small, tmp_path):
    (tmp_path / FILES[2]).unlink()
    expected = f"not found in {tmp_path} (lacks {FILES[2]})"
    with pytest.raises(InputError, match=re.escape(expected)):
        small.load("train")


def test_a_set_that_is_not_here_names_both_places_and_both_ways(empty_machine):
    expected = (
        f"data set 'fashion-mnist': not found in {empty_machine / 'cache' / 'fashion-mnist'}"
        f" or {empty_machine / 'debian'}. Get it with `batchnorm data fetch fashion-mnist`"
        " or `apt-get install dataset-fashion-mnist`."
    )
    with pytest.raises(InputError, match=f"^{re.escape(expected)}$"):
        FASHION_MNIST.load("train")


def test_loading_never_fetches(empty_machine):
    with pytest.raises(InputError, match="not found"):
        FASHION_MNIST.load("train")
    assert list(empty_machine.iterdir()) == []


@pytest.mark.parametrize(("places", "found"), [(("cache", "debian"), "cache"), (("debian",),) * 2])
def test_what_was_fetched_goes_before_what_the_system_has(empty_machine, places, found):
    folders = {"cache": "cache/fashion-mnist", "debian": "debian"}
    for place in places:
        (empty_machine / folders[place]).mkdir(parents=True)
        for file in FILES:
            (empty_machine / folders[place] / file).touch()
    found = found if isinstance(found, str) else found[0]
    assert FASHION_MNIST.locate() == empty_machine / folders[found]


def test_a_broken_file_is_named_with_what_to_do(small, tmp_path):
    file = tmp_path / FILES[0]
    file.write_bytes(file.read_bytes()[:-9])
    expected = f"data set 'fashion-mnist': {file}: the gzip file is cut off. Get it with"
    with pytest.raises(InputError, match=re.escape(expected)):
        small.load("train")


def test_a_label_without_a_class_is_refused(small, write_idx):
    write_idx(FILES[3], (2,), bytes([9, 10]))
    with pytest.raises(InputError, match=f"{FILES[3]}: expected labels from 0 to 9, got 10"):
        small.load("test")


def test_labels_of_another_number_than_the_images_are_refused(small, write_idx):
    write_idx(FILES[3], (3,), bytes(3))
    with pytest.raises(InputError, match=r"expected an array of shape \(2,\), got \(3,\)"):
        small.load("test")


def test_every_source_describes_itself_for_a_table():
    sources: tuple[Source, ...] = available()
    for source in sources:
        info = source.info
        assert info.summary
        assert info.licence
        assert info.homepage.startswith("https://")
        assert len(set(info.classes)) == len(info.classes) == 10
