"""Every source of moments in every layer, by every route, with activations: one definition for all."""

import pytest
import torch
from torch import nn

import batchnorm.nn as bn
from batchnorm.functional import ROUTES

from .layers import GHOSTS, KINDS, SOURCES, Call, build, defined, draw, fill, inputs, takes

WAYS = ["auto", *ROUTES]
ACTIVATIONS = {
    "None": lambda: None,
    "relu": lambda: "relu",
    "silu": lambda: "silu",
    "module": lambda: nn.PReLU(init=0.3, dtype=torch.float64),
    "function": lambda: torch.tanh,
}
MODES = {"training": True, "evaluation": False}
TABLE = [(source, kind, route) for source in SOURCES for kind in KINDS for route in WAYS if takes(kind, source)]


def refusal(layer, given):
    """What the kernels say that cannot take a call, which then has changed nothing; None where they can."""
    before = {name: values.clone() for name, values in layer.state_dict().items()}
    try:
        layer(*given)
    except RuntimeError as error:
        torch.testing.assert_close(dict(layer.state_dict()), before, rtol=0, atol=0)
        return str(error)
    layer.load_state_dict(before)
    return None


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("source", "kind", "route"), TABLE)
def test_every_combination_gives_the_definition_and_the_kernels_refuse_what_they_refuse_without_a_source(
    source, kind, route, mode
):
    given = inputs(kind, source)
    for activation, make in ACTIVATIONS.items():
        layer, _ = build(kind, source, route=route, activation=make())
        layer.train(MODES[mode])
        if route == "fused" and (reason := refusal(layer, given)):
            plain, _ = build(kind, None, route=route, activation=make())
            assert reason == refusal(plain.train(MODES[mode]), given)
            continue
        wanted, call = defined(kind, source, activation, MODES[mode]), Call(layer, given)
        torch.testing.assert_close({name: call.found[name] for name in wanted}, wanted, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("route", WAYS)
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("rank", GHOSTS)
def test_the_ghost_layers_are_layers_with_that_source(rank, training, route):
    layer = fill(GHOSTS[rank](3, 2, dtype=torch.float64, route=route)).train(training)
    plain, shape = build(f"{rank}d", "ghost:2", route=route)
    x = draw(*shape)
    torch.testing.assert_close(Call(layer, (x,)).found, Call(plain.train(training), (x,)).found, rtol=0, atol=0)


@pytest.mark.parametrize(
    "options", [{"affine": False}, {"bias": False}, {"momentum": None}, {"momentum": 0.0}, {"eps": 0.5}], ids=str
)
@pytest.mark.parametrize("source", [source for source in SOURCES if not source.startswith("masked")])
def test_the_routes_agree_whatever_the_layers_options(source, options):
    calls = []
    for route in ("composed", "native"):
        layer, _ = build("2d", source, route=route, **options)
        for _ in range(3):
            call = Call(layer, inputs("2d", source))
        calls.append(call.found)
    torch.testing.assert_close(calls[1], calls[0])


@pytest.mark.parametrize(("source", "counts"), [(source, not source.startswith("population")) for source in SOURCES])
def test_batches_that_move_the_statistics_are_counted(source, counts):
    layer, _ = build("2d", source)
    given = inputs("2d", source)
    layer(*given)
    assert layer.num_batches_tracked == 4 + counts
    layer.eval()(*given)
    assert layer.num_batches_tracked == 4 + counts


@pytest.mark.parametrize("source", ["ghost:2", "masked"])
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_a_layer_without_statistics_takes_a_source_that_reads_none(source, training):
    """In evaluation it normalizes by the batch, as torch's; a mask is taken in both."""
    layer = bn.BatchNorm2d(3, track_running_stats=False, moments=source, dtype=torch.float64).train(training)
    given = inputs("2d", source)
    tracked = bn.BatchNorm2d(3, moments=source if training or source == "masked" else None, dtype=torch.float64)
    torch.testing.assert_close(layer(*given), tracked(*given))


@pytest.mark.parametrize("source", ["renorm:2,1,0", "population", "population:none", "blend:0.25"])
def test_whose_statistics_are_switched_off_by_hand_normalizes_by_the_batch(source):
    layer = bn.BatchNorm2d(3, moments=source, dtype=torch.float64)
    layer.track_running_stats = False
    x = draw(5, 3, 4, 5)
    torch.testing.assert_close(layer(x), nn.BatchNorm2d(3, dtype=torch.float64)(x))
    assert layer.num_batches_tracked == 0


def test_renorm_counts_its_own_updates():
    """With every batch its limits widen: three calls against three with counters that are handed in."""
    layer = fill(bn.BatchNorm1d(3, moments="renorm:2,1,3", dtype=torch.float64))
    mean, var = layer.running_mean.clone(), layer.running_var.clone()
    layer.num_batches_tracked.zero_()
    for count in range(4):
        x = draw(8, 3, seed=count) * 3
        y = bn_by_hand(x, mean, var, layer, count)
        torch.testing.assert_close(layer(x), y)


def bn_by_hand(x, mean, var, layer, count):
    """One update of batch renormalization, from Ioffe's algorithm 1."""
    share = min(count / 3, 1)
    r_limit, d_limit = 1 + share, share
    own, spread = x.mean(0), x.var(0, correction=0)
    sigma_batch, sigma = (spread + 1e-5).sqrt(), (var + 1e-5).sqrt()
    r, d = (sigma_batch / sigma).clamp(1 / r_limit, r_limit), ((own - mean) / sigma).clamp(-d_limit, d_limit)
    y = ((x - own) / sigma_batch * r + d) * layer.weight + layer.bias
    mean += 0.1 * (own - mean)
    var += 0.1 * (x.var(0) - var)
    return y
