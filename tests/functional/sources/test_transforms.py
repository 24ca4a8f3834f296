"""Sources inside torch.func transforms, in forward mode, under autocast and in threads."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch.autograd import forward_ad
from torch.autograd.functional import jacobian
from torch.func import grad, jacrev, jvp, vmap

from batchnorm.functional import batch_norm

from ..batch_norm_cases import make_case
from .test_masked import mask_of

FAR_ON = torch.tensor(4)
SHAPE = (5, 3, 4)
(X, MEAN, VAR, WEIGHT, BIAS), _ = make_case(SHAPE, dtype=torch.float64)
MASK = mask_of(SHAPE)
TEXTS = ["batch", "ghost:2", "renorm:2,1,10", "population", "population:none", "blend:0.25", "masked"]
TRACKING = [text for text in TEXTS if not text.startswith("population")]
CASES = [(text, training) for text in TEXTS for training in (True, False)]
ROUTES = ["auto", "composed", "native"]

# torch scripts its own decompositions for forward mode, and warns of it.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")


def call(x, mean, var, *, mask=MASK, **options):
    mask = {"mask": mask} if options["moments"] == "masked" else {}
    return batch_norm(x, mean, var, WEIGHT, BIAS, num_batches_tracked=FAR_ON, **mask, **options)


def function(text, training, route):
    return lambda x: call(x, MEAN.clone(), VAR.clone(), training=training, moments=text, route=route)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(("text", "training"), CASES)
def test_grad_and_jacrev_give_autograds_gradients(text, training, route):
    f = function(text, training, route)
    wanted = jacobian(f, X)
    torch.testing.assert_close(jacrev(f)(X), wanted)
    torch.testing.assert_close(grad(lambda x: f(x).square().sum())(X), jacobian(lambda x: f(x).square().sum(), X))


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(("text", "training"), CASES)
def test_jvp_and_forward_mode_give_autograds_gradients(text, training, route):
    f, tangent = function(text, training, route), X.sin()
    wanted = torch.einsum("abcdef,def->abc", jacobian(f, X), tangent)
    torch.testing.assert_close(jvp(f, (X,), (tangent,))[1], wanted)
    with forward_ad.dual_level():
        found = forward_ad.unpack_dual(f(forward_ad.make_dual(X, tangent))).tangent
        torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("text", TRACKING)
def test_the_statistics_have_no_tangent_of_forward_mode(text):
    mean, var = MEAN.clone(), VAR.clone()
    with forward_ad.dual_level():
        call(forward_ad.make_dual(X, X.sin()), mean, var, training=True, moments=text)
        assert forward_ad.unpack_dual(mean).tangent is None
        assert forward_ad.unpack_dual(var).tangent is None


def eager_statistics(x, text, mask=MASK):
    mean, var = MEAN.clone(), VAR.clone()
    call(x, mean, var, training=True, moments=text, mask=mask)
    return mean, var


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("text", TRACKING)
def test_grad_moves_statistics_from_outside_of_it(text, route):
    """Towards what the source tracks: of a mask the valid values alone."""
    mean, var = MEAN.clone(), VAR.clone()
    grad(lambda x: call(x, mean, var, training=True, moments=text, route=route).sum())(X)
    torch.testing.assert_close((mean, var), eager_statistics(X, text))


@pytest.mark.parametrize("text", [text for text in TRACKING if text != "masked"])
def test_grad_keeps_the_variance_of_float32_far_from_0(text):
    x = (X + 1e4).float()
    mean, var = torch.full((3,), 1e4), torch.ones(3)
    options = {"training": True, "momentum": 1.0, "moments": text, "num_batches_tracked": FAR_ON}
    grad(lambda x: batch_norm(x, mean, var, **options).sum())(x)
    torch.testing.assert_close(var.double(), x.double().var((0, 2)), rtol=3e-4, atol=0)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("text", TRACKING)
def test_vmap_moves_statistics_that_are_mapped_too(text, route):
    xs, masks = torch.stack([X, 2 * X + 1]), torch.stack([MASK, ~MASK])
    means, variances = MEAN.expand(2, 3).clone(), VAR.expand(2, 3).clone()
    mapped = vmap(lambda x, mean, var, mask: call(x, mean, var, training=True, moments=text, route=route, mask=mask))
    mapped(xs, means, variances, masks)
    for x, mask, *found in zip(xs, masks, means, variances, strict=True):
        torch.testing.assert_close(tuple(found), eager_statistics(x, text, mask))


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    ("text", "training"), [case for case in CASES if not case[1] or case[0].startswith("population")]
)
def test_vmap_equals_a_loop(text, training, route):
    f, xs = function(text, training, route), torch.stack([X, 2 * X + 1])
    torch.testing.assert_close(vmap(f)(xs), torch.stack([f(x) for x in xs]))


@pytest.mark.parametrize(("valid", "moves"), [(0, False), (1, False), (2, True)])
def test_inside_a_transform_too_few_valid_places_move_nothing(valid, moves):
    """How many there are is not known there, and so cannot be refused."""
    mask = (torch.arange(20) < valid).view(5, 4)
    mean, var = MEAN.clone(), VAR.clone()
    grad(lambda x: call(x, mean, var, training=True, moments="masked", mask=mask).sum())(X)
    same = torch.allclose(mean, MEAN) and torch.allclose(var, VAR)
    assert same is not moves


@pytest.mark.parametrize(("text", "training"), CASES)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("route", ROUTES)
def test_autocast_changes_nothing_for_an_input_of_a_convolution(text, training, dtype, route):
    x, parameters = X.to(dtype), [values.float() for values in (MEAN, VAR, WEIGHT, BIAS)]

    def moved():
        mean, var, weight, bias = (values.clone() for values in parameters)
        mask = MASK if text == "masked" else None
        options = {"moments": text, "mask": mask, "num_batches_tracked": FAR_ON, "route": route}
        return batch_norm(x, mean, var, weight, bias, training, **options), mean, var

    plain = moved()
    with torch.autocast("cpu", dtype=dtype):
        cast = moved()
    torch.testing.assert_close(cast, plain, rtol=0, atol=0)


@pytest.mark.parametrize("text", TEXTS)
def test_threads_may_share_a_source(text):
    """Its texts, too, which are read once."""
    xs = [X * (number + 1) for number in range(8)]
    options = {"training": True, "moments": text}
    wanted = [call(x, MEAN.clone(), VAR.clone(), **options) for x in xs]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda x: call(x, MEAN.clone(), VAR.clone(), **options), xs * 5))
    torch.testing.assert_close(found, wanted * 5, rtol=0, atol=0)
