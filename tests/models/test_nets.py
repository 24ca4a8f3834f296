"""The nets: what they are made of, which sizes they take, what they give."""

import copy
import itertools
import pickle

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from batchnorm.models import MLP, ConvBNNet, PlainNet, ResNet, resnet18, resnet20

# Every net, small enough to run in a moment.
SMALL = {
    "ConvBNNet": lambda **args: ConvBNNet(**({"width": 4} | args)),
    "MLP": lambda **args: MLP(**({"width": 8} | args)),
    "resnet20": lambda **args: resnet20(**({"width": 4} | args)),
    "resnet18": lambda **args: resnet18(**({"width": 4} | args)),
    "PlainNet": lambda **args: PlainNet(**({"width": 4, "depth": 4} | args)),
}
NORMS = {
    "batchnorm": "batchnorm",
    "torch": "torch",
    "none": None,
    "group norm": lambda num_features: nn.GroupNorm(2, num_features),
}
PLACES = ("before", "after")


def count(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


def conv(in_channels: int, channels: int, kernel: int = 3) -> int:
    return in_channels * channels * kernel**2


def norm(channels: int) -> int:
    return 2 * channels


def test_the_default_conv_bn_net_has_50378_parameters():
    assert count(ConvBNNet()) == 50_378


@pytest.mark.parametrize(("classes", "channels", "size", "width"), [(10, 1, 28, 32), (7, 3, 33, 5), (2, 2, 4, 1)])
def test_conv_bn_net_has_the_parameters_of_its_formula(classes, channels, size, width):
    convs = conv(channels, width) + width + conv(width, 2 * width) + 2 * width
    linear = classes * (2 * width * (size // 4) ** 2 + 1)
    expected = convs + norm(width) + norm(2 * width) + linear
    assert count(ConvBNNet(classes, channels, size, width)) == expected


@pytest.mark.parametrize(("width", "depth"), [(256, 2), (100, 3), (7, 1)])
def test_mlp_has_the_parameters_of_its_formula(width, depth):
    linears = 3 * 8 * 8 * width + (depth - 1) * width**2
    expected = linears + depth * norm(width) + 5 * (width + 1)
    assert count(MLP(5, 3, 8, width, depth)) == expected


@pytest.mark.parametrize("blocks", [1, 3, 5])
def test_a_resnet_with_padded_shortcuts_has_the_parameters_of_its_formula(blocks):
    layers = [(3, 16)]
    layers += [(16, 16)] * (2 * blocks)
    layers += [(16, 32)] + [(32, 32)] * (2 * blocks - 1)
    layers += [(32, 64)] + [(64, 64)] * (2 * blocks - 1)
    expected = sum(conv(a, b) + norm(b) for a, b in layers) + 10 * 65
    assert count(ResNet(10, 3, 32, 16, blocks=blocks)) == expected


def test_resnet20_has_the_depth_of_its_name():
    weighted = [m for m in resnet20().modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert len(weighted) == 20


def test_resnet18_has_the_parameters_of_its_formula():
    layers = [(3, 64, 3)] + [(64, 64, 3)] * 4
    for width in (128, 256, 512):
        layers += [(width // 2, width, 3), (width // 2, width, 1)] + [(width, width, 3)] * 3
    expected = sum(conv(*layer) + norm(layer[1]) for layer in layers) + 10 * 513
    assert count(resnet18(10, 3, 32)) == expected


@pytest.mark.parametrize(("depth", "stages"), [(1, [1]), (2, [1, 1]), (4, [2, 1, 1]), (9, [3] * 3)])
def test_plain_net_has_the_parameters_of_its_formula(depth, stages):
    channels = [1]
    for stage, layers in enumerate(stages):
        channels += [8 * 2**stage] * layers
    expected = sum(conv(a, b) + norm(b) for a, b in itertools.pairwise(channels))
    assert count(PlainNet(10, 1, 28, 8, depth)) == expected + 10 * (channels[-1] + 1)


def test_the_plain_net_of_19_convolutions_is_resnet20_without_its_skips():
    with_skips = [tuple(p.shape) for p in resnet20().parameters()]
    assert [tuple(p.shape) for p in PlainNet(width=16, depth=19).parameters()] == with_skips


@pytest.mark.parametrize(
    ("net", "shape"),
    [
        (PlainNet(image_size=8, width=3, depth=1), (3, 8, 8)),
        (PlainNet(image_size=8, width=3, depth=2), (6, 4, 4)),
        (PlainNet(image_size=8, width=3, depth=7), (12, 2, 2)),
        (resnet20(image_size=8, width=3), (12, 2, 2)),
        (resnet18(image_size=8, width=3), (24, 1, 1)),
    ],
)
def test_every_stage_but_the_first_halves_the_image_and_doubles_the_channels(net, shape):
    pool = [name for name, _ in net.named_children()].index("pool")
    assert net[:pool](torch.randn(2, 1, 8, 8)).shape[1:] == shape


def test_conv_bn_net_has_exactly_the_five_documented_names():
    names = [key.split(".")[0] for key in ConvBNNet().state_dict()]
    assert list(dict.fromkeys(names)) == ["conv1", "bn1", "conv2", "bn2", "fc"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", NORMS)
@pytest.mark.parametrize("name", SMALL)
def test_every_net_trains_a_step_with_every_norm_in_both_places(name, kind, place):
    for size, channels in ((8, 1), (11, 3), (28, 1)):
        net = SMALL[name](
            num_classes=3,
            in_channels=channels,
            image_size=size,
            norm=NORMS[kind],
            norm_place=place,
        )
        logits = net(torch.randn(4, channels, size, size))
        assert logits.shape == (4, 3)
        logits.square().sum().backward()
        lost = [key for key, p in net.named_parameters() if not torch.isfinite(p.grad).all()]
        assert not lost


@pytest.mark.parametrize("name", SMALL)
def test_every_parameter_of_every_net_moves_the_output(name):
    torch.manual_seed(0)
    net = SMALL[name](image_size=8)
    net(torch.randn(16, 1, 8, 8)).square().sum().backward()
    # A bias in front of a norm is taken out again; only ConvBNNet has such ones.
    idle = [key for key, p in net.named_parameters() if p.grad.abs().max() < 1e-3]
    assert idle == (["conv1.bias", "conv2.bias"] if name == "ConvBNNet" else [])


@pytest.mark.parametrize(
    ("name", "smallest"),
    [("ConvBNNet", 4), ("MLP", 1), ("resnet20", 4), ("resnet18", 8), ("PlainNet", 4)],
)
def test_a_net_takes_its_smallest_image_and_names_the_bound_for_a_smaller_one(name, smallest):
    net = SMALL[name](image_size=smallest)
    assert net(torch.randn(3, 1, smallest, smallest)).shape == (3, 10)
    with pytest.raises(ValueError, match=rf"^image_size: expected an integer of at least {smallest}, got"):
        SMALL[name](image_size=smallest - 1)


@pytest.mark.parametrize("value", [0, -3, 1.5, True, "4", None])
@pytest.mark.parametrize("argument", ["num_classes", "in_channels", "image_size", "width"])
@pytest.mark.parametrize("name", SMALL)
def test_a_number_that_no_net_can_have_is_named(name, argument, value):
    with pytest.raises(ValueError, match=rf"^{argument}: expected an integer of at least \d, got {value!r}"):
        SMALL[name](**{argument: value})


@pytest.mark.parametrize("make", [MLP, PlainNet])
def test_a_depth_below_1_is_named(make):
    with pytest.raises(ValueError, match=r"^depth: expected an integer of at least 1, got 0"):
        make(depth=0)


@pytest.mark.parametrize("argument", ["stages", "blocks"])
def test_a_resnet_without_stages_or_blocks_is_named(argument):
    with pytest.raises(ValueError, match=f"^{argument}: expected an integer of at least 1, got 0"):
        ResNet(**{argument: 0})


def test_an_unknown_shortcut_is_named_with_the_near_one():
    with pytest.raises(ValueError, match=r"^shortcut: .* got 'projekt'\. Did you mean 'project'"):
        ResNet(shortcut="projekt")


def test_he_convolutions_start_with_the_variance_of_the_paper():
    torch.manual_seed(0)
    weight = PlainNet(width=128, depth=3).get_submodule("conv2").weight
    assert weight.shape == (256, 128, 3, 3)
    # The relative standard error of a variance from n normal numbers is sqrt(2 / n): 0.3 % here.
    assert weight.var().item() == pytest.approx(2 / (256 * 9), rel=0.015)


def test_he_convolutions_start_with_biases_of_zero():
    net = PlainNet(norm=None)
    assert not net.get_submodule("conv1").bias.any()


def test_the_padded_shortcut_keeps_every_second_pixel_and_adds_channels_of_zeros():
    net = ResNet(image_size=5, width=2, stages=2, blocks=1)
    shortcut = net.get_submodule("stage2.0.shortcut")
    x = torch.arange(50.0).reshape(1, 2, 5, 5)
    expected = torch.cat([x[:, :, [0, 2, 4]][:, :, :, [0, 2, 4]], torch.zeros(1, 2, 3, 3)], dim=1)
    assert torch.equal(shortcut(x), expected)


def hand_written_block(x: Tensor, state: dict[str, Tensor], place: str) -> Tensor:
    def bn(x: Tensor, name: str) -> Tensor:
        weight, bias = state[f"residual.{name}.weight"], state[f"residual.{name}.bias"]
        return F.batch_norm(x, None, None, weight, bias, training=True)

    first = F.conv2d(x, state["residual.conv1.weight"], padding=1)
    first = bn(F.relu(first), "bn1") if place == "after" else F.relu(bn(first, "bn1"))
    second = F.conv2d(first, state["residual.conv2.weight"], padding=1)
    if place == "after":
        return bn(F.relu(second), "bn2") + x
    return F.relu(bn(second, "bn2") + x)


@pytest.mark.parametrize("kind", ["batchnorm", "torch"])
@pytest.mark.parametrize("place", PLACES)
def test_a_residual_block_computes_what_its_formula_says(place, kind):
    torch.manual_seed(0)
    net = ResNet(width=4, stages=1, blocks=1, norm=kind, norm_place=place).double()
    for parameter in net.parameters():
        nn.init.normal_(parameter)
    block = net.get_submodule("stage1.0")
    x = torch.randn(3, 4, 6, 6, dtype=torch.float64)
    expected = hand_written_block(x, dict(block.named_parameters()), place)
    torch.testing.assert_close(block(x), expected, rtol=1e-12, atol=1e-12)


def test_resnet18_projects_where_the_shape_changes_and_only_there():
    net = resnet18(width=2)
    projected = [f"stage{n}.{b}" for n in range(1, 5) for b in range(2)]
    projected = [p for p in projected if not isinstance(net.get_submodule(f"{p}.shortcut"), nn.Identity)]
    assert projected == ["stage2.0", "stage3.0", "stage4.0"]


@pytest.mark.parametrize("kind", NORMS)
@pytest.mark.parametrize("name", SMALL)
def test_a_net_survives_pickle_and_deepcopy(name, kind):
    net = SMALL[name](image_size=8, norm=NORMS[kind]).eval()
    x = torch.randn(2, 1, 8, 8)
    for twin in (pickle.loads(pickle.dumps(net)), copy.deepcopy(net)):  # noqa: S301  # our own
        assert torch.equal(twin(x), net(x))


def test_a_slice_of_a_net_runs_its_first_layers():
    net = ConvBNNet(width=4).eval()
    x = torch.randn(2, 1, 28, 28)
    expected = net.get_submodule("bn1")(net.get_submodule("conv1")(x))
    assert torch.equal(net[:2](x), expected)


@pytest.mark.parametrize("name", SMALL)
def test_a_seed_fixes_the_weights_of_a_net(name):
    nets = []
    for _ in range(2):
        torch.manual_seed(3)
        nets.append(SMALL[name]().state_dict())
    assert all(torch.equal(nets[0][key], nets[1][key]) for key in nets[0])
