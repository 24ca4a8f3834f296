"""Public nets with our layers in the place of torch's, as timm and torchvision take them apart by torch.fx."""

import copy

import pytest
import torch
from torch import nn

import batchnorm
import batchnorm.nn as bn

# torchvision says that a net has other nodes in training than in evaluation.
pytestmark = pytest.mark.filterwarnings("ignore:NOTE:UserWarning")
OURS = {nn.BatchNorm1d: bn.BatchNorm1d, nn.BatchNorm2d: bn.BatchNorm2d, nn.BatchNorm3d: bn.BatchNorm3d}


def with_ours(net):
    """A copy of the net with our layer in each place where it has one of torch's."""
    net = copy.deepcopy(net)
    for name, norm in list(net.named_modules()):
        if type(norm) in OURS:
            layer = OURS[type(norm)](norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
            layer.load_state_dict(norm.state_dict(), strict=True)
            net.set_submodule(name, layer.to(norm.running_mean.dtype))
    return net


def step(net, x):
    """The outputs of a forward and the gradients of a backward, with the same chance each time."""
    torch.manual_seed(1)
    net.zero_grad()
    outputs = net(x)
    outputs = list(outputs.values()) if isinstance(outputs, dict) else outputs
    outputs = outputs if isinstance(outputs, list) else [outputs]
    sum(y.square().mean() for y in outputs).backward()
    grads = {name.removeprefix("graph_module."): p.grad for name, p in net.named_parameters()}
    return [y.detach() for y in outputs], grads


def check_alike(make, net, x):
    """What `make` extracts of the net computes, moves and learns the same with our layers as with torch's."""
    theirs, ours = make(net), make(with_ours(net))
    for training in (True, False):
        expected, found = (step(model.train(training), x) for model in (theirs, ours))
        torch.testing.assert_close(found, expected, rtol=1e-7, atol=1e-9)
    state = dict(theirs.state_dict())
    assert any(name.endswith("running_mean") for name in state)
    torch.testing.assert_close(dict(ours.state_dict()), state, rtol=1e-7, atol=1e-9)


def images(size=64, samples=4):
    return torch.randn(samples, 3, size, size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_torchvisions_extractor_takes_a_layer_in_both_modes(peers, timm):
    extract = peers.load("torchvision.models.feature_extraction").create_feature_extractor
    for tool in (extract, timm.layers.create_feature_extractor):
        net = nn.Sequential(nn.Conv2d(3, 4, 1), bn.BatchNorm2d(4, activation="relu"), nn.Conv2d(4, 2, 1)).double()
        extractor = tool(copy.deepcopy(net), ["1"])
        for training in (True, False, True):
            found = extractor.train(training)(images(8))["1"]
            torch.testing.assert_close(found, net[:2].train(training)(images(8)), rtol=0, atol=0)
        assert extractor.get_submodule("1").num_batches_tracked == 2


QUICK = ["test_resnet"]
TIMM = [
    *("resnet18", "resnet26d", "resnetblur18", "seresnet18", "skresnet18", "ecaresnet26t", "dla46_c", "selecsls42"),
    *("levit_128s", "starnet_s1", "efficientvit_b0", "xception41", "ghostnet_050", "rexnet_100"),
]
NORM_ACT = ["test_efficientnet", "mobilenetv3_small_050", "regnety_002", "ese_vovnet19b_dw"]
"""Nets whose norms are timm's own, with an activation inside. Ours are not among them."""
ALL = [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in (*TIMM, *NORM_ACT))]


def timms(timm, name):
    torch.manual_seed(0)
    net = timm.create_model(name, num_classes=5).double()
    return net, images(net.default_cfg["input_size"][1] if net.default_cfg.get("fixed_input_size") else 64)


@pytest.mark.parametrize("name", ALL)
def test_a_net_of_timm_in_a_graph_is_the_net(timm, name):
    net, x = timms(timm, name)
    ours = with_ours(net)
    _, last = timm.layers.get_graph_node_names(ours)
    graph = timm.models._features_fx.GraphExtractNet(copy.deepcopy(ours), [last[-1]])
    for training in (True, False):
        expected, found = (step(model.train(training), x) for model in (ours, graph))
        torch.testing.assert_close(found, expected, rtol=0, atol=0)


@pytest.mark.parametrize("name", ALL)
def test_a_net_of_timm_gives_the_same_features_with_our_layers(timm, name):
    net, x = timms(timm, name)
    indices = tuple(range(len(list(net.feature_info))))
    check_alike(lambda model: timm.models._features_fx.FeatureGraphNet(model, indices), net, x)


TORCHVISION = {
    "resnet18": ["layer1", "layer4", "fc"],
    "mobilenet_v2": ["features.1", "features.18"],
    "mobilenet_v3_small": ["features.3", "classifier"],
    "shufflenet_v2_x0_5": ["stage2", "conv5", "fc"],
    "mnasnet0_5": ["layers"],
    "regnet_y_400mf": ["stem", "trunk_output.block2", "fc"],
    "efficientnet_b0": ["features.2", "features.8"],
    "densenet121": ["features.transition1", "classifier"],
    "video.mc3_18": ["stem", "layer2"],
}


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow) for name in TORCHVISION])
def test_a_net_of_torchvision_gives_the_same_features_with_our_layers(peers, name):
    extract = peers.load("torchvision.models.feature_extraction").create_feature_extractor
    torch.manual_seed(0)
    folder, _, made = f"torchvision.models.{name}".rpartition(".")
    net = getattr(peers.load(folder), made)().double()
    x = images(32, 16).view(4, 4, 3, 32, 32).transpose(1, 2) if "video" in name else images()
    check_alike(lambda model: extract(model, TORCHVISION[name]), net, x)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["test_resnet", "resnet18", "seresnet18", "xception41"])
def test_a_graph_of_a_net_of_timm_is_scripted(timm, name):
    net, x = timms(timm, name)
    graph = timm.models._features_fx.FeatureGraphNet(with_ours(net), (0, 1, 2)).eval()
    with pytest.warns(DeprecationWarning, match=r"torch\.jit"):
        script = torch.jit.script(graph)
    torch.testing.assert_close(script(x), graph(x))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["test_efficientnet", "mobilenetv3_small_050", "levit_128s"])
def test_a_folded_net_of_timm_is_scripted_and_traced(timm, name):
    net, x = timms(timm, name)
    expected = net.eval()(x)
    batchnorm.fold(net, x)
    with pytest.warns(DeprecationWarning, match=r"torch\.jit"):
        script = torch.jit.script(net)
    torch.testing.assert_close(script(x), expected)
    _, last = timm.layers.get_graph_node_names(net)
    torch.testing.assert_close(timm.models._features_fx.GraphExtractNet(net, [last[-1]]).eval()(x), expected)
