"""Copies, pickles, checkpoints, reprs: a source is a description, and a layer's state is torch's."""

import copy
import io
import pickle

import pytest
import torch
from torch import nn
from torch.func import functional_call

import batchnorm.nn as bn
from batchnorm.functional import RUNNING, as_source

from .layers import GHOSTS, KINDS, SOURCES, Call, build, draw, fill, inputs, takes

ANY = [(source, kind) for source in SOURCES for kind in ("1d", "2d", "add", "pool", "lazy 2d") if takes(kind, source)]


def pickled(layer):
    return pickle.loads(pickle.dumps(layer))  # noqa: S301  # our own, of a line before


def saved(layer):
    file = io.BytesIO()
    torch.save(layer, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


@pytest.mark.parametrize("again", [copy.deepcopy, copy.copy, pickled, saved])
@pytest.mark.parametrize(("source", "kind"), ANY)
def test_a_copy_of_a_layer_computes_the_same(source, kind, again):
    layer, _ = build(kind, source)
    other = again(layer)
    assert other.moments == as_source(source)
    if again is not copy.copy:  # which shares parameters and statistics
        given = inputs(kind, source)
        torch.testing.assert_close(Call(other, given).found, Call(layer, given).found, rtol=0, atol=0)


def test_a_copied_layer_of_the_running_statistics_is_batch_norm_for_those_who_fold():
    layer = copy.deepcopy(bn.BatchNorm2d(3, moments=RUNNING)).eval()
    assert nn.utils.fuse_conv_bn_eval(nn.Conv2d(2, 3, 1).eval(), layer).bias.shape == (3,)


@pytest.mark.parametrize(("source", "kind"), ANY)
def test_the_state_is_torchs_and_loads_strictly_both_ways(source, kind):
    layer, _ = build(kind, source)
    torchs = nn.BatchNorm2d(3, dtype=torch.float64)
    assert list(layer.state_dict()) == list(torchs.state_dict())
    torchs.load_state_dict(layer.state_dict(), strict=True)
    again, _ = build(kind, source)
    again.reset_parameters()
    again.load_state_dict(torchs.state_dict(), strict=True)
    torch.testing.assert_close(dict(again.state_dict()), dict(layer.state_dict()), rtol=0, atol=0)


@pytest.mark.parametrize("again", [copy.deepcopy, pickled])
def test_a_layer_that_was_pickled_before_there_were_sources_normalizes_by_the_batch(again):
    layer, _ = build("2d", "batch")
    del layer.__dict__["_source"]
    layer = again(layer)
    assert layer.moments == bn.Batch()
    x = draw(5, 3, 4, 5)
    torch.testing.assert_close(layer(x), build("2d", "batch")[0](x), rtol=0, atol=0)
    layer.moments = "ghost:2"
    assert layer.moments == bn.Ghost(2)


@pytest.mark.parametrize("source", SOURCES)
def test_an_old_checkpoint_without_the_counter_loads_strictly(source):
    state = nn.BatchNorm2d(3).state_dict()
    del state["num_batches_tracked"]
    state._metadata[""]["version"] = 1
    layer = bn.BatchNorm2d(3, moments=source)
    layer.load_state_dict(state, strict=True)
    assert layer.num_batches_tracked == 0


@pytest.mark.parametrize("source", SOURCES[1:])
@pytest.mark.parametrize("kind", KINDS)
def test_the_text_of_a_layer_names_the_source(kind, source):
    if takes(kind, source):
        assert f"moments='{as_source(source)}'" in repr(build(kind, source)[0])


def test_the_text_of_a_plain_layer_is_as_it_was():
    assert "moments" not in repr(bn.BatchNorm2d(3, moments="batch"))


@pytest.mark.parametrize("source", SOURCES)
def test_a_source_can_be_set_after_construction(source):
    layer, _ = build("2d", "batch")
    layer.moments = source
    given = inputs("2d", source)
    torch.testing.assert_close(Call(layer, given).found, Call(build("2d", source)[0], given).found, rtol=0, atol=0)
    layer.moments = None
    assert layer.moments == bn.Batch()


def test_layers_may_share_a_source_and_keep_their_own_state():
    source = bn.Renorm(2, 1, 0)
    first, second = (bn.BatchNorm2d(3, moments=source, dtype=torch.float64) for _ in range(2))
    first(draw(5, 3, 4, 5))
    assert first.moments is second.moments
    assert first.num_batches_tracked == 1
    assert second.num_batches_tracked == 0
    assert torch.equal(second.running_mean, torch.zeros(3, dtype=torch.float64))


@pytest.mark.parametrize(
    "given", [3, True, bn.Ghost, nn.BatchNorm2d, nn.ReLU(), "gohst:2", "ghost", "", torch.zeros(2)], ids=str
)
def test_what_is_no_source_is_refused_and_the_layer_stays_as_it_was(given):
    layer, _ = build("2d", "ghost:2")
    before = repr(layer), layer.moments, list(layer.state_dict())
    with pytest.raises((TypeError, ValueError), match="moments: expected"):
        layer.moments = given
    assert (repr(layer), layer.moments, list(layer.state_dict())) == before
    with pytest.raises((TypeError, ValueError), match="moments: expected"):
        bn.BatchNorm2d(3, moments=given)


@pytest.mark.parametrize("source", ["renorm", "population", "population:none", "blend:0.5"])
@pytest.mark.parametrize("make", [bn.BatchNorm1d, bn.BatchNormAdd2d, bn.LazyBatchNorm2d])
def test_a_source_that_reads_statistics_is_refused_by_a_layer_without(make, source):
    channels = () if make is bn.LazyBatchNorm2d else (3,)
    message = f"{make.__name__}: moments='{source}' reads the running statistics, and this layer has none. Pass track_"
    with pytest.raises(RuntimeError, match=message):
        make(*channels, track_running_stats=False, moments=source)
    layer = make(*channels, track_running_stats=False)
    with pytest.raises(RuntimeError, match=message):
        layer.moments = source
    assert layer.moments == bn.Batch()


@pytest.mark.parametrize(("make", "step"), [(bn.BatchNormAdd2d, "the residual"), (bn.BatchNormPool2d, "the max-pool")])
def test_a_mask_goes_with_no_residual_and_no_pool(make, step):
    with pytest.raises(
        RuntimeError, match=f"'masked' cannot be combined with {step}, which would mix valid places and"
    ):
        make(3, moments="masked")
    layer = make(3, moments="ghost:2")
    with pytest.raises(RuntimeError, match=f"'masked' cannot be combined with {step}"):
        layer.moments = "masked"
    assert layer.moments == bn.Ghost(2)


@pytest.mark.parametrize("kind", ["1d", "2d", "3d"])
@pytest.mark.parametrize("source", ["batch", "ghost:2", "renorm:2,1,0", "population", "blend:0.25"])
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_a_mask_that_is_not_taken_is_refused_and_moves_nothing(kind, source, training):
    layer, shape = build(kind, source)
    before = copy.deepcopy(layer.state_dict())
    with pytest.raises(TypeError, match=r"mask: expected None, for moments='.*' takes no mask, got one"):
        layer.train(training)(draw(*shape), torch.ones(shape[0], *shape[2:], dtype=torch.bool))
    torch.testing.assert_close(layer.state_dict(), before, rtol=0, atol=0)


@pytest.mark.parametrize("mask", [None, "float", "shape", "nothing", "one"])
def test_a_mask_that_is_missing_or_wrong_is_refused_and_moves_nothing(mask):
    layer, shape = build("1d", "masked")
    ones = torch.ones(shape[0], *shape[2:], dtype=torch.bool)
    one = (torch.arange(20) == 3).view(5, 4)
    given = {"float": ones.float(), "shape": ones[:, 1:], "nothing": ones & False, "one": one}.get(mask)
    before = copy.deepcopy(layer.state_dict())
    with pytest.raises((TypeError, ValueError), match="mask: expected"):
        layer(draw(*shape), given)
    torch.testing.assert_close(layer.state_dict(), before, rtol=0, atol=0)


def test_a_mask_may_be_named():
    layer, _ = build("1d", "masked")
    x, mask = inputs("1d", "masked")
    twin = copy.deepcopy(layer)
    torch.testing.assert_close(layer(input=x, mask=mask), twin(x, mask), rtol=0, atol=0)


@pytest.mark.parametrize("named", [True, False])
def test_a_lazy_layer_takes_a_mask_with_its_first_input(named):
    x, mask = inputs("1d", "masked")
    layer = bn.LazyBatchNorm1d(moments="masked", dtype=torch.float64)
    y = layer(mask=mask, input=x) if named else layer(x, mask)
    torch.testing.assert_close(y, bn.BatchNorm1d(3, moments="masked", dtype=torch.float64)(x, mask))


@pytest.mark.parametrize("rank", GHOSTS)
@pytest.mark.parametrize(
    ("size", "error"), [(0, ValueError), (-1, ValueError), (2.5, TypeError), (True, TypeError), ("a", TypeError)]
)
def test_a_ghost_layer_of_no_size_is_refused(rank, size, error):
    with pytest.raises(
        error, match="Ghost: size: expected the number of samples in a slice, an integer of at least 1, got"
    ):
        GHOSTS[rank](3, size)


@pytest.mark.parametrize("rank", GHOSTS)
def test_a_ghost_layer_takes_torchs_options_by_name(rank):
    layer = GHOSTS[rank](3, size=4, eps=0.5, momentum=None, affine=False, activation="relu", route="composed")
    found = {name: vars(layer)[name] for name in ("eps", "momentum", "affine", "activation", "route")}
    assert found == {"eps": 0.5, "momentum": None, "affine": False, "activation": "relu", "route": "composed"}
    assert layer.moments == bn.Ghost(4)


@pytest.mark.parametrize("text", ["batch", "ghost:2", "renorm", "population", "blend:0.5"])
def test_set_moments_sets_all_of_a_model_or_none(text):
    shared = bn.BatchNorm2d(3)
    net = nn.Sequential(shared, nn.BatchNorm2d(3), bn.BatchNormAdd2d(3), nn.Sequential(shared, bn.BatchNorm2d(3)))
    assert bn.set_moments(net, text) == 3
    assert [layer.moments for layer in (net[0], net[2], net[3][1])] == [as_source(text)] * 3
    assert not hasattr(net[1], "moments")


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("gohst:2", ValueError, "Did you mean 'ghost'"),
        ("masked", RuntimeError, "cannot be combined with the residual"),
        ("renorm", RuntimeError, "reads the running statistics, and this layer has none"),
        (3, TypeError, "expected a source of moments"),
    ],
)
def test_what_one_layer_cannot_take_is_set_for_none(text, error, message):
    net = nn.Sequential(
        bn.BatchNorm2d(3, moments="ghost:2"), bn.BatchNormAdd2d(3), bn.BatchNorm2d(3, track_running_stats=False)
    )
    if text == "renorm":
        net.append(bn.BatchNorm2d(3))
    with pytest.raises(error, match=message):
        bn.set_moments(net, text)
    assert [str(layer.moments) for layer in net][:3] == ["ghost:2", "batch", "batch"]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_a_layer_may_be_moved_to_another_type(source, dtype):
    layer = build("2d", source)[0].to(dtype)
    given = [one.to(dtype) if one.is_floating_point() else one for one in inputs("2d", source)]
    y = layer(*given)
    wanted = build("2d", source)[0](*inputs("2d", source))
    assert y.dtype is dtype
    torch.testing.assert_close(y.double(), wanted, rtol=0.1, atol=0.15)


