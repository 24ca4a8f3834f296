"""Are the numbers of an average those of the formulas, and the statistics those of all data together?"""

import copy
import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from batchnorm import nn as ours
from batchnorm.statistics import average_models

SHIFTS = (-3.0, 0.0, 5.0)


def clients(norm, sizes=(40, 25, 7), shape=(4,)):
    """A layer for each share of data of a distribution of its own, trained on it once; and the shares, in float64."""
    generator = torch.Generator().manual_seed(0)
    shares = [
        shift + (1 + place) * torch.randn(size, 3, *shape, generator=generator, dtype=torch.float64)
        for place, (shift, size) in enumerate(zip(SHIFTS, sizes, strict=True))
    ]
    layers = []
    for share in shares:
        layer = copy.deepcopy(norm)
        layer.momentum = 1.0
        layer(share.to(layer.running_mean.dtype))
        layers.append(layer)
    return layers, shares


def moments(x):
    """Mean and biased variance of each channel."""
    rows = x.transpose(0, 1).flatten(1)
    return rows.mean(1), rows.var(1, correction=0)


def biased(layer, share):
    """Store the biased variance."""
    count = share.numel() / share.shape[1]
    layer.running_var.mul_((count - 1) / count)
    return layer


NORMS = {
    "torch 1-D": (nn.BatchNorm1d(3), (5,)),
    "torch 2-D": (nn.BatchNorm2d(3), (4, 5)),
    "torch 3-D": (nn.BatchNorm3d(3), (2, 3, 2)),
    "ours 1-D": (ours.BatchNorm1d(3), (5,)),
    "ours 2-D": (ours.BatchNorm2d(3), (4, 5)),
    "ours 3-D": (ours.BatchNorm3d(3), (2, 3, 2)),
    "synchronized": (nn.SyncBatchNorm(3).eval(), (4, 5)),
}


