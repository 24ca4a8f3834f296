"""Are the first and the second derivatives of the kernels right, also where tensors depend on each other?"""

import pytest
import torch

from batchnorm.functional import batch_norm

from .cases import FAMILIES, LAYOUTS, draw, make_case, output

pytestmark = pytest.mark.usefixtures("one_thread")

SHAPES = {"(N, C)": (4, 3), "(N, C, L)": (3, 2, 5), "images": (2, 2, 4, 5), "volumes": (2, 2, 2, 1, 3)}
PLACES = [(kind, layout) for kind in SHAPES for layout in LAYOUTS if kind != "(N, C)" or layout == "contiguous"]
CASES = [(family, *place) for family in FAMILIES for place in PLACES if family != "pool" or place[0] == "images"]


def function_of(case, route="fused"):
    """The call as a function of its tensors that may have a gradient, and these."""
    names = [name for name in ("x", "residual", "weight", "bias") if getattr(case, name) is not None]

    def function(*tensors):
        given = {"residual": None, "weight": None, "bias": None} | dict(zip(names, tensors, strict=True))
        statistics = (None, None) if case.training else (case.running_mean, case.running_var)
        return output(case, given["x"], given["residual"], *statistics, given["weight"], given["bias"], route=route)

    return function, [getattr(case, name).detach().requires_grad_() for name in names]


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize(("family", "kind", "layout"), CASES)
def test_gradcheck_and_gradgradcheck_pass(family, kind, layout, training):
    function, leaves = function_of(make_case(family, SHAPES[kind], torch.float64, layout=layout, training=training))
    assert torch.autograd.gradcheck(function, leaves)
    assert torch.autograd.gradgradcheck(function, leaves, fast_mode=True)


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("family", FAMILIES)
def test_gradcheck_and_gradgradcheck_pass_without_weight_and_bias(family, training):
    case = make_case(family, SHAPES["images"], torch.float64, affine=False, training=training, seed=3)
    function, leaves = function_of(case)
    assert torch.autograd.gradcheck(function, leaves)
    assert torch.autograd.gradgradcheck(function, leaves, fast_mode=True)


@pytest.mark.parametrize("family", ["silu", "add"])
def test_third_derivatives_are_those_of_the_steps_written_out(family):
    case = make_case(family, SHAPES["images"], torch.float64)

    def third(route):
        function, leaves = function_of(case, route)
        found = function(*leaves).pow(4)
        for _ in range(3):
            (found,) = torch.autograd.grad(found.sum(), leaves[0], create_graph=True)
        return found

    torch.testing.assert_close(third("fused"), third("composed"))


@pytest.mark.parametrize("wanted", [["x"], ["weight"], ["bias"], ["weight", "bias"], ["residual"]], ids=str)
@pytest.mark.parametrize("create_graph", [False, True])
def test_gradients_of_some_of_the_tensors_alone_are_right(wanted, create_graph):
    case = make_case("add", SHAPES["images"], torch.float64)

    def gradients(route):
        function, leaves = function_of(case, route)
        for name, leaf in zip(("x", "residual", "weight", "bias"), leaves, strict=True):
            leaf.requires_grad_(name in wanted)
        inputs = [leaf for leaf in leaves if leaf.requires_grad]
        return torch.autograd.grad(function(*leaves), inputs, case.dy, create_graph=create_graph)

    torch.testing.assert_close(gradients("fused"), gradients("composed"))


def first_and_second(function, *leaves):
    leaves = [leaf.clone().requires_grad_() for leaf in leaves]
    first = torch.autograd.grad(function(*leaves).pow(3).sum(), leaves, create_graph=True)
    second = torch.autograd.grad(sum(gradient.square().sum() for gradient in first), leaves)
    return [t.detach() for t in (*first, *second)]


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_derivatives_of_a_weight_that_is_used_twice_count_each_use_once(training):
    """The second x depends on the weight: its way through x belongs to x alone."""
    statistics = (None, None) if training else (draw(3, 5), draw(3, 6).abs() + 0.1)

    def twice(route):
        def function(x, weight):
            for _ in range(2):
                x = batch_norm(x, *statistics, weight, None, training, activation="silu", route=route).square() + x
            return x

        return first_and_second(function, draw((4, 3, 5), 0), draw(3, 1))

    torch.testing.assert_close(twice("fused"), twice("composed"))


def test_derivatives_of_a_weight_that_depends_on_x_and_is_the_bias_too_are_right():
    def conditional(route):
        def function(x):
            weight = x.square().mean((0, 2))
            return batch_norm(x, None, None, weight, weight, True, activation="silu", route=route)

        return first_and_second(function, draw((4, 3, 5), 0))

    torch.testing.assert_close(conditional("fused"), conditional("composed"))


@pytest.mark.parametrize("create_graph", [False, True])
def test_a_hook_of_x_is_called_once(create_graph):
    x, called = draw((4, 3, 5), 0).requires_grad_(), []
    x.register_hook(called.append)
    y = batch_norm(x, None, None, training=True, activation="silu", route="fused")
    torch.autograd.grad(y.square().sum(), x, create_graph=create_graph)
    assert len(called) == 1


def test_x_that_was_changed_behind_a_call_is_an_error_as_in_torch():
    x = draw((4, 3, 5), 0).requires_grad_()
    leaf = x * 1
    y = batch_norm(leaf, None, None, training=True, route="fused")
    leaf.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_running_statistics_may_move_between_forward_and_backward():
    x, mean, var = draw((4, 3, 5), 0).requires_grad_(), draw(3, 1), draw(3, 2).abs() + 0.1
    y = batch_norm(x, mean, var, route="fused", activation="silu")
    (expected,) = torch.autograd.grad(y.sum(), x, retain_graph=True)
    mean.zero_()
    var.fill_(7.0)
    (found,) = torch.autograd.grad(y.sum(), x)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("family", FAMILIES)
def test_many_gradients_at_once_are_those_one_after_the_other(family, training):
    function, leaves = function_of(make_case(family, SHAPES["images"], torch.float64, training=training))
    y = function(*leaves)
    dys = torch.randn(3, *y.shape, dtype=y.dtype, generator=torch.Generator().manual_seed(1))
    together = torch.autograd.grad(y, leaves, dys, retain_graph=True, is_grads_batched=True)
    for number, dy in enumerate(dys):
        for found, expected in zip(together, torch.autograd.grad(y, leaves, dy, retain_graph=True), strict=True):
            torch.testing.assert_close(found[number], expected)


def test_a_vectorized_jacobian_is_that_of_the_steps_written_out():
    x = draw((3, 2, 4), 0)

    def found(route):
        return torch.autograd.functional.jacobian(
            lambda x: batch_norm(x, None, None, training=True, activation="silu", route=route), x, vectorize=True
        )

    torch.testing.assert_close(found("fused"), found("composed"))
