"""Nets for images that are wider than high: built for them, and refused where a side is too small."""

import pytest
import torch

from batchnorm.errors import InputError
from batchnorm.models import available, build

pytestmark = pytest.mark.usefixtures("one_thread")
WIDE = {"num_classes": 5, "in_channels": 3, "image_size": (16, 24)}
NAMES = [entry.name for entry in available()]


@pytest.mark.parametrize("name", NAMES)
def test_a_net_takes_images_that_are_wider_than_high(name: str) -> None:
    assert build(name, **WIDE, width=4).eval()(torch.zeros(2, 3, 16, 24)).shape == (2, 5)


@pytest.mark.parametrize("name", ["ConvBNNet", "MLP"])
def test_a_net_for_one_size_has_as_many_features_as_an_image_leaves(name: str) -> None:
    net = build(name, **WIDE, width=4)
    assert net[-1 if name == "ConvBNNet" else 1].in_features == {"ConvBNNet": 8 * 4 * 6, "MLP": 3 * 16 * 24}[name]


@pytest.mark.parametrize("name", NAMES)
def test_a_pair_of_equal_sides_builds_the_net_of_the_number(name: str) -> None:
    shapes = [
        {key: tensor.shape for key, tensor in build(name, **{**WIDE, "image_size": size}, width=4).state_dict().items()}
        for size in (16, (16, 16))
    ]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("name", [name for name in NAMES if name != "MLP"])
@pytest.mark.parametrize("size", [(3, 24), (24, 3)])
def test_each_side_must_be_large_enough(name: str, size: tuple[int, int]) -> None:
    with pytest.raises(InputError, match=r"image_size: expected an integer of at least \d, or \(height, width\), each"):
        build(name, **{**WIDE, "image_size": size})


@pytest.mark.parametrize("size", [(16,), (16, 16, 16), (16.0, 16), (True, 16), "16x16", None])
def test_what_is_no_size_is_refused(size: object) -> None:
    with pytest.raises(InputError, match="image_size: expected an integer of at least 1"):
        build("MLP", **{**WIDE, "image_size": size})


def test_a_function_of_ones_own_is_given_the_pair(monkeypatch, tmp_path) -> None:
    (tmp_path / "wide_net.py").write_text(
        "from torch import nn\n\n\ndef net(image_size):\n    assert image_size == (16, 24)\n    return nn.Flatten()\n"
    )
    monkeypatch.chdir(tmp_path)
    assert build("wide_net:net", **WIDE)(torch.zeros(2, 3, 16, 24)).shape == (2, 3 * 16 * 24)