@pytest.mark.parametrize("kind", NORMS)
def test_clients_weighted_by_their_samples_have_the_statistics_of_all_data(kind: str) -> None:
    norm, shape = NORMS[kind]
    layers, shares = clients(norm.double(), shape=shape)
    if kind == "synchronized":  # its forward needs a GPU; its state is the same
        for layer, share in zip(layers, shares, strict=True):
            layer.running_mean, layer.running_var = moments(share)
    else:
        layers = [biased(layer, share) for layer, share in zip(layers, shares, strict=True)]
    merged = average_models(layers, [len(share) for share in shares])
    mean, var = moments(torch.cat(shares))
    torch.testing.assert_close(merged.running_mean, mean, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(merged.running_var, var, rtol=1e-12, atol=0)


def test_unbiased_variances_are_merged_up_to_one_part_in_the_count() -> None:
    layers, shares = clients(nn.BatchNorm1d(3).double())
    merged = average_models(layers, [len(share) for share in shares])
    pooled = torch.cat(shares).transpose(0, 1).flatten(1).var(1)
    smallest = min(share.numel() / share.shape[1] for share in shares)
    assert ((merged.running_var / pooled - 1).abs() < 1 / smallest).all()


def test_the_plain_average_of_the_variances_is_too_small_where_means_differ() -> None:
    """What averaging all tensors of the state_dicts alike gives."""
    layers, shares = clients(nn.BatchNorm1d(3).double())
    weights = torch.tensor([len(share) for share in shares], dtype=torch.float64)
    weights /= weights.sum()
    plain = sum(weight * layer.running_var for weight, layer in zip(weights, layers, strict=True))
    _, var = moments(torch.cat(shares))
    assert (plain < var / 2).all()
    merged = average_models(layers, weights)
    assert ((merged.running_var / var - 1).abs() < 0.05).all()


def test_a_net_evaluates_all_data_with_the_merged_statistics_as_one_batch_of_them() -> None:
    """Clients that have the same weights, as behind a round of FedAvg, and data of their own."""
    layers, shares = clients(nn.BatchNorm1d(3).double())
    layers = [biased(layer, share) for layer, share in zip(layers, shares, strict=True)]
    x = torch.cat(shares)
    merged = average_models(layers, [len(share) for share in shares]).eval()
    torch.testing.assert_close(merged(x), copy.deepcopy(layers[0]).train()(x), rtol=1e-10, atol=1e-10)


numbers = st.floats(-1e6, 1e6, allow_subnormal=False)
variances = st.floats(0, 1e6, allow_subnormal=False)
entries = st.tuples(numbers, variances, numbers, st.floats(0, 1e3, allow_subnormal=False))
models = st.lists(entries, min_size=1, max_size=5).filter(lambda given: any(weight for *_, weight in given))


def state(mean, var, weight):
    values = {"running_mean": mean, "running_var": var, "weight": weight}
    return {name: torch.tensor([value], dtype=torch.float64) for name, value in values.items()}


def exactly(entries):
    """The formulas, in fractions."""
    total = sum(Fraction(share) for *_, share in entries)
    parts = [tuple(map(Fraction, entry)) for entry in entries]
    mean = sum(share * mean for mean, _, _, share in parts) / total
    var = sum(share * (var + (own - mean) ** 2) for own, var, _, share in parts) / total
    return {
        "running_mean": mean,
        "running_var": var,
        "weight": sum(share * weight for *_, weight, share in parts) / total,
    }


@settings(derandomize=True, max_examples=60, deadline=None)
@given(models)
def test_the_average_is_that_of_the_formulas_in_fractions(entries) -> None:
    merged = average_models([state(*entry[:3]) for entry in entries], [share for *_, share in entries])
    scale = {
        "running_mean": max(abs(mean) for mean, *_ in entries),
        "weight": max(abs(weight) for _, _, weight, _ in entries),
    }
    scale["running_var"] = max(var for _, var, *_ in entries) + (2 * scale["running_mean"]) ** 2
    for name, expected in exactly(entries).items():
        assert abs(Fraction(merged[name].item()) - expected) <= Fraction(scale[name]) * Fraction(1, 2**48), name


@settings(derandomize=True, max_examples=60, deadline=None)
@given(models)
def test_an_average_lies_within_what_it_is_of_and_a_variance_is_not_below_the_smallest(entries) -> None:
    counted = [entry for entry in entries if entry[3]]
    merged = average_models([state(*entry[:3]) for entry in entries], [share for *_, share in entries])
    for name, place in (("running_mean", 0), ("weight", 2)):
        values = [entry[place] for entry in counted]
        assert min(values) <= merged[name].item() <= max(values)
    assert merged["running_var"].item() >= min(var for _, var, *_ in counted)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64])
