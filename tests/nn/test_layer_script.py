"""torch.jit.script compiles the layers, and what a fold leaves of them; saved and loaded they compute the same."""

import copy
import io

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import batchnorm
import batchnorm.nn as bn
from batchnorm.functional import ACTIVATIONS, activate, activate_in_script, channel_affine, channel_affine_in_script

from .references import TorchsAdd

pytestmark = pytest.mark.filterwarnings(r"ignore:`torch\.jit\.\w+` is deprecated:DeprecationWarning")
X = torch.randn(4, 3, 6, 6, generator=torch.Generator().manual_seed(0))


def double(x: torch.Tensor):
    return x * 2


class Residual(nn.Module):
    """A block that ends in a sum, by a norm of ours or of torch's."""

    def __init__(self, norm):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 3, 1), norm

    def forward(self, x):
        return self.norm(self.conv(x), x)


class Named(bn.BatchNorm2d):
    """A layer of somebody's own, whose forward is ours."""


NETS = {
    "plain": lambda: nn.Sequential(nn.Conv2d(3, 3, 1), bn.BatchNorm2d(3)),
    "named": lambda: nn.Sequential(nn.Conv2d(3, 3, 1), bn.BatchNorm2d(3, momentum=None, activation="silu")),
    "module": lambda: nn.Sequential(nn.Conv2d(3, 3, 1), bn.BatchNorm2d(3, activation=nn.PReLU())),
    "function": lambda: nn.Sequential(nn.Conv2d(3, 3, 1), bn.BatchNorm2d(3, activation=double)),
    "builtin": lambda: nn.Sequential(nn.Conv2d(3, 3, 1), bn.BatchNorm2d(3, activation=torch.square)),
    "no conv": lambda: nn.Sequential(bn.BatchNorm2d(3, activation="relu"), nn.Conv2d(3, 2, 1)),
    "no conv, not affine": lambda: nn.Sequential(nn.ReLU(), bn.BatchNorm2d(3, affine=False), nn.ReLU()),
    "torch's": lambda: nn.Sequential(nn.ReLU(), nn.BatchNorm2d(3), nn.ReLU()),
    "add": lambda: Residual(bn.BatchNormAdd2d(3)),
    "add, module": lambda: Residual(bn.BatchNormAdd2d(3, activation=nn.PReLU())),
    "pool": lambda: nn.Sequential(nn.Conv2d(3, 3, 1), bn.BatchNormPool2d(3)),
    "pool, module": lambda: nn.Sequential(nn.Conv2d(3, 3, 1), bn.BatchNormPool2d(3, activation=nn.ReLU(inplace=True))),
    "pool first": lambda: nn.Sequential(bn.BatchNormPool2d(3, activation="mish", kernel_size=3)),
    "subclass": lambda: nn.Sequential(nn.Conv2d(3, 3, 1), Named(3, activation="relu6")),
    "linear": lambda: nn.Sequential(nn.Flatten(), nn.Linear(108, 3), bn.BatchNorm1d(3, activation="gelu_tanh")),
    "3d": lambda: nn.Sequential(nn.Unflatten(1, (1, 3)), bn.BatchNorm3d(1, activation="tanh")),
}


def trained(net):
    torch.manual_seed(0)
    for _ in range(3):
        net(X * 2 + 1)
    return net


def loaded(script):
    file = io.BytesIO()
    torch.jit.save(script, file)
    file.seek(0)
    return torch.jit.load(file)


@pytest.mark.parametrize("net", NETS)
def test_a_scripted_net_computes_and_moves_what_the_net_does(net):
    model = trained(NETS[net]())
    script = torch.jit.script(copy.deepcopy(model))
    for found in (loaded(script), script):
        reference = copy.deepcopy(model)
        for training in (True, False, True):
            found.train(training)
            torch.testing.assert_close(found(X), reference.train(training)(X))
        torch.testing.assert_close(dict(found.state_dict()), dict(reference.state_dict()))


def test_a_scripted_layer_refuses_a_mask_as_the_layer_does():
    layer, mask = bn.BatchNorm2d(3), torch.ones(4, 6, 6, dtype=torch.bool)
    with pytest.raises(TypeError, match="mask: expected None"):
        layer(X, mask)
    with pytest.raises(torch.jit.Error, match="mask: expected None"):
        torch.jit.script(layer)(X, mask)


@pytest.mark.parametrize("net", NETS)
def test_a_folded_net_is_scripted_saved_and_loaded(net):
    model = trained(NETS[net]()).eval()
    expected = model(X)
    batchnorm.fold(model, X)
    assert not any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in model.modules())
    for found in (script := torch.jit.script(model), loaded(script), torch.jit.freeze(script)):
        torch.testing.assert_close(found(X), expected)
        torch.testing.assert_close(found(X[:1]), expected[:1])


