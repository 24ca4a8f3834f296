"""Tools of torch that take a batch norm apart: right, or an error, but never without the activation."""

import warnings

import pytest
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

import batchnorm.nn as bn

from .references import Fed

with warnings.catch_warnings():
    # torch scripts parts of itself when these are imported, and warns of it.
    warnings.simplefilter("ignore", DeprecationWarning)
    import torch.ao.nn.quantized as quantized
    from torch.ao.quantization import MinMaxObserver, fuse_modules, fuse_modules_qat
    from torch.fx.experimental.optimization import fuse
    from torch.utils.mkldnn import to_mkldnn

IMAGES = torch.randn(4, 2, 6, 6, generator=torch.Generator().manual_seed(0))
ROWS = torch.randn(8, 2, generator=torch.Generator().manual_seed(0))
ACTIVATIONS = ["relu", nn.PReLU(init=0.3), pytest.param(torch.square, id="square")]


def trained(*layers):
    """The layers in a row, with statistics that are not the initial ones, in evaluation mode."""
    model = nn.Sequential(*layers)
    x = IMAGES if isinstance(layers[0], nn.Conv2d) else ROWS
    for _ in range(3):
        model(x * 3 + 1)
    with torch.no_grad():
        for parameter in layers[1].parameters():
            parameter.add_(0.25)
    return model.eval()


def conv_bn(**options):
    return trained(nn.Conv2d(2, 3, 3), bn.BatchNorm2d(3, eps=0.01, **options))


def linear_bn(**options):
    return trained(nn.Linear(2, 3), bn.BatchNorm1d(3, eps=0.01, **options))


def test_a_layer_without_activation_folds_into_a_conv_as_torchs_does():
    model = conv_bn()
    torch.testing.assert_close(fuse_conv_bn_eval(*model)(IMAGES), model(IMAGES))


def test_a_layer_without_activation_folds_into_a_linear_as_torchs_does():
    model = linear_bn()
    torch.testing.assert_close(fuse_linear_bn_eval(*model)(ROWS), model(ROWS))


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
def test_folding_a_layer_with_activation_into_a_conv_is_an_error(activation):
    with pytest.raises(RuntimeError, match=r"BatchNorm2d: torch.*fuse_conv_bn_eval reads eps, and .* would drop the"):
        fuse_conv_bn_eval(*conv_bn(activation=activation))


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
def test_folding_a_layer_with_activation_into_a_linear_is_an_error(activation):
    with pytest.raises(RuntimeError, match=r"BatchNorm1d: torch.*fuse_linear_bn_eval reads eps, and .* would drop"):
        fuse_linear_bn_eval(*linear_bn(activation=activation))


def test_the_advice_of_the_error_works():
    model = conv_bn(activation="relu")
    expected = model(IMAGES)
    model[1].activation = None
    folded = nn.Sequential(fuse_conv_bn_eval(*model), nn.ReLU())
    torch.testing.assert_close(folded(IMAGES), expected)


def test_conversion_to_sync_batch_norm_keeps_state_and_eps():
    layer = conv_bn()[1]
    converted = nn.SyncBatchNorm.convert_sync_batchnorm(layer)
    assert type(converted) is nn.SyncBatchNorm
    assert converted.eps == 0.01
    torch.testing.assert_close(converted.state_dict(), layer.state_dict())


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
def test_conversion_to_sync_batch_norm_of_a_layer_with_activation_is_an_error(activation):
    with pytest.raises(RuntimeError, match=r"convert_sync_batchnorm reads eps, and .* would drop the activation"):
        nn.SyncBatchNorm.convert_sync_batchnorm(conv_bn(activation=activation))


@pytest.mark.filterwarnings("ignore:`torch.jit.*` is deprecated:DeprecationWarning")
def test_mkldnn_takes_a_layer_without_activation_as_torchs():
    ours, torchs = conv_bn(), trained(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3, eps=0.01))
    torchs.load_state_dict(ours.state_dict())
    found, expected = (to_mkldnn(model)(IMAGES.to_mkldnn()).to_dense() for model in (ours, torchs))
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


@pytest.mark.filterwarnings("ignore:`torch.jit.*` is deprecated:DeprecationWarning")
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
def test_conversion_to_mkldnn_of_a_layer_with_activation_is_an_error(activation):
    model = conv_bn(activation=activation)
    with pytest.raises(RuntimeError, match=r"torch\.utils\.mkldnn\.MkldnnBatchNorm.* would drop the activation"):
        to_mkldnn(model)


QUANTIZED = [
    (quantized.BatchNorm2d, bn.BatchNorm2d, nn.BatchNorm2d, (4, 3, 5, 5)),
    (quantized.BatchNorm3d, bn.BatchNorm3d, nn.BatchNorm3d, (4, 3, 2, 5, 5)),
]


def observed(layer, shape):
    """The layer in evaluation mode with an observer that has seen its output."""
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0)) * 3 + 1
    layer(x)
    layer.eval().activation_post_process = MinMaxObserver()
    layer.activation_post_process(layer(x))
    return layer, torch.quantize_per_tensor(x, 0.1, 64, torch.quint8)