def test_each_value_is_rounded_once_to_its_own_dtype(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    xs = [torch.randn(100, generator=generator, dtype=torch.float64).to(dtype) for _ in range(3)]
    merged = average_models([{"x": x} for x in xs], [1, 2, 5])["x"]
    wide = [x.to(torch.complex128 if dtype.is_complex else torch.float64) for x in xs]
    exact = (wide[0] + 2 * wide[1] + 5 * wide[2]) / 8
    assert merged.dtype == dtype
    torch.testing.assert_close(merged, exact.to(dtype), rtol=1e-15 if dtype == torch.float64 else 0, atol=1e-16)


def test_values_that_are_equal_keep_every_bit() -> None:
    values = torch.tensor([0.1, -0.0, 1e-45, 3.4e38, -math.inf, math.nan, 1 / 3])
    merged = average_models([{"mask": values.clone()} for _ in range(7)], [0.1, 0.2, 0.7, 3, 5, 1e-9, 1 / 3])["mask"]
    assert torch.equal(merged.view(torch.int32), values.view(torch.int32))


@pytest.mark.parametrize("count", [3, 6, 7, 10])
def test_values_that_are_equal_beside_others_keep_every_bit(count: int) -> None:
    """Also infinities, such as those of a mask; sums of products would move the last bits of some."""
    same = torch.tensor([0.1, 1 / 3, 0.7, 1e-320, -math.inf], dtype=torch.float64)
    states = [{"x": torch.cat([same, torch.tensor([float(place)])])} for place in range(count)]
    merged = average_models(states)["x"]
    assert torch.equal(merged[:-1], same)
    assert merged[-1].item() == pytest.approx((count - 1) / 2)


def test_no_variance_is_negative_or_below_all_variances_by_rounding() -> None:
    least = 5e-324
    states = [{"running_mean": torch.zeros(1, dtype=torch.float64)} for _ in range(7)]
    for state in states:
        state["running_var"] = torch.tensor([least], dtype=torch.float64)
    states[0]["running_var"] = torch.tensor([2 * least], dtype=torch.float64)
    assert average_models(states)["running_var"].item() >= least


@pytest.mark.parametrize("weights", [[1, 3], [5e307, 1.5e308], [2e-310, 6e-310], [Fraction(1, 3), 1], [2, 6.0]])
def test_weights_are_divided_by_their_sum_however_large_or_small(weights) -> None:
    states = [{"x": torch.tensor([0.0])}, {"x": torch.tensor([4.0])}]
    assert average_models(states, weights)["x"].item() == pytest.approx(3.0)


@pytest.mark.parametrize("weights", [torch.tensor([1, 3]), torch.tensor([0.25, 0.75]).unbind(), iter((1.0, 3.0))])
def test_weights_may_be_in_a_tensor_in_tensors_or_in_an_iterator(weights) -> None:
    states = [{"x": torch.tensor([0.0])}, {"x": torch.tensor([4.0])}]
    assert average_models(states, weights)["x"].item() == 3.0


def test_counters_are_the_largest() -> None:
    layers = [nn.BatchNorm1d(2) for _ in range(3)]
    for layer, count in zip(layers, (4, 9, 2), strict=True):
        layer.num_batches_tracked.fill_(count)
    assert average_models(layers).num_batches_tracked == 9


def test_an_instance_norm_is_averaged_plainly() -> None:
    """Its variance is the mean of the instances', so that the law of total variance does not hold of it."""
    layers = [nn.InstanceNorm1d(3, track_running_stats=True, momentum=1.0).double() for _ in range(2)]
    x = torch.randn(10, 3, 50, dtype=torch.float64)
    shares = (x[:5], x[5:] + 4)
    for layer, share in zip(layers, shares, strict=True):
        layer(share)
    whole = nn.InstanceNorm1d(3, track_running_stats=True, momentum=1.0).double()
    whole(torch.cat(shares))
    merged = average_models(layers)
    torch.testing.assert_close(merged.running_var, whole.running_var)
    torch.testing.assert_close(merged.running_mean, whole.running_mean)


def test_statistics_of_any_shape_are_a_mean_and_a_variance() -> None:
    """As some norms keep them that are nobody's class here."""
    states = [
        {"n.running_mean": torch.full((1, 2, 1), mean), "n.running_var": torch.ones(1, 2, 1)} for mean in (0.0, 4.0)
    ]
    assert average_models(states)["n.running_var"].flatten().tolist() == [5.0, 5.0]


def test_a_mean_without_a_variance_beside_it_is_any_tensor() -> None:
    states = [{"running_mean": torch.tensor([mean])} for mean in (1.0, 2.0)]
    assert average_models(states)["running_mean"].item() == 1.5


def test_a_model_of_weight_zero_counts_for_nothing() -> None:
    good, broken = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    broken.running_mean.fill_(math.nan)
    broken.num_batches_tracked.fill_(100)
    merged = average_models([broken, good], [0, 1])
    assert torch.equal(merged.running_mean, torch.zeros(2))
    assert merged.num_batches_tracked == 0
