"""The inputs that torch tests its own layers and operators with, and all that a call gives for them."""

import copy
from importlib import import_module

import torch
from torch.utils._pytree import tree_map_only

FLOATS = [torch.float32, torch.float64, torch.bfloat16, torch.float16]


def database(module, name):
    """One of torch's tables of samples. Its tests switch something off for the whole process, which is put back."""
    flag = "__allow_nonbracketed_mutation_flag"
    before = getattr(torch.backends, flag)
    try:
        return getattr(import_module(f"torch.testing._internal.{module}"), name)
    finally:
        setattr(torch.backends, flag, before)


def module_samples(name, dtype, *, training, errors=False):
    """The samples of a layer: how it is made, and what it is called with."""
    info = next(info for info in database("common_modules", "module_db") if info.name == name)
    inputs = info.module_error_inputs_func if errors else info.module_inputs_func
    torch.manual_seed(0)
    return list(inputs(info, "cpu", dtype, requires_grad=True, training=training))


def operator_samples(name, dtype):
    """The samples of a function, as (positional, named) arguments, the plain ones and those of odd strides."""
    info = next(info for info in database("common_methods_invocations", "op_db") if info.name == name)
    torch.manual_seed(0)
    for sample in info.sample_inputs("cpu", dtype, requires_grad=True):
        for found in (sample, sample.noncontiguous()):
            yield (found.input, *found.args), found.kwargs


def fresh(values):
    """Copies with the same strides and the same need of a gradient, that share nothing with the originals."""

    def copied(tensor):
        new = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype)
        return new.copy_(tensor.detach()).requires_grad_(tensor.requires_grad)

    return tree_map_only(torch.Tensor, copied, values)


def leaves(arguments):
    return [value for value in arguments if isinstance(value, torch.Tensor) and value.requires_grad]


def outcome(function, arguments, options):
    """The output with its strides, all gradients, and the arguments afterwards; or the type of the exception."""
    arguments = fresh(arguments)
    try:
        y = function(*arguments, **options)
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        return type(error)
    inputs = leaves(arguments)
    gradients = torch.autograd.grad(y, inputs, torch.ones_like(y), allow_unused=True) if inputs else ()
    after = [value.detach() for value in arguments if isinstance(value, torch.Tensor)]
    return y.detach(), torch.tensor(y.stride()), list(gradients), after


def numbers_of(found):
    """An outcome without the strides of the output: under vmap they tell where the axis lies that is mapped over."""
    return found if isinstance(found, type) else (found[0], *found[2:])


def assert_close(found, expected, dtype=torch.float32):
    """By torch's own bounds; of half types, which every route rounds at places of its own, by some roundings."""
    if isinstance(expected, type) or isinstance(found, type):
        assert found is expected
    elif dtype in (torch.bfloat16, torch.float16):
        eps = torch.finfo(dtype).eps
        torch.testing.assert_close(found, expected, rtol=4 * eps, atol=8 * eps)
    else:
        torch.testing.assert_close(found, expected)


def make_pair(ours, torchs, sample, dtype, *, training):
    """Our layer and torch's for a sample, with the same state."""
    given = sample.constructor_input
    layers = [kind(*given.args, **given.kwargs, dtype=dtype).train(training) for kind in (ours, torchs)]
    torch.manual_seed(1)
    for parameter in layers[1].parameters():
        torch.nn.init.uniform_(parameter, 0.5, 1.5)
    layers[0].load_state_dict(copy.deepcopy(layers[1].state_dict()))
    return layers
