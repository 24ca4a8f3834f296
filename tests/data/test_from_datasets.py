"""Data sets of torch and of others as sources: the pixels of Pillow, torch and NumPy, and what is refused."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset, Subset, TensorDataset

from batchnorm.data import from_datasets
from batchnorm.errors import InputError, InputTypeError


class Listed(Dataset):
    """Samples in a list, with the attributes that torchvision's sets have."""

    def __init__(self, samples: list[object], **attributes: object) -> None:
        self.samples = samples
        vars(self).update(attributes)

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> object:
        return self.samples[index]


def pixels(channels: int = 3, size: int = 6) -> Tensor:
    return torch.randint(256, (channels, size, size), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


KINDS = {
    "bytes of torch": lambda x: x,
    "ToTensor's floats": lambda x: x.float() / 255,
    "whole numbers": lambda x: x.long(),
    "NumPy, channels last": lambda x: x.permute(1, 2, 0).numpy(),
    "NumPy, channels first": lambda x: x.numpy(),
    "NumPy's floats": lambda x: x.permute(1, 2, 0).numpy() / 255,
    "Pillow": lambda x: Image.fromarray(x.permute(1, 2, 0).numpy()),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_image_has_the_same_pixels(kind: str) -> None:
    image = KINDS[kind](pixels())
    source = from_datasets(Listed([(image, 1)]), Listed([(image, 0)]), classes=("a", "b"))
    split = source.load("train")
    assert torch.equal(split.images, pixels()[None])
    assert split.labels.tolist() == [1]


@pytest.mark.parametrize("make", [lambda x: Image.fromarray(x[0].numpy()), lambda x: x[0], lambda x: x[0].numpy()])
def test_a_grey_image_has_one_channel(make) -> None:
    source = from_datasets(Listed([(make(pixels(1)), 0)]), Listed([(make(pixels(1)), 0)]))
    assert torch.equal(source.load("test").images, pixels(1)[None])


@pytest.mark.parametrize("label", [2, np.int64(2), torch.tensor(2)])
def test_every_kind_of_label_is_its_number(label: object) -> None:
    assert from_datasets(Listed([(pixels(), label)]), Listed([(pixels(), label)])).load("train").labels.tolist() == [2]


def test_names_and_sizes_are_those_of_the_data_set() -> None:
    train = Listed([(pixels(), 0), (pixels(), 1)], classes=["cat", "dog"], root="somewhere")
    source = from_datasets(Subset(train, [1, 0, 1]), Subset(train, [0]), flippable=True)
    info = source.info
    assert (info.name, info.classes, info.train_size, info.test_size) == ("Listed", ("cat", "dog"), 3, 1)
    assert (info.in_channels, info.image_size, info.flippable, str(source.locate())) == (3, 6, True, "somewhere")
    assert source.load("train").labels.tolist() == [1, 0, 1]


def test_a_set_is_read_once() -> None:
    asked: list[int] = []

    class Watched(Listed):
        def __getitem__(self, index: int) -> object:
            asked.append(index)
            return super().__getitem__(index)

    source = from_datasets(Watched([(pixels(), 0), (pixels(), 1)]), Listed([(pixels(), 0)]), classes=("a", "b"))
    before = asked.count(1)
    assert source.load("train") is source.load("train")
    assert asked.count(1) == before + 1


def test_samples_of_another_shape_are_read_by_the_callers_own_way() -> None:
    sample = {"image": pixels(), "label": 1}
    source = from_datasets(Listed([sample]), Listed([sample]), pair=lambda one: (one["image"], one["label"]))
    assert source.load("test").labels.tolist() == [1]


def varied() -> Listed:
    class Varied(Listed):
        def __getitem__(self, index: int) -> object:
            return torch.randint(256, (3, 6, 6), dtype=torch.uint8), 0

    return Varied([0])


class Mirrored(Listed):
    """Mirrors at random, which a first image that is its own mirror image does not show."""

    def __getitem__(self, index: int) -> object:
        image = torch.full((3, 6, 6), 7, dtype=torch.uint8) if index == 0 else pixels()
        return (image.flip(-1) if torch.rand(1) < 0.5 else image), index % 2


@pytest.mark.parametrize("part", ["train", "test"])
def test_what_mirrors_images_at_random_is_refused_in_either_part(part: str) -> None:
    plain = Listed([(pixels(), 0), (pixels(), 1)])
    with pytest.raises(InputError, match=f"^{part}: expected images that are always the same, got other pixels"):
        from_datasets(**{"train": plain, "test": plain, part: Mirrored([0] * 40)})


ODD = {
    "a normalized image": (
        Listed([(torch.randn(3, 6, 6), 0)]),
        r"train: at 0: expected bytes, or floats .* got float32",
    ),
    "floats between bytes": (
        Listed([(torch.full((3, 6, 6), 0.5), 0)]),
        r"expected bytes, .* float32 from 0\.5 to 0\.5",
    ),
    "bytes as floats": (Listed([(pixels().float(), 0)]), r"got float32 .*; convert these whole numbers to uint8"),
    "several sizes": (Listed([(pixels(), 0), (pixels(3, 8), 0)]), "images of one size, 3x6x6 .*got 3x8x8 at 1"),
    "transparency": (Listed([(Image.new("RGBA", (4, 4)), 0)]), r"got mode RGBA; convert it: image\.convert\('RGB'\)"),
    "a path": (Listed([("a.png", 0)]), "expected an image of Pillow, a tensor or an array, got a str"),
    "five channels": (Listed([(torch.zeros(5, 6, 6), 0)]), r"1 or 3 channels, got shape \(5, 6, 6\)"),
    "a label of floats": (Listed([(pixels(), 0.5)]), r"expected a class number of at least 0, got 0\.5"),
    "a label below 0": (Listed([(pixels(), -1)]), "class number of at least 0, got -1"),
    "one-hot": (Listed([(pixels(), torch.tensor([0, 1]))]), "class number of at least 0, got tensor"),
    "random changes": (varied(), "images that are always the same, got other pixels .* Leave out what varies them"),
    "nothing": (Listed([]), "train: expected at least one sample, got none"),
}


@pytest.mark.parametrize("case", ODD)
def test_what_cannot_be_used_is_refused_with_its_place(case: str) -> None:
    dataset, message = ODD[case]
    with pytest.raises(InputError, match=message):
        from_datasets(dataset, Listed([(pixels(), 0)])).load("train")


NO_SETS = {
    "a loader": (
        SimpleNamespace(dataset=[1]),
        r"train: expected a data set with len\(dataset\).*DataLoader was made of",
    ),
    "a class": (TensorDataset, "got the class TensorDataset itself"),
    "samples of three": (
        Listed([(pixels(), 0, "path")]),
        r"samples of \(image, label\), got a tuple of 3 at 0\. .*pair=",
    ),
    "samples in a dict": (Listed([{"image": 1}]), r"got a dict of 1 at 0"),
}


@pytest.mark.parametrize("case", NO_SETS)
def test_what_is_no_data_set_is_refused(case: str) -> None:
    dataset, message = NO_SETS[case]
    with pytest.raises(InputTypeError, match=message):
        from_datasets(dataset, Listed([(pixels(), 0)]))
