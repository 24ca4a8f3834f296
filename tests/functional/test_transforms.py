"""torch.func transforms: expected values from the float64 oracle, from loops, or from torch's own."""

import pytest
import torch
import torch.nn.functional as F
from torch.func import grad, hessian, jacfwd, jacrev, vmap

from batchnorm.functional import batch_norm


def draw(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


X, WEIGHT, BIAS = draw(4, 3, 2), draw(3, seed=1), draw(3, seed=2)
MEAN, VAR = draw(3, seed=3), draw(3, seed=4).abs() + 0.1


def loss(function, training):
    statistics = (None, None) if training else (MEAN, VAR)
    return lambda x, weight: function(x, *statistics, weight, BIAS, training=training).pow(3).sum()


# torch scripts its own decompositions for forward mode, and warns of it.
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("transform", [grad, jacrev, jacfwd, hessian])
def test_derivatives_are_those_of_torchs_function(transform, training):
    ours = transform(loss(batch_norm, training), argnums=1)(X, WEIGHT)
    torchs = transform(loss(F.batch_norm, training), argnums=1)(X, WEIGHT)
    torch.testing.assert_close(ours, torchs, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("training", [True, False])
def test_vmap_equals_a_loop(training):
    xs = torch.stack([X, 2 * X + 1])
    statistics = (None, None) if training else (MEAN, VAR)

    def function(x):
        return batch_norm(x, *statistics, WEIGHT, BIAS, training=training)

    torch.testing.assert_close(vmap(function)(xs), torch.stack([function(x) for x in xs]))


@pytest.mark.parametrize("momentum", [0.1, torch.tensor([0.1, 0.5])], ids=["one", "each"])
def test_vmap_moves_running_statistics_that_are_mapped_too(momentum):
    xs = torch.stack([X, 2 * X + 1])
    means, variances = MEAN.expand(2, 3).clone(), VAR.expand(2, 3).clone()
    mapped = 0 if isinstance(momentum, torch.Tensor) else None
    vmap(lambda x, m, v, weight: batch_norm(x, m, v, training=True, momentum=weight), (0, 0, 0, mapped))(
        xs, means, variances, momentum
    )
    weights = [0.1, 0.5] if mapped == 0 else [0.1, 0.1]
    for x, mean, var, weight in zip(xs, means, variances, weights, strict=True):
        m, v = MEAN.clone(), VAR.clone()
        F.batch_norm(x, m, v, training=True, momentum=weight)
        torch.testing.assert_close((mean, var), (m, v))


@pytest.mark.parametrize("transform", [vmap, grad], ids=["vmap", "grad"])
def test_statistics_from_outside_of_a_transform_are_refused_and_unchanged(transform):
    mean, var = MEAN.clone(), VAR.clone()

    def function(x):
        return batch_norm(x, mean, var, training=True).sum()

    with pytest.raises(RuntimeError, match=r"came from outside of it.*functional_call"):
        transform(function)(X[None] if transform is vmap else X)
    assert torch.equal(mean, MEAN)
    assert torch.equal(var, VAR)


def test_gradients_by_sample_equal_a_loop():
    xs = torch.stack([X, 2 * X + 1])
    function = grad(loss(batch_norm, training=True), argnums=1)
    found = vmap(function, (0, None))(xs, WEIGHT)
    torch.testing.assert_close(found, torch.stack([function(x, WEIGHT) for x in xs]))


@pytest.mark.parametrize("route", ["auto", "composed", "native", "fused"])
@pytest.mark.parametrize("training", [True, False])
def test_gradcheck_and_gradgradcheck_pass(training, route):
    leaves = [t.clone().requires_grad_() for t in (X[:, :, 0], WEIGHT, BIAS)]

    def function(x, weight, bias):
        statistics = (None, None) if training else (MEAN, VAR)
        return batch_norm(x, *statistics, weight, bias, training=training, activation="silu", route=route)

    assert torch.autograd.gradcheck(function, leaves)
    assert torch.autograd.gradgradcheck(function, leaves, fast_mode=True)


class Marked(torch.Tensor):
    """A tensor subclass that records which functions were called with it."""

    called: list[object] = []  # noqa: RUF012  # a log of the class, on purpose

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        cls.called.append(func)
        return super().__torch_function__(func, types, args, kwargs or {})


def test_a_tensor_subclass_may_override_the_function():
    Marked.called.clear()
    y = batch_norm(X.as_subclass(Marked), None, None, training=True)
    assert batch_norm in Marked.called
    torch.testing.assert_close(y.as_subclass(torch.Tensor), F.batch_norm(X, None, None, training=True))
