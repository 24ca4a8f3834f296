"""Which rows are there, and which cannot be?"""

import pytest

from batchnorm.bench import MEMORY_FORMATS, SHAPES, LayerCase, Settings, layer_cases
from batchnorm.errors import InputError


def test_the_rows_are_the_norms_of_resnet50_convbnnet_and_resnet20_in_both_layouts() -> None:
    resnet50 = ["64x112", "64x56", "256x56", "128x28", "512x28", "256x14", "1024x14", "512x7", "2048x7"]
    at_32 = {f"{c}x{h}" for n, c, h, _ in SHAPES["bn+act"] if n == 32}
    at_128 = {f"{c}x{h}" for n, c, h, _ in SHAPES["bn+act"] if n == 128}
    assert at_32 == set(resnet50)
    assert at_128 == {"32x28", "64x14", "16x28", "32x14", "64x7"}
    assert {f"{c}x{h}" for n, c, h, _ in SHAPES["bn+add+act"] if n == 32} == {"256x56", "512x28", "1024x14", "2048x7"}
    assert len(layer_cases()) == 2 * sum(map(len, SHAPES.values()))


def test_one_shape_is_one_row_in_one_layout() -> None:
    (case,) = layer_cases(("bn+add+act",), (2, 3, 4, 4), ("channels_last",), "float64", "silu")
    assert case == LayerCase("bn+add+act", (2, 3, 4, 4), "channels_last", "float64", "silu")


def test_the_rows_are_those_of_the_nets() -> None:
    """ConvBNNet's and ResNet-20's shapes, seen by the norms themselves."""
    import torch

    from batchnorm.models import ConvBNNet, resnet20

    seen: dict[str, set[tuple[int, ...]]] = {"ConvBNNet": set(), "resnet20": set()}
    for name, net in (("ConvBNNet", ConvBNNet()), ("resnet20", resnet20())):
        for module in net.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.register_forward_hook(lambda m, inputs, y, name=name: seen[name].add(tuple(inputs[0].shape[1:])))
        net(torch.zeros(2, 1, 28, 28))
    listed = {family: {size[1:] for size in shapes if size[0] == 128} for family, shapes in SHAPES.items()}
    assert seen["ConvBNNet"] == listed["bn+act+pool"]
    assert seen["resnet20"] == listed["bn+add+act"]
    assert seen["resnet20"] | seen["ConvBNNet"] == listed["bn+act"]


MISTAKES = {
    "family": ({"family": "bn+ad+act"}, r"^family: expected one of bn\+act, .* Did you mean 'bn\+add\+act'"),
    "layout": ({"memory_format": "nhwc"}, "^memory_format: expected one of nchw, channels_last, got 'nhwc'"),
    "dtype": ({"dtype": "float23"}, "^dtype: expected one of float32, float64, bfloat16, got 'float23'"),
    "activation": ({"activation": "relo"}, "^activation: expected a known name, got 'relo'"),
    "one axis": ({"shape": (3,)}, "^shape: expected two to five sizes of at least 1"),
    "an empty axis": ({"shape": (3, 0, 2)}, "^shape: expected two to five sizes of at least 1"),
    "one value": ({"shape": (1, 7, 1, 1)}, "^shape: expected more than one value per channel"),
    "pool of a sequence": ({"family": "bn+act+pool", "shape": (2, 3, 4)}, "^shape: expected four sizes"),
    "pool of a line": ({"family": "bn+act+pool", "shape": (2, 3, 4, 1)}, "images of 2x2 and more"),
    "layout of a sequence": ({"shape": (2, 3, 4), "memory_format": "channels_last"}, "^shape: .*for channels_last"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_row_that_cannot_be_is_refused(mistake: str) -> None:
    wrong, message = MISTAKES[mistake]
    with pytest.raises(InputError, match=message):
        LayerCase(**{"family": "bn+act", "shape": (2, 3, 4, 4), **wrong})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"rounds": 0}, "^rounds: expected an integer of at least 1, got 0"),
        ({"threads": -1}, "^threads: expected an integer of at least 1, got -1"),
        ({"route": "nativ"}, "^route: expected a known name, got 'nativ'. Did you mean 'native'"),
    ],
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Settings(**{"route": "native", **wrong})


def test_every_layout_has_a_word_in_the_tables() -> None:
    from batchnorm.records import LAYOUTS

    assert set(LAYOUTS) == set(MEMORY_FORMATS)
