"""A call that a source cannot answer: one message, and the statistics as they were."""

import pytest
import torch

from batchnorm.functional import batch_norm, batch_norm_add, batch_norm_pool

X = torch.randn(4, 3, 5, 5, generator=torch.Generator().manual_seed(0))
ONES = torch.ones(4, 5, 5, dtype=torch.bool)
ONE = torch.zeros(4, 5, 5, dtype=torch.bool).index_put(
    (torch.tensor(2), torch.tensor(1), torch.tensor(3)), torch.tensor(True)
)
ROUTES = ["auto", "composed", "native", "fused"]
ONE_VALUE = "expected more than 1 value per channel when training"


def refuses(error, message, x=X, *, training=True, **options):
    mean, var = torch.zeros(3), torch.ones(3)
    with pytest.raises(error, match=message):
        batch_norm(x, mean, var, training=training, **options)
    assert torch.equal(mean, torch.zeros(3))
    assert torch.equal(var, torch.ones(3))


MASKS = {
    "none": (None, TypeError, "expected a tensor of bool, True where a place is valid, got None. To normalize every"),
    "float": (ONES.float(), TypeError, r"got a tensor of torch.float32. Convert it: mask.bool\(\)"),
    "integer": (ONES.long(), TypeError, "got a tensor of torch.int64"),
    "list": (ONES.tolist(), TypeError, r"got list. Convert it: torch.as_tensor\(mask\).bool\(\)"),
    "array": (ONES.numpy(), TypeError, "got ndarray"),
    "shorter": (
        ONES[:, :4],
        ValueError,
        r"expected the shape \(4, 5, 5\) or \(4, 1, 5, 5\) beside x \(4, 3, 5, 5\), got",
    ),
    "a batch of 1": (ONES[:1], ValueError, r"got \(1, 5, 5\)"),
    "by sample": (ONES[:, 0, 0], ValueError, r"got \(4,\)"),
    "by channel": (
        ONES[:, None].expand(4, 3, 5, 5),
        ValueError,
        r"got \(4, 3, 5, 5\). A place is valid for all channels",
    ),
    "meta": (ONES.to("meta"), ValueError, "expected a mask on the device of x, cpu, got meta"),
}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", MASKS)
def test_a_mask_that_is_none_of_this_batch_is_refused(name, training):
    mask, error, message = MASKS[name]
    refuses(error, f"mask: .*{message}", mask=mask, moments="masked", training=training)


@pytest.mark.parametrize("training", [True, False])
def test_a_fill_that_half_types_cannot_hold_is_refused(training):
    message = "moments: expected a fill that torch.float16 can hold, got 'masked:-100000.0'"
    refuses(ValueError, message, X.half(), mask=ONES, moments="masked:-1e5", training=training)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(("mask", "count"), [(ONES & False, 0), (ONE, 1)])
def test_too_few_valid_places_are_refused_in_training(mask, count, route):
    message = f"mask: expected more than 1 valid place when training, .* got {count}"
    refuses(ValueError, message, mask=mask, moments="masked", route=route)


@pytest.mark.parametrize("x", [torch.tensor(3.0), torch.randn(3)], ids=["0 axes", "1 axis"])
def test_a_mask_beside_an_x_without_channels_is_not_what_is_named(x):
    refuses((RuntimeError, IndexError), r"x must have the shape \(N, C, \*\)", x, mask=ONES, moments="masked")


@pytest.mark.parametrize(
    "moments", [None, "batch", "ghost:2", "renorm:2,1,0", "population", "population:none", "blend:0.5"]
)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("size", [4, 0], ids=["batch", "empty"])
def test_a_mask_that_no_source_takes_is_refused(moments, training, size):
    message = f"mask: expected None, for moments='{moments or 'batch'}.*' takes no mask, got one"
    refuses(TypeError, message, X[:size], mask=ONES[:size], moments=moments, training=training)


@pytest.mark.parametrize(
    ("function", "own"), [(batch_norm_add, (X,)), (batch_norm_pool, ())], ids=["batch_norm_add", "batch_norm_pool"]
)
def test_a_mask_goes_with_no_residual_and_no_pool(function, own):
    mean, var = torch.zeros(3), torch.ones(3)
    with pytest.raises(RuntimeError, match=r"'masked' cannot be combined with a .*, which would mix valid places and"):
        function(X, *own, mean, var, training=True, moments="masked")
    assert torch.equal(mean, torch.zeros(3))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("moments", ["renorm:2,1,0", "population", "population:none", "blend:0.5"])
def test_a_source_that_reads_statistics_needs_them(moments, training):
    with pytest.raises(
        RuntimeError, match=f"moments='{moments}' reads running_mean and running_var, expected both, got"
    ):
        batch_norm(X, None, None, training=training, moments=moments)


@pytest.mark.parametrize("moments", ["ghost:2", "masked"])
def test_evaluation_needs_statistics_whatever_the_source(moments):
    mask = ONES if moments == "masked" else None
    with pytest.raises(RuntimeError, match="running_mean must be given in evaluation mode"):
        batch_norm(X, None, None, moments=moments, mask=mask)


def test_renorm_needs_the_counter_to_warm_up():
    message = r"expected num_batches_tracked, by which Renorm.* widens its limits, got None. .* Renorm\(warmup=0\)"
    refuses(RuntimeError, message, moments="renorm")


@pytest.mark.parametrize(
    ("counter", "got"), [(5, "5"), (2.0, "2.0"), (torch.tensor([5, 6]), "shape .2,."), ("a", "'a'")], ids=repr
)
@pytest.mark.parametrize("moments", ["renorm", "ghost:2"])
def test_a_counter_that_is_none_is_refused(moments, counter, got):
    message = f"num_batches_tracked: expected the updates so far, one integer as a tensor, got .*{got}"
    refuses(TypeError, message, moments=moments, num_batches_tracked=counter)


@pytest.mark.parametrize("moments", ["batch", "ghost:2", "renorm:2,1,0", "population", "blend:0.5"])
def test_one_value_per_channel_is_refused_in_training(moments):
    refuses(ValueError, ONE_VALUE, X[:1, :, 0, 0], moments=moments)


def test_slices_of_one_value_per_channel_are_refused_as_slices():
    message = r"moments: expected slices of more than 1 value per channel .* got 'ghost:1' of x \(4, 3\). Take larger"
    refuses(ValueError, message, X[:, :, 0, 0], moments="ghost:1")


@pytest.mark.parametrize("moments", ["ghost:2", "renorm:2,1,0", "population", "population:none", "blend:0.5"])
@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (X[:, :2], RuntimeError, "running_mean must have 2 values"),
        (X.double(), RuntimeError, "running_mean must have the dtype torch.float64"),
        (X.int(), NotImplementedError, "x must be of a floating-point dtype"),
        (X[0, 0, 0], RuntimeError, r"x must have the shape \(N, C, \*\)"),
        (X.tolist(), TypeError, "x must be a tensor"),
        (X.to("meta"), RuntimeError, "running_mean must be on the device of x, meta"),
    ],
    ids=["channels", "dtype", "integers", "axes", "list", "device"],
)
def test_what_batch_norm_refuses_is_refused_with_its_message(moments, x, error, message):
    refuses(error, message, x, moments=moments)


@pytest.mark.parametrize("moments", ["ghost:2", "renorm:2,1,0", "population", "blend:0.5"])
def test_an_unknown_route_or_activation_is_refused_first(moments):
    refuses(ValueError, "activation: expected a known name", moments=moments, activation="rleu")
    refuses(ValueError, "route: expected a known name", moments=moments, route="fussed")
