"""Do our layers pass what torch tests its own with: its samples of every module of batch norm?"""

import copy
import io
from functools import partial

import pytest
import torch

import batchnorm.nn as bn

from .samples import FLOATS, assert_close, fresh, leaves, make_pair, module_samples, numbers_of, outcome

pytestmark = pytest.mark.slow


def table(name):
    """Our class and torch's, for one, two and three axes of space, by the name that torch's samples go by."""
    return {f"nn.BatchNorm{d}d": tuple(getattr(m, name.format(d)) for m in (bn, torch.nn)) for d in (1, 2, 3)}


LAYERS, LAZY = table("BatchNorm{}d"), table("LazyBatchNorm{}d")
ROUTES = ["auto", "composed", "native", "fused"]
FORMATS = {4: torch.channels_last, 5: torch.channels_last_3d}
NAMES = pytest.mark.parametrize("name", LAYERS)
MODES = pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
DTYPES = pytest.mark.parametrize("dtype", FLOATS, ids=str)


def pairs(name, dtype, *, training, route="auto"):
    """Our layer and torch's of the same state, and the input, for every sample."""
    for sample in module_samples(name, dtype, training=training):
        layer, reference = make_pair(*LAYERS[name], sample, dtype, training=training)
        layer.route = route
        given = sample.forward_input
        yield layer, reference, fresh(given.args), given.kwargs


def unsuited(route, dtype):
    return route == "fused" and dtype is torch.float16


def all_of(layer, arguments, options):
    """The output, its strides, the gradients of inputs and parameters, and the state afterwards."""
    arguments = fresh(arguments)
    y = layer(*arguments, **options)
    gradients = torch.autograd.grad(y, [*leaves(arguments), *layer.parameters()], torch.ones_like(y))
    return y.detach(), torch.tensor(y.stride()), gradients, dict(layer.state_dict())


@MODES
@DTYPES
@pytest.mark.parametrize("route", ROUTES)
@NAMES
def test_outputs_gradients_and_state_are_torchs(name, route, dtype, training):
    if unsuited(route, dtype):
        pytest.skip("the kernels have no float16")
    for layer, reference, arguments, options in pairs(name, dtype, training=training, route=route):
        assert_close(all_of(layer, arguments, options), all_of(reference, arguments, options), dtype)


@MODES
@pytest.mark.parametrize("route", ["auto", "composed", "native"])
@NAMES
def test_inputs_of_other_strides_give_what_they_give_in_torch(name, route, training):
    for layer, reference, (x,), options in pairs(name, torch.float64, training=training, route=route):
        inputs = [x.detach().transpose(0, -1).contiguous().transpose(0, -1), torch.stack([x.detach()] * 2, -1)[..., 0]]
        if x.dim() in FORMATS:
            inputs.append(x.detach().contiguous(memory_format=FORMATS[x.dim()]))
        for other in inputs:
            given = (other.requires_grad_(),)
            torch.testing.assert_close(all_of(layer, given, options), all_of(reference, given, options))


@MODES
@pytest.mark.parametrize("route", ROUTES)
@NAMES
def test_gradients_and_their_derivatives_pass_torchs_check(name, route, training):
    for layer, _, arguments, options in pairs(name, torch.float64, training=training, route=route):
        parameters = dict(layer.named_parameters())

        def call(x, *values, layer=layer, names=tuple(parameters), options=options):
            state = dict(zip(names, values, strict=True)) | {n: b.clone() for n, b in layer.named_buffers()}
            return torch.func.functional_call(layer, state, (x,), options)

        inputs = (*arguments, *parameters.values())
        assert torch.autograd.gradcheck(call, inputs)
        assert torch.autograd.gradgradcheck(call, inputs)


# torch scripts its own decompositions for forward mode, and warns of it.
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
@MODES
@NAMES
def test_forward_mode_passes_torchs_check(name, training):
    for layer, _, (x,), options in pairs(name, torch.float64, training=training):
        buffers = {name: values.clone() for name, values in layer.named_buffers()}

        def call(x, layer=layer, buffers=buffers, options=options):
            state = {name: values.clone() for name, values in buffers.items()}
            return torch.func.functional_call(layer, state, (x,), options)

        assert torch.autograd.gradcheck(call, (x,), check_forward_ad=True, check_backward_ad=False)


@MODES
@NAMES
def test_copies_and_pickles_give_the_same_as_the_layer(name, training):
    for layer, _, arguments, options in pairs(name, torch.float32, training=training):
        file = io.BytesIO()
        torch.save(layer, file)
        file.seek(0)
        twins = [copy.deepcopy(layer), torch.load(file, weights_only=False)]
        expected = all_of(layer, arguments, options)
        for twin in twins:
            torch.testing.assert_close(all_of(twin, arguments, options), expected, rtol=0, atol=0)


@MODES
@NAMES
def test_a_lazy_layer_becomes_what_torchs_becomes(name, training):
    ours, torchs = LAZY[name]
    for sample in module_samples(name, torch.float32, training=training):
        given = sample.constructor_input
        layers = [kind(*given.args[1:], **given.kwargs).train(training) for kind in (ours, torchs)]
        found = [all_of(layer, sample.forward_input.args, {}) for layer in layers]
        torch.testing.assert_close(*found)
        assert [type(layer) for layer in layers] == list(LAYERS[name])


@NAMES
def test_what_torchs_layer_refuses_is_refused_by_the_same_type_in_the_same_words(name):
    for error in module_samples(name, torch.float32, training=True, errors=True):
        sample = error.module_error_input
        layer = LAYERS[name][0](*sample.constructor_input.args, **sample.constructor_input.kwargs)
        with pytest.raises(error.error_type, match=error.error_regex):
            layer(*sample.forward_input.args)


# torch scripts its own decompositions for forward mode, and warns of it.
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
@pytest.mark.parametrize("name", ["grad", "vjp", "jvp", "vmap"])
@MODES
@pytest.mark.parametrize("layer_name", LAYERS)
def test_under_a_transform_a_layer_does_what_torchs_does_or_refuses_what_it_refuses(layer_name, training, name):
    calls = {
        "grad": lambda layer, x: torch.func.grad(lambda x: layer(x).pow(2).sum())(x),
        "vjp": lambda layer, x: torch.func.vjp(layer, x)[1](torch.ones_like(x))[0],
        "jvp": lambda layer, x: torch.func.jvp(layer, (x,), (torch.ones_like(x),))[1],
        "vmap": lambda layer, x: torch.func.vmap(layer)(torch.stack([x, x])),
    }
    for layer, reference, (x,), _ in pairs(layer_name, torch.float64, training=training):
        found = []
        for kind in (layer, reference):
            before = copy.deepcopy(kind.state_dict())
            found.append(numbers_of(outcome(partial(calls[name], kind), (x.detach(),), {})))
            if isinstance(found[-1], type):
                kind.load_state_dict(before)  # torch's has counted what it has refused
        assert_close(*found)
        torch.testing.assert_close(dict(layer.state_dict()), dict(reference.state_dict()))
