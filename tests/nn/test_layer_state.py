"""Checkpoints, copies, pickles, functional calls: a layer's state is torch's."""

import copy
import io
import pickle

import pytest
import torch
from torch import nn
from torch.func import functional_call, stack_module_state, vmap

import batchnorm.nn as bn

from .references import Fed, feed

PAIRS = [
    (bn.BatchNorm1d, nn.BatchNorm1d),
    (bn.BatchNorm2d, nn.BatchNorm2d),
    (bn.BatchNorm3d, nn.BatchNorm3d),
    (bn.BatchNormAdd2d, nn.BatchNorm2d),
    (bn.BatchNormPool2d, nn.BatchNorm2d),
]
LAYERS_2D = [bn.BatchNorm2d, bn.BatchNormAdd2d, bn.BatchNormPool2d]
X = torch.randn(4, 3, 5, 5, generator=torch.Generator().manual_seed(0))


def trained(layer):
    with torch.no_grad():
        for number, value in enumerate([*layer.parameters(), *layer.buffers()]):
            value.fill_(number + 2)
    return layer


@pytest.mark.parametrize("options", [{}, {"bias": False}, {"affine": False}], ids=str)
@pytest.mark.parametrize("both_ways", [False, True])
@pytest.mark.parametrize("classes", PAIRS)
def test_state_dict_loads_strictly_both_ways(classes, both_ways, options):
    source, target = reversed(classes) if both_ways else classes
    source, target = trained(source(3, **options)), target(3, **options)
    target.load_state_dict(source.state_dict(), strict=True)
    torch.testing.assert_close(target.state_dict(), source.state_dict())


@pytest.mark.parametrize("make", LAYERS_2D)
def test_a_named_activation_adds_nothing_to_the_state_dict(make):
    layer = make(3, activation="relu")
    assert list(layer.state_dict()) == list(nn.BatchNorm2d(3).state_dict())


def old_state(model, prefix=""):
    """The state of a model as torch wrote it before its layers counted batches."""
    state = model.state_dict()
    del state[f"{prefix}num_batches_tracked"]
    state._metadata[prefix.rstrip(".")]["version"] = 1
    return state


@pytest.mark.parametrize("activation", [None, "relu"])
@pytest.mark.parametrize("classes", PAIRS)
def test_an_old_checkpoint_without_the_counter_loads_strictly(classes, activation):
    state = old_state(trained(classes[1](3)))
    layer = classes[0](3, activation=activation)
    layer.load_state_dict(state, strict=True)
    assert layer.num_batches_tracked == 0
    assert layer.running_mean.tolist() == state["running_mean"].tolist()


def test_an_old_checkpoint_of_a_model_loads_strictly():
    state = old_state(nn.Sequential(nn.Conv2d(3, 3, 1), trained(nn.BatchNorm2d(3))), prefix="1.")
    model = nn.Sequential(nn.Conv2d(3, 3, 1), bn.BatchNorm2d(3, activation="relu"))
    model.load_state_dict(state, strict=True)
    assert model[1].num_batches_tracked == 0
    assert model[1].running_mean.tolist() == state["1.running_mean"].tolist()


def test_an_old_checkpoint_fills_a_lazy_layer_as_torchs():
    state = old_state(trained(nn.BatchNorm2d(3)))
    layer, reference = bn.LazyBatchNorm2d(activation="relu"), nn.LazyBatchNorm2d()
    for target in (layer, reference):
        target.load_state_dict(state, strict=True)
    torch.testing.assert_close(layer.state_dict(), reference.state_dict())
    assert layer.running_mean.tolist() == state["running_mean"].tolist()


@pytest.mark.parametrize("activation", [None, "relu", nn.PReLU()], ids=str)
@pytest.mark.parametrize(
    "duplicate",
    [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))],  # noqa: S301  # ours
)
@pytest.mark.parametrize("make", LAYERS_2D)
def test_copies_compute_the_same_and_share_nothing(make, duplicate, activation):
    layer = trained(make(3, eps=0.1, activation=activation, route="composed"))
    twin = duplicate(layer)
    expected, before = feed(layer.eval(), X), layer.running_mean.clone()
    torch.testing.assert_close(feed(twin.eval(), X), expected, rtol=0, atol=0)
    feed(twin.train(), X)
    assert torch.equal(layer.running_mean, before)
    assert repr(twin) == repr(layer)


def test_a_whole_layer_can_be_saved_and_loaded_with_torch_save():
    file = io.BytesIO()
    torch.save(bn.BatchNorm2d(3, eps=0.25, activation="relu"), file)
    file.seek(0)
    layer = torch.load(file, weights_only=False)
    assert (vars(layer)["eps"], layer.activation) == (0.25, "relu")


@pytest.mark.parametrize("make", LAYERS_2D)
def test_functional_call_uses_and_moves_the_state_that_is_given(make):
    layer = make(3, activation="relu")
    given = {f"layer.{name}": value.clone() for name, value in layer.state_dict().items()}
    functional_call(Fed(layer), given, (X,))
    assert (given["layer.num_batches_tracked"], layer.num_batches_tracked) == (1, 0)
    torch.testing.assert_close(given["layer.running_mean"], 0.1 * X.mean((0, 2, 3)))
    assert layer.running_mean.tolist() == [0.0] * 3


@pytest.mark.parametrize("momentum", [None, 0.1])
@pytest.mark.parametrize("make", LAYERS_2D)
def test_an_ensemble_under_vmap_equals_its_members(make, momentum):
    layers = [Fed(trained(make(3, momentum=momentum))) for _ in range(2)]
    layers[1].layer.reset_running_stats()
    parameters, buffers = stack_module_state(layers)
    parameters = {name: value.detach() for name, value in parameters.items()}
    xs = torch.stack([X, 2 * X + 1])
    found = vmap(lambda p, b, x: functional_call(layers[0], (p, b), (x,)))(parameters, buffers, xs)
    expected = torch.stack([layer(x) for layer, x in zip(layers, xs, strict=True)])
    torch.testing.assert_close(found, expected)
    for name in ("running_mean", "running_var", "num_batches_tracked"):
        expected = torch.stack([getattr(fed.layer, name) for fed in layers])
        torch.testing.assert_close(buffers[f"layer.{name}"], expected)


def test_vmap_over_one_layer_in_training_is_refused_as_torch_refuses_it():
    xs, layer = torch.stack([X, X]), bn.BatchNorm2d(3)
    with pytest.raises(RuntimeError, match="while the running_mean or running_var"):
        vmap(nn.BatchNorm2d(3))(xs)
    with pytest.raises(RuntimeError, match="came from outside of it"):
        vmap(layer)(xs)
    assert (layer.running_mean.tolist(), layer.num_batches_tracked) == ([0.0] * 3, 0)


def test_vmap_over_one_layer_in_evaluation_equals_torchs():
    xs = torch.stack([X, 2 * X])
    layer, reference = trained(bn.BatchNorm2d(3)).eval(), trained(nn.BatchNorm2d(3)).eval()
    torch.testing.assert_close(vmap(layer)(xs), vmap(reference)(xs))


def test_moving_to_another_dtype_moves_everything_but_the_counter():
    layer = bn.BatchNorm2d(3, activation="relu").to(torch.float64)
    assert layer(X.double()).dtype is torch.float64
    assert layer.num_batches_tracked.dtype is torch.long