@pytest.mark.parametrize("source", SOURCES)
def test_functional_call_takes_statistics_and_counter_from_outside(source):
    layer, given = build("2d", source)[0], inputs("2d", source)
    twin = copy.deepcopy(layer)
    state = {name: values.detach().clone() for name, values in fill(twin).state_dict().items()}
    y = functional_call(layer, state, given)
    torch.testing.assert_close(y, twin(*given))
    torch.testing.assert_close(state, dict(twin.state_dict()))


@pytest.mark.parametrize("source", SOURCES)
def test_hooks_see_what_a_call_takes_and_gives(source):
    layer, given = build("2d", source)[0], inputs("2d", source)
    seen = []
    layer.register_forward_pre_hook(lambda module, args: seen.append(args))
    layer.register_forward_hook(lambda module, args, output: seen.append(output))
    y = layer(*given)
    assert len(seen[0]) == len(given)
    assert seen[1] is y


@pytest.mark.parametrize("source", SOURCES)
def test_a_subclass_keeps_its_source(source):
    class Mine(bn.BatchNorm2d):
        def forward(self, input, mask=None):  # noqa: A002
            return super().forward(input, mask) * 2

    layer = fill(Mine(3, moments=source, dtype=torch.float64))
    given = inputs("2d", source)
    torch.testing.assert_close(layer(*given), 2 * build("2d", source)[0](*given))
