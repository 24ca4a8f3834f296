"""What others see of a norm that goes by a mixture, while it is called: its own statistics, in every thread."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn
from torch.autograd import forward_ad
from torch.nn.utils import parametrize, prune

import batchnorm.nn as bn
from batchnorm.statistics import blended_statistics

pytestmark = pytest.mark.filterwarnings(
    "ignore:`torch.jit.script` is deprecated:DeprecationWarning"
)  # in torch's forward mode

NORMS = [nn.BatchNorm1d, bn.BatchNorm1d]
ALPHA = 0.5


def layer(norm, dtype=torch.float32):
    made = norm(4).eval()
    made.running_mean.uniform_(-1, 1)
    made.running_var.uniform_(0.5, 2)
    return made.to(dtype)


def batch(seed=0, dtype=torch.float32):
    return (1 + torch.randn(16, 4, generator=torch.Generator().manual_seed(seed))).to(dtype)


def mixed(norm, x):
    """By the definition, in float64."""
    x, mean, var = x.double(), norm.running_mean.double(), norm.running_var.double()
    first = (1 - ALPHA) * mean + ALPHA * x.mean(0)
    second = (1 - ALPHA) * (var + mean.square()) + ALPHA * x.square().mean(0)
    return (x - first) / (second - first.square() + 1e-5).sqrt()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("norm", NORMS)
def test_threads_may_evaluate_one_model_at_the_same_time(norm, dtype):
    one = layer(norm, dtype)
    before = one.running_mean.clone()
    given = [(seed + 1) * batch(seed, dtype) for seed in range(4)]

    def worst(x):
        with torch.no_grad():
            return max(float((one(x) - mixed(one, x)).abs().max()) for _ in range(100))

    with blended_statistics(one, ALPHA), ThreadPoolExecutor(4) as threads:
        assert max(threads.map(worst, given)) < (1e-4 if dtype == torch.float32 else 0.05)
    assert torch.equal(one.running_mean, before)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("norm", NORMS)
def test_hooks_see_the_running_statistics(norm, dtype):
    one, seen = layer(norm, dtype), []
    before = one.running_mean.clone()
    one.register_forward_hook(lambda norm, args, output: seen.append(norm.running_mean.clone()))
    with blended_statistics(one, ALPHA), torch.no_grad():
        one(batch(dtype=dtype))
    assert torch.equal(seen[0], before)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("norm", NORMS)
def test_what_a_hook_makes_of_the_output_stays(norm, dtype):
    one = layer(norm, dtype)
    one.register_forward_hook(lambda norm, args, output: torch.zeros_like(output))
    with blended_statistics(one, ALPHA), torch.no_grad():
        assert not one(batch(dtype=dtype)).any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("norm", NORMS)
def test_a_call_that_ctrl_c_breaks_off_leaves_the_statistics(norm, dtype):
    one = layer(norm, dtype)
    before = one.running_mean.clone()

    def interrupt(norm, args, output):
        raise KeyboardInterrupt("Ctrl-C")

    one.register_forward_hook(interrupt)
    with blended_statistics(one, ALPHA), torch.no_grad():
        with pytest.raises(KeyboardInterrupt, match="Ctrl-C"):
            one(batch(dtype=dtype))
        assert torch.equal(one.running_mean, before)


@pytest.mark.parametrize("norm", NORMS)
def test_derivatives_in_forward_mode_pass_where_no_gradients_are_recorded(norm):
    one, x = layer(norm, torch.float64), batch(dtype=torch.float64)
    tangent = batch(1, torch.float64)
    expected = torch.func.jvp(lambda x: mixed(one, x), (x,), (tangent,))[1]
    with blended_statistics(one, ALPHA), torch.no_grad(), forward_ad.dual_level():
        found = forward_ad.unpack_dual(one(forward_ad.make_dual(x, tangent))).tangent
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("norm", NORMS)
def test_a_variance_that_has_no_number_in_float16_normalizes(norm):
    one, x = layer(norm, torch.float16), 400 * batch(dtype=torch.float16)
    with blended_statistics(one, ALPHA), torch.no_grad():
        torch.testing.assert_close(one(x).double(), mixed(one, x), rtol=1e-2, atol=1e-2)


def pruned(norm):
    prune.identity(norm, "weight")


def parametrized(norm):
    parametrize.register_parametrization(norm, "weight", nn.Identity())


@pytest.mark.parametrize("change", [pruned, parametrized])
@pytest.mark.parametrize("norm", NORMS)
def test_a_weight_that_is_computed_from_another_scales_in_half_types(norm, change):
    one, x = layer(norm, torch.bfloat16), batch(dtype=torch.bfloat16)
    change(one)
    with blended_statistics(one, ALPHA), torch.no_grad():
        torch.testing.assert_close(one(x).double(), mixed(one, x), rtol=0.05, atol=0.05)