@pytest.mark.parametrize(("tool", "make", "torchs", "shape"), QUANTIZED)
@pytest.mark.filterwarnings("ignore:(torch.quantize_per_tensor|.*reduce_range)")
def test_quantization_takes_a_layer_without_activation_as_torchs(tool, make, torchs, shape):
    found, expected = (
        tool.from_float(layer)(x).dequantize() for layer, x in (observed(kind(3), shape) for kind in (make, torchs))
    )
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
@pytest.mark.parametrize(("tool", "make", "torchs", "shape"), QUANTIZED)
@pytest.mark.filterwarnings("ignore:(torch.quantize_per_tensor|.*reduce_range)")
def test_quantization_of_a_layer_with_activation_is_an_error(tool, make, torchs, shape, activation):
    layer, _ = observed(make(3, activation=activation), shape)
    with pytest.raises(RuntimeError, match=r"from_float reads eps, and .* would drop the activation"):
        tool.from_float(layer)
    with pytest.raises(RuntimeError, match=r"from_reference reads eps, and .* would drop the activation"):
        tool.from_reference(layer, 0.1, 0)


OWN_STEPS = {"BatchNormAdd2d": "the residual", "BatchNormPool2d": "the max-pool"}


@pytest.mark.parametrize(("activation", "also"), [(None, ""), ("relu", r" and the activation \('relu'\)")])
@pytest.mark.parametrize("name", OWN_STEPS)
@pytest.mark.filterwarnings("ignore:`torch.jit.*` is deprecated:DeprecationWarning")
def test_a_residual_or_a_pool_is_never_dropped(name, activation, also):
    conv, layer = nn.Conv2d(2, 3, 3).eval(), getattr(bn, name)(3, activation=activation).eval()
    message = rf"^{name}: .* would drop {OWN_STEPS[name]}{also} of this layer\. Put a BatchNorm2d without activation"
    for tool in (lambda: fuse_conv_bn_eval(conv, layer), lambda: nn.SyncBatchNorm.convert_sync_batchnorm(layer)):
        with pytest.raises(RuntimeError, match=message):
            tool()
    with pytest.raises(RuntimeError, match=message):
        to_mkldnn(nn.Sequential(conv, layer))


@pytest.mark.parametrize("name", OWN_STEPS)
@pytest.mark.filterwarnings("ignore:(torch.quantize_per_tensor|.*reduce_range)")
def test_quantization_never_drops_a_residual_or_a_pool(name):
    layer = getattr(bn, name)(3, activation=None).eval()
    layer.activation_post_process = MinMaxObserver()
    layer.activation_post_process(IMAGES)
    with pytest.raises(RuntimeError, match=f"from_float reads eps, and .* would drop {OWN_STEPS[name]} of this layer"):
        quantized.BatchNorm2d.from_float(layer)


def test_the_advice_for_a_pool_works():
    model = trained(nn.Conv2d(2, 3, 3), bn.BatchNormPool2d(3, eps=0.01))
    plain = bn.BatchNorm2d(3, eps=0.01).eval()
    plain.load_state_dict(model[1].state_dict(), strict=True)
    folded = nn.Sequential(fuse_conv_bn_eval(model[0], plain), nn.ReLU(), nn.MaxPool2d(2))
    torch.testing.assert_close(folded(IMAGES), model(IMAGES))


@pytest.mark.parametrize("activation", [None, "relu", nn.PReLU(init=0.3)], ids=str)
@pytest.mark.parametrize("make", [conv_bn, linear_bn])
def test_fx_fuse_gives_the_same_outputs(make, activation):
    model = make(activation=activation)
    x = IMAGES if make is conv_bn else ROWS
    torch.testing.assert_close(fuse(model)(x), model(x))


@pytest.mark.parametrize("activation", [None, "relu", nn.PReLU(init=0.3), nn.ReLU()], ids=str)
def test_a_trace_in_evaluation_gives_the_same_outputs(activation):
    model = conv_bn(activation=activation)
    torch.testing.assert_close(torch.fx.symbolic_trace(model)(IMAGES), model(IMAGES))


@pytest.mark.parametrize("make", [bn.BatchNormAdd2d, bn.BatchNormPool2d])
def test_fx_fuse_leaves_an_own_step_in_the_net(make):
    model = nn.Sequential(nn.Conv2d(2, 3, 3), Fed(make(3))).eval()
    torch.testing.assert_close(fuse(model)(IMAGES), model(IMAGES))


def test_a_trace_without_statistics_normalizes_by_the_batch():
    layer = bn.BatchNorm2d(2, track_running_stats=False)
    torch.testing.assert_close(torch.fx.symbolic_trace(layer)(IMAGES), layer(IMAGES))


@pytest.mark.filterwarnings("ignore:.*torch.ao.quantization is deprecated:DeprecationWarning")
@pytest.mark.parametrize("activation", [None, "relu"])
@pytest.mark.parametrize("tool", [fuse_modules, fuse_modules_qat])
def test_quantizations_fuse_modules_refuses_our_layers(tool, activation):
    model = conv_bn(activation=activation).train(tool is fuse_modules_qat)
    with pytest.raises(AssertionError, match="did not find fuser method"):
        tool(model, ["0", "1"])
