"""Norm, activation and their order: the same answer in every net."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import batchnorm.nn
from batchnorm.models import MLP, ConvBNNet, PlainNet, resnet18, resnet20

NETS = {
    "ConvBNNet": ConvBNNet,
    "MLP": MLP,
    "resnet20": resnet20,
    "resnet18": resnet18,
    "PlainNet": PlainNet,
}
PLACES = ("before", "after")


def make(name: str, **args: object) -> nn.Module:
    torch.manual_seed(0)
    return NETS[name](image_size=8, width=4, **args)


def hand_written_conv_bn_net(x: Tensor, state: dict[str, Tensor], place: str) -> Tensor:
    for stage in ("1", "2"):
        x = F.conv2d(x, state[f"conv{stage}.weight"], state[f"conv{stage}.bias"], padding=1)
        x = F.silu(x) if place == "after" else x
        weight, bias = state[f"bn{stage}.weight"], state[f"bn{stage}.bias"]
        x = F.batch_norm(x, None, None, weight, bias, training=True)
        x = F.silu(x) if place == "before" else x
        x = F.max_pool2d(x, 2)
    return F.linear(x.flatten(1), state["fc.weight"], state["fc.bias"])


@pytest.mark.parametrize("kind", ["batchnorm", "torch"])
@pytest.mark.parametrize("place", PLACES)
def test_norm_and_activation_run_in_the_order_that_was_asked_for(place, kind):
    net = make("ConvBNNet", norm=kind, norm_place=place, activation="silu").double()
    for parameter in net.parameters():
        nn.init.normal_(parameter)
    x = torch.randn(5, 1, 8, 8, dtype=torch.float64)
    expected = hand_written_conv_bn_net(x, dict(net.named_parameters()), place)
    torch.testing.assert_close(net(x), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", NETS)
def test_neither_the_kind_of_batch_norm_nor_its_place_changes_the_state(name):
    states = [
        make(name, norm=kind, norm_place=place).state_dict() for kind in ("batchnorm", "torch") for place in PLACES
    ]
    shapes = [{key: value.shape for key, value in state.items()} for state in states]
    assert all(shape == shapes[0] for shape in shapes)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", NETS)
def test_our_norm_gives_the_output_of_torchs_with_the_same_weights(name, place, training):
    ours = make(name, norm="batchnorm", norm_place=place).double()
    torchs = make(name, norm="torch", norm_place=place).double()
    for value in ours.state_dict().values():
        if value.is_floating_point():
            nn.init.uniform_(value, 0.1, 0.9)
    torchs.load_state_dict(ours.state_dict(), strict=True)
    x = torch.randn(6, 1, 8, 8, dtype=torch.float64)
    ours.train(training)
    torchs.train(training)
    torch.testing.assert_close(ours(x), torchs(x), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("activation", ["relu", nn.ReLU()], ids=str)
@pytest.mark.parametrize("name", NETS)
def test_before_the_activation_our_norm_brings_what_follows_it(name, activation):
    net = make(name, activation=activation)
    alone = [
        key
        for key, module in net.named_modules()
        if type(module).__name__ in ("MaxPool2d", "Sum", "ActivationLayer", "ReLU")
        if not key.endswith(".activation")  # a norm's own submodule
    ]
    assert alone == []


def test_our_norm_is_of_the_kind_that_its_place_asks_for():
    net, block = make("ConvBNNet"), make("resnet18").get_submodule("stage2.0")
    assert [type(norm) for norm in (net.bn1, net.bn2)] == [batchnorm.nn.BatchNormPool2d] * 2
    assert type(block.residual.bn1) is batchnorm.nn.BatchNorm2d
    assert type(block.residual.bn2) is batchnorm.nn.BatchNormAdd2d
    assert type(block.shortcut.bn) is batchnorm.nn.BatchNorm2d
    assert (block.residual.bn1.activation, block.residual.bn2.activation) == ("relu", "relu")
    assert block.shortcut.bn.activation is None


ELSEWHERE = {
    "after": {"norm_place": "after"},
    "torch": {"norm": "torch"},
    "none": {"norm": None},
    "own": {"norm": nn.InstanceNorm2d},
}


@pytest.mark.parametrize("elsewhere", ELSEWHERE)
def test_elsewhere_pools_and_sums_are_layers_of_their_own(elsewhere):
    net = make("ConvBNNet", **ELSEWHERE[elsewhere])
    assert [type(net.get_submodule(name)) for name in ("pool1", "pool2")] == [nn.MaxPool2d] * 2
    block = make("resnet20", **ELSEWHERE[elsewhere]).get_submodule("stage1.0")
    assert list(dict(block.residual.named_children()))[-1] == "add2"
    kinds = {type(m) for m in [*net.modules(), *block.modules()]}
    assert not kinds & {batchnorm.nn.BatchNormPool2d, batchnorm.nn.BatchNormAdd2d}


def test_an_activation_with_parameters_stands_between_our_norm_and_the_pool_and_behind_the_sum():
    net = make("ConvBNNet", activation=nn.PReLU())
    assert [key for key, _ in net.named_children()][:4] == ["conv1", "bn1", "act1", "pool1"]
    block = make("resnet20", activation=nn.PReLU()).get_submodule("stage1.0")
    assert type(block.residual.bn2) is batchnorm.nn.BatchNormAdd2d
    assert (block.residual.bn2.activation, type(block.act)) == (None, nn.PReLU)


@pytest.mark.parametrize("kind", ["batchnorm", "torch"])
def test_after_the_activation_the_norm_is_alone(kind):
    net = make("ConvBNNet", norm=kind, norm_place="after")
    names = [key for key, _ in net.named_children()]
    assert names[:4] == ["conv1", "act1", "bn1", "pool1"]


def test_the_kinds_of_norm_are_the_classes_that_they_name():
    kinds = {
        "batchnorm": batchnorm.nn.BatchNorm2d,
        "torch": nn.BatchNorm2d,
        nn.InstanceNorm2d: nn.InstanceNorm2d,
    }
    assert all(type(make("PlainNet", norm=kind).bn1) is cls for kind, cls in kinds.items())


def test_the_mlp_has_the_norm_for_features():
    assert type(make("MLP").bn1) is batchnorm.nn.BatchNorm1d
    assert type(make("MLP", norm="torch").bn1) is nn.BatchNorm1d


@pytest.mark.parametrize("none", [None, "none"])
@pytest.mark.parametrize("name", NETS)
def test_without_a_norm_there_is_none_and_every_layer_has_its_bias(name, none):
    net = make(name, norm=none)
    assert not [m for m in net.modules() if "Norm" in type(m).__name__]
    weighted = [m for m in net.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert all(m.bias is not None for m in weighted)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("none", [None, "none"])
@pytest.mark.parametrize("kind", ["batchnorm", "torch"])
def test_a_net_without_an_activation_is_affine_in_evaluation(kind, none, place):
    net = make("PlainNet", norm=kind, activation=none, norm_place=place).double().eval()
    x, y = torch.randn(2, 4, 1, 8, 8, dtype=torch.float64)
    middle = (net(x) + net(y)) / 2
    torch.testing.assert_close(net((x + y) / 2), middle, rtol=1e-12, atol=1e-12)


def test_an_activation_module_is_copied_for_every_place():
    activation = nn.PReLU()
    net = make("ConvBNNet", activation=activation, norm="torch")
    assert len({id(m) for m in net.modules() if isinstance(m, nn.PReLU)} | {id(activation)}) == 3


@pytest.mark.parametrize("name", ["ConvBNNet", "resnet20", "PlainNet"])
def test_an_activation_module_is_copied_for_every_norm_that_brings_it(name):
    activation = nn.ReLU()
    net = make(name, activation=activation)
    copies = [m for _, m in net.named_modules(remove_duplicate=False) if isinstance(m, nn.ReLU)]
    assert len(copies) > 1
    assert len({id(m) for m in [*copies, activation]}) == len(copies) + 1


def test_an_activation_with_parameters_keeps_its_name_under_every_norm_and_place():
    states = [
        set(make("ConvBNNet", activation=nn.PReLU(), norm=kind, norm_place=place).state_dict())
        for kind in ("batchnorm", "torch")
        for place in PLACES
    ]
    assert "act1.weight" in states[0]
    assert all(state == states[0] for state in states)


def test_an_activation_may_be_a_function():
    net = make("MLP", activation=torch.sin, norm="torch", depth=1).eval()
    x = torch.randn(2, 1, 8, 8)
    hidden = torch.sin(net.bn1(net.linear1(x.flatten(1))))
    assert torch.equal(net(x), net.fc(hidden))


@pytest.mark.parametrize("name", NETS)
def test_an_unknown_norm_is_named_with_the_near_one(name):
    with pytest.raises(ValueError, match=r"^norm: .* got 'batchnrom'. Did you mean 'batchnorm'\?"):
        make(name, norm="batchnrom")


@pytest.mark.parametrize("norm", [3, ""])
def test_a_norm_that_is_neither_name_nor_function_is_named(norm):
    with pytest.raises(ValueError, match=r"^norm: .* Or pass a function num_features -> nn\.Module"):
        make("MLP", norm=norm)


@pytest.mark.parametrize("norm", ["batchnorm", "torch", None])
@pytest.mark.parametrize("name", NETS)
def test_an_unknown_activation_is_named_with_the_near_one(name, norm):
    with pytest.raises(ValueError, match=r"^activation: .* got 'rleu'. Did you mean .*relu"):
        make(name, activation="rleu", norm=norm)


@pytest.mark.parametrize("name", NETS)
def test_an_unknown_place_is_named_with_the_near_one(name):
    with pytest.raises(ValueError, match=r"^norm_place: .* got 'befor'. Did you mean 'before'\?"):
        make(name, norm_place="befor")


def test_a_function_that_returns_no_layer_is_refused_at_construction():
    with pytest.raises(TypeError, match=r"norm: expected a function that returns a torch\.nn\.Module, got NoneType"):
        ConvBNNet(norm=lambda num_features: None)


def test_a_layer_in_place_of_a_function_that_makes_layers_is_refused():
    with pytest.raises(TypeError, match=r"norm: expected a name or a function .* got a layer \(BatchNorm2d\)"):
        ConvBNNet(norm=nn.BatchNorm2d(32))
