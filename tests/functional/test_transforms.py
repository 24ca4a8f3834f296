"""torch.func transforms: expected values from the float64 oracle, from loops, or from torch's own."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch.autograd import forward_ad
from torch.func import grad, hessian, jacfwd, jacrev, jvp, vjp, vmap

from batchnorm.functional import batch_norm
from batchnorm.nn import BatchNorm1d


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


OVER_VMAP = {
    "vmap": lambda function: vmap(function)(X[None]),
    "vmap of grad": lambda function: vmap(grad(lambda x: function(x).sum()))(X[None]),
    "grad of vmap": lambda function: grad(lambda x: vmap(function)(x).sum())(X[None]),
}


@pytest.mark.parametrize("nesting", OVER_VMAP)
def test_statistics_from_outside_of_a_vmap_are_refused_and_unchanged(nesting):
    mean, var = MEAN.clone(), VAR.clone()
    with pytest.raises(RuntimeError, match=r"came from outside of it.*functional_call"):
        OVER_VMAP[nesting](lambda x: batch_norm(x, mean, var, training=True))
    assert torch.equal(mean, MEAN)
    assert torch.equal(var, VAR)


ONES = torch.ones_like(X)
DERIVATIVES = {
    "grad": lambda function: grad(lambda x: function(x, WEIGHT).pow(3).sum())(X),
    "grad by weight": lambda function: grad(lambda weight: function(X, weight).pow(3).sum())(WEIGHT),
    "vjp": lambda function: vjp(lambda x: function(x, WEIGHT), X)[1](ONES),
    "jvp": lambda function: jvp(lambda x: function(x, WEIGHT), (X,), (ONES,)),
    "grad of grad": lambda function: grad(
        lambda x: grad(lambda weight: function(x, weight).pow(3).sum())(WEIGHT).pow(2).sum()
    )(X),
    "hessian": lambda function: hessian(lambda weight: function(X, weight).pow(3).sum())(WEIGHT),
}


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
@pytest.mark.parametrize("route", ["auto", "composed", "native"])
@pytest.mark.parametrize("name", DERIVATIVES)
def test_training_under_a_derivative_moves_statistics_from_outside_as_torchs_function(name, route):
    def run(function, **options):
        mean, var = MEAN.clone(), VAR.clone()
        found = DERIVATIVES[name](
            lambda x, weight: function(x, mean, var, weight, training=True, momentum=0.3, **options)
        )
        return found, mean, var

    ours, torchs = run(batch_norm, route=route), run(F.batch_norm)
    assert not torch.equal(torchs[1], MEAN)
    torch.testing.assert_close(ours, torchs, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", ["grad", "vjp", "jvp"])
def test_momentum_0_keeps_statistics_from_outside_from_an_infinite_batch(name):
    mean, var = MEAN.clone(), VAR.clone()
    DERIVATIVES[name](
        lambda x, weight: batch_norm(x / 0.0, mean, var, weight, training=True, momentum=0, route="composed")
    )
    assert torch.equal(mean, MEAN)
    assert torch.equal(var, VAR)


def test_statistics_that_are_arguments_of_a_derivative_are_moved_as_by_torchs_function():
    def run(function):
        statistics = MEAN.clone(), VAR.clone()

        def loss(x, mean, var):
            return function(x, mean, var, WEIGHT, training=True).pow(3).sum(), (mean.clone(), var.clone())

        return grad(loss, has_aux=True)(X, *statistics), statistics

    torch.testing.assert_close(run(batch_norm), run(F.batch_norm), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("momentum", [0.1, None])
@pytest.mark.parametrize("name", ["grad", "vjp", "jvp", "grad of grad"])
def test_a_layer_refuses_under_a_derivative_what_torchs_refuses_and_is_as_before(name, momentum):
    def call(layer):
        DERIVATIVES[name](lambda x, weight: layer(x * weight.sum()))

    with pytest.raises(RuntimeError, match="would mutate a captured Tensor"):
        call(torch.nn.BatchNorm1d(3, momentum=momentum, dtype=torch.float64))
    layer = BatchNorm1d(3, momentum=momentum, dtype=torch.float64)
    before = {key: values.clone() for key, values in layer.state_dict().items()}
    with pytest.raises(RuntimeError, match=r"num_batches_tracked came from outside of it.*functional_call"):
        call(layer)
    torch.testing.assert_close(dict(layer.state_dict()), before, rtol=0, atol=0)


@pytest.mark.parametrize("name", ["grad", "vjp", "jvp"])
def test_a_layer_without_a_counter_moves_its_statistics_under_a_derivative_as_torchs(name):
    layers = [kind(3, dtype=torch.float64) for kind in (BatchNorm1d, torch.nn.BatchNorm1d)]
    for layer in layers:
        layer.num_batches_tracked = None
        DERIVATIVES[name](lambda x, weight, layer=layer: layer(x * weight.sum()))
    ours, torchs = (dict(layer.state_dict()) for layer in layers)
    torch.testing.assert_close(ours, torchs, rtol=1e-12, atol=1e-12)


def forward(function, *, training, **tangents):
    """The tangents of the output and of the statistics, in plain forward mode."""
    arguments = {"x": X, "mean": MEAN.clone(), "var": VAR.clone(), "weight": WEIGHT}
    with forward_ad.dual_level():
        dual = {n: forward_ad.make_dual(t, tangents[n]) if n in tangents else t for n, t in arguments.items()}
        y = function(*dual.values(), training=training)
        return [forward_ad.unpack_dual(t).tangent for t in (y, dual["mean"], dual["var"])]


@pytest.mark.parametrize("route", ["auto", "composed", "native"])
def test_running_statistics_get_no_tangent_from_a_batch_that_has_one(route):
    ours = forward(partial(batch_norm, route=route), training=True, x=ONES)
    assert ours[1:] == forward(F.batch_norm, training=True, x=ONES)[1:] == [None, None]


@pytest.mark.parametrize("route", ["auto", "composed", "native"])
@pytest.mark.parametrize("name", ["mean", "var"])
def test_a_tangent_of_running_statistics_is_refused_in_evaluation_as_by_torch(name, route):
    tangents = {name: torch.ones(3, dtype=torch.float64), "x": ONES}
    with pytest.raises(RuntimeError, match="they cannot have forward grad"):
        forward(F.batch_norm, training=False, **tangents)
    for given in (tangents, {name: tangents[name]}):
        with pytest.raises(RuntimeError, match="must not have a tangent of forward mode in evaluation"):
            forward(partial(batch_norm, route=route), training=False, **given)
    with pytest.raises(RuntimeError, match="must not have a tangent of forward mode in evaluation"):
        jvp(lambda mean: batch_norm(X, mean, VAR, route=route), (MEAN,), (MEAN,))


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