@pytest.mark.parametrize("net", ["named", "no conv", "add", "pool, module", "pool first"])
def test_a_folded_net_is_traced_exported_and_compiled(net):
    model = trained(NETS[net]()).eval()
    expected = model(X)
    batchnorm.fold(model, X)
    torch.compiler.reset()
    for tool in (
        lambda: torch.jit.trace(model, X),
        lambda: torch.export.export(model, (X,)).module(),
        lambda: torch.compile(model, backend="eager", fullgraph=True),
        lambda: torch.fx.symbolic_trace(model),
    ):
        torch.testing.assert_close(tool()(X), expected)


def test_scripting_leaves_the_net_as_it_is():
    model = trained(NETS["named"]()).eval()
    batchnorm.fold(model, X)
    before = list(model.modules())
    torch.jit.script(model)
    assert [id(module) for module in model.modules()] == [id(module) for module in before]
    batchnorm.unfold(model)
    assert type(model[1]) is bn.BatchNorm2d


def test_a_scripted_residual_is_torchs():
    ours, torchs = Residual(bn.BatchNormAdd2d(3)), Residual(TorchsAdd(3))
    torchs.load_state_dict(ours.state_dict())
    torch.testing.assert_close(torch.jit.script(ours)(X), torchs(X))


@pytest.mark.parametrize("route", ["composed", "fused"])
def test_a_route_that_torchs_operator_is_not_is_refused(route):
    net = nn.Sequential(bn.BatchNorm2d(3, route=route))
    with pytest.raises(RuntimeError, match=rf"expected route='auto' or 'native', got '{route}'.*set_route"):
        torch.jit.script(net)
    bn.set_route(net, "auto")
    torch.testing.assert_close(torch.jit.script(net)(X), net(X), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("x", [X[0], X[None]], ids=["3", "5"])
@pytest.mark.parametrize("make", [bn.BatchNorm2d, bn.BatchNormPool2d])
def test_another_number_of_axes_is_refused_in_a_script(make, x):
    with pytest.raises(torch.jit.Error, match=r"expected an input of \(4,\) axes"):
        torch.jit.script(make(3))(x)


def test_a_residual_that_would_be_broadcast_is_refused_in_a_script():
    with pytest.raises(torch.jit.Error, match="residual must have the shape of x"):
        torch.jit.script(bn.BatchNormAdd2d(3))(X, X[:1])


REFUSED = {
    "axes": (X[0], r"ScaleShift: expected an input of \(4,\) axes"),
    "channels": (X[:, :1], "expected an input with 3 channels on axis 1"),
    "dtype": (X.double(), "must have the dtype of the input"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_scale_shift_refuses_its_script_refuses(case):
    x, message = REFUSED[case]
    layer = bn.ScaleShift(torch.ones(3), torch.ones(3), axes=(4,))
    with pytest.raises((ValueError, RuntimeError), match=r"expected|must have the dtype"):
        layer(x)
    with pytest.raises(torch.jit.Error, match=message):
        torch.jit.script(layer)(x)


def test_a_tail_that_is_to_add_refuses_a_call_without_a_residual_in_a_script():
    with pytest.raises(torch.jit.Error, match="Tail: residual=True: call it as the layer"):
        torch.jit.script(bn.Tail(None, "relu", residual=True))(X)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_name_is_the_same_activation_in_a_script(name):
    expected = activate(X, name)
    torch.testing.assert_close(activate_in_script(X, name), expected, rtol=0, atol=0)
    torch.testing.assert_close(torch.jit.script(activate_in_script)(X, name), expected)


def test_an_unknown_name_is_refused_in_a_script():
    with pytest.raises(ValueError, match="activation: expected a name of ACTIVATIONS, got rleu"):
        activate_in_script(X, "rleu")


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("constants", ["both", "scale", "shift"])
@pytest.mark.parametrize("wide", [True, False])
def test_the_multiply_add_of_a_script_is_that_of_channel_affine(dtype, constants, wide):
    held = torch.float32 if wide and dtype is torch.bfloat16 else dtype
    values = torch.tensor([0.3, -1.7, 2.1]).to(held)
    scale, shift = (None if constants == name else values for name in ("shift", "scale"))
    for x in (X.to(dtype), X.to(dtype).to(memory_format=torch.channels_last)):
        found = channel_affine_in_script(x, scale, shift)
        assert found.dtype is dtype
        torch.testing.assert_close(found, channel_affine(x, scale, shift))


def test_a_functional_activation_of_torch_is_compiled():
    layer = bn.ScaleShift(torch.ones(3), None, activation=F.relu)
    torch.testing.assert_close(torch.jit.script(layer)(X), X.relu())
