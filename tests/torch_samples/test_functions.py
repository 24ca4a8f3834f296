"""Does our function pass what torch tests its own with: its samples of every operator of batch norm?"""

from functools import partial

import pytest
import torch
import torch.nn.functional as F

from batchnorm.functional import batch_norm

from .samples import FLOATS, assert_close, database, fresh, leaves, numbers_of, operator_samples, outcome

pytestmark = pytest.mark.slow


def by_operator(x, weight, bias, mean, var, training, momentum, eps, function=batch_norm, **options):
    """The order of arguments of torch's operators."""
    return function(x, mean, var, weight, bias, training, momentum, eps, **options)


def without_statistics(x, weight, bias, *others, **options):
    """Torch's operator without running statistics has another signature."""
    if len(others) == 3:
        return by_operator(x, weight, bias, None, None, *others, **options)
    return by_operator(x, weight, bias, *others, **options)


def with_update(x, weight, bias, mean, var, momentum, eps, function=batch_norm, **options):
    return function(x, mean, var, weight, bias, True, momentum, eps, **options)  # torch's order


FUNCTIONS = {
    "nn.functional.batch_norm": batch_norm,
    "native_batch_norm": by_operator,
    "_native_batch_norm_legit": without_statistics,
    "_batch_norm_with_update": with_update,
}
TORCHS = {
    "nn.functional.batch_norm": F.batch_norm,
    **{name: partial(FUNCTIONS[name], function=F.batch_norm) for name in list(FUNCTIONS)[1:]},
}
NAMES = pytest.mark.parametrize("name", FUNCTIONS)
ROUTES = ["auto", "composed", "native", "fused"]


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("route", ROUTES[:3])
@NAMES
def test_outputs_gradients_and_statistics_are_those_of_torchs_function(name, route, dtype):
    for arguments, options in operator_samples(name, dtype):
        ours = outcome(FUNCTIONS[name], arguments, options | {"route": route})
        assert_close(ours, outcome(TORCHS[name], arguments, options), dtype)


# torch scripts its own decompositions for forward mode, and warns of it.
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
@pytest.mark.parametrize("route", ROUTES)
@NAMES
def test_derivatives_of_every_order_pass_torchs_check(name, route):
    for arguments, options in operator_samples(name, torch.float64):
        if route == "fused" and outcome(FUNCTIONS[name], arguments, options | {"route": "fused"}) is RuntimeError:
            continue  # strides that the kernels do not take
        inputs = leaves(arguments)

        def call(*values, name=name, arguments=arguments, options=options):
            given = iter(values)
            tensors = [next(given) if isinstance(a, torch.Tensor) and a.requires_grad else fresh(a) for a in arguments]
            return FUNCTIONS[name](*tensors, **options, route=route)

        assert torch.autograd.gradcheck(call, inputs, check_forward_ad=route != "fused")
        assert torch.autograd.gradgradcheck(call, inputs)


TRANSFORMS = {
    "grad": lambda call, x: torch.func.grad(lambda x: call(x).pow(2).sum())(x),
    "vjp": lambda call, x: torch.func.vjp(call, x)[1](torch.ones_like(x))[0],
    "jvp": lambda call, x: torch.func.jvp(call, (x,), (torch.ones_like(x),))[1],
    "vmap": lambda call, x: torch.func.vmap(call)(torch.stack([x, x])),
    "vmap of grad": lambda call, x: torch.func.vmap(torch.func.grad(lambda x: call(x).sum()))(torch.stack([x, x])),
    "grad of vmap": lambda call, x: torch.func.grad(lambda x: torch.func.vmap(call)(x).pow(2).sum())(x[None]),
    "jvp of vjp": lambda call, x: torch.func.jvp(torch.func.grad(lambda x: call(x).pow(2).sum()), (x,), (x,))[1],
}


# torch scripts its own decompositions for forward mode, and warns of it.
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
@pytest.mark.parametrize("transform", TRANSFORMS)
@NAMES
def test_under_a_transform_it_does_what_torchs_function_does_or_refuses_what_that_refuses(name, transform):
    for (x, *others), options in operator_samples(name, torch.float64):
        if "vmap" in transform and 0.0 in [value for value in (*others, *options.values()) if isinstance(value, float)]:
            continue  # with momentum 0 nothing is to be moved: torch refuses it all the same, ours does not
        found = []
        for function in (FUNCTIONS[name], TORCHS[name]):

            def call(x, *rest, function=function, options=options):
                return TRANSFORMS[transform](lambda x: function(x, *rest, **options), x)

            rest = [r.detach() if isinstance(r, torch.Tensor) else r for r in others]
            found.append(numbers_of(outcome(call, (x.detach(), *rest), {})))
        assert_close(*found)


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("route", ROUTES[:3])
def test_traced_and_compiled_ahead_of_time_it_passes_torchs_checks(route, dynamic):
    check = database("optests", "aot_autograd_check")
    for arguments, options in operator_samples("nn.functional.batch_norm", torch.float64):
        if arguments[0].numel() and options.get("training"):
            x, *_, weight, bias = fresh(arguments)
            check(partial(batch_norm, route=route, **options), (x, None, None, weight, bias), {}, dynamic)
