"""A variant of somebody's own: a few lines that say what normalizes, and nothing else."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
import torch

from batchnorm.functional import BATCH, RUNNING, Moments, batch_norm
from batchnorm.nn import BatchNorm1d, Ghost, Masked, Normalizer, Source

from ..batch_norm_cases import make_case, run
from .oracle import column, moments, slices
from .test_masked import mask_of

ROUTES = ["auto", "composed", "native", "fused"]


@dataclass(frozen=True)
class Shrunk(Source):
    """The variance between the batch's and 1, as a shrinkage estimator has it."""

    weight: float = 0.5

    def normalizer(self, own, state, eps):
        var = (1 - self.weight) * own.var + self.weight
        return Normalizer(own.mean, torch.rsqrt(var + eps))


@dataclass(frozen=True)
class Halves(Shrunk):
    """The same, half by half."""

    def sizes(self, count, inner):
        return (count // 2, count - count // 2)


@dataclass(frozen=True)
class TracksMore(Source):
    """The batch's moments, of which the running variance sees twice as much."""

    def tracked(self, own):
        return Moments(own.mean, 2 * own.var, own.count)


@dataclass(frozen=True)
class ShrunkValid(Shrunk):
    """The shrunk variance of the valid places."""

    takes_mask: ClassVar[bool] = True
    fill: ClassVar[float] = 9.0

    def at(self, *, training):
        return self


@dataclass(frozen=True)
class RawMeans(Source):
    """Centered by the running mean of the layer as it is stored."""

    reads_running: ClassVar[bool] = True

    def normalizer(self, own, state, eps):
        return Normalizer(state.running_mean, torch.ones_like(own.mean))


ARGUMENTS, DY = make_case((9, 4, 3), dtype=torch.float64)


def shrunk(x, weight=0.5):
    mean, var, _ = moments(x)
    return (x - column(mean, x)) / column(torch.sqrt((1 - weight) * var + weight + 1e-5), x)


def affine(x_hat, weight, bias):
    return x_hat * column(weight, x_hat) + column(bias, x_hat)


def by_formula(formula):
    return run(lambda x, mean, var, weight, bias: affine(formula(x), weight, bias), ARGUMENTS, DY)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    ("source", "formula"),
    [
        (Shrunk(), shrunk),
        (Shrunk(0.0), lambda x: shrunk(x, 0.0)),
        (Halves(), lambda x: torch.cat([shrunk(part) for part in (x[:4], x[4:])])),
        (RawMeans(), lambda x: x - column(ARGUMENTS[1], x)),
    ],
)
def test_what_normalizes_and_its_gradient_follow_from_the_source(source, formula, route):
    found, wanted = run(batch_norm, ARGUMENTS, DY, training=True, moments=source, route=route), by_formula(formula)
    for name in ("y", "dx", "dweight", "dbias"):
        np.testing.assert_allclose(found[name], wanted[name], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("source", [Shrunk(), Halves(), RawMeans()])
def test_the_statistics_see_the_batch_unless_the_source_says_otherwise(source, route):
    options = {"training": True, "route": route}
    found, plain = run(batch_norm, ARGUMENTS, DY, moments=source, **options), run(batch_norm, ARGUMENTS, DY, **options)
    for name in ("running_mean", "running_var"):
        np.testing.assert_allclose(found[name], plain[name], rtol=1e-12)


@pytest.mark.parametrize("route", ROUTES)
def test_what_a_source_tracks_is_what_the_statistics_see(route):
    found = run(batch_norm, ARGUMENTS, DY, training=True, moments=TracksMore(), route=route)
    plain = run(batch_norm, ARGUMENTS, DY, training=True)
    before = ARGUMENTS[2].numpy()
    np.testing.assert_allclose(found["y"], plain["y"], rtol=1e-10)
    # 0.9 v + 0.1 u becomes 0.9 v + 0.2 u.
    np.testing.assert_allclose(found["running_var"], 2 * plain["running_var"] - 0.9 * before, rtol=1e-12)


@pytest.mark.parametrize("route", ROUTES)
def test_in_evaluation_it_is_batch_norm_unless_the_source_says_otherwise(route):
    found = run(batch_norm, ARGUMENTS, DY, moments=Shrunk(), route=route)
    np.testing.assert_allclose(found["y"], run(batch_norm, ARGUMENTS, DY)["y"], rtol=1e-12)


@pytest.mark.parametrize("route", ROUTES)
def test_a_source_of_valid_places_is_given_their_moments(route):
    x, mean, var, weight, bias = (values.clone() for values in ARGUMENTS)
    mask = mask_of(x.shape)
    y = batch_norm(x, mean, var, weight, bias, True, moments=ShrunkValid(), mask=mask, route=route)
    rows = x.movedim(1, -1)[mask]
    torch.testing.assert_close(y.movedim(1, -1)[mask], affine(shrunk(rows), weight, bias))
    assert (y.movedim(1, -1)[~mask] == 9).all()


def test_what_inherits_from_masked_keeps_its_way():
    @dataclass(frozen=True)
    class Mine(Masked):
        pass

    x, mask = ARGUMENTS[0], mask_of((9, 4, 3))
    options = {"training": True, "mask": mask}
    mine, plain = (batch_norm(x, None, None, moments=source, **options) for source in (Mine(1.0), Masked(1.0)))
    torch.testing.assert_close(mine, plain, rtol=0, atol=0)


def test_what_inherits_from_ghost_keeps_its_slices():
    @dataclass(frozen=True)
    class Mine(Ghost):
        def normalizer(self, own, state, eps):
            return Shrunk().normalizer(own, state, eps)

    y = batch_norm(ARGUMENTS[0], None, None, training=True, moments=Mine(4))
    torch.testing.assert_close(y, torch.cat([shrunk(part) for part in slices(ARGUMENTS[0], 4)]))


def test_a_source_that_raises_moves_nothing():
    @dataclass(frozen=True)
    class Raises(Source):
        def normalizer(self, own, state, eps):
            raise ArithmeticError("not today")

    layer = BatchNorm1d(4, moments=Raises(), dtype=torch.float64)
    with pytest.raises(ArithmeticError, match="not today"):
        layer(ARGUMENTS[0])
    assert torch.equal(layer.running_mean, torch.zeros(4, dtype=torch.float64))
    assert layer.num_batches_tracked == 0


def test_a_source_may_not_write_into_the_layers_state():
    """It is given copies, which a graph may keep."""

    @dataclass(frozen=True)
    class Writes(Source):
        def normalizer(self, own, state, eps):
            state.running_mean.fill_(99)
            return super().normalizer(own, state, eps)

    mean, var = torch.zeros(4, dtype=torch.float64), torch.ones(4, dtype=torch.float64)
    batch_norm(ARGUMENTS[0], mean, var, training=True, momentum=0.0, moments=Writes())
    assert (mean == 0).all()


def test_the_moments_that_a_source_names_for_evaluation_are_taken():
    @dataclass(frozen=True)
    class Always(Source):
        """The batch's moments in both modes."""

        def at(self, *, training):
            return BATCH

    @dataclass(frozen=True)
    class Never(Source):
        """The running ones in both."""

        def at(self, *, training):
            return RUNNING

    x, mean, var, *_ = ARGUMENTS
    always = batch_norm(x, mean.clone(), var.clone(), moments=Always())
    torch.testing.assert_close(always, batch_norm(x, None, None, training=True))
    never = batch_norm(x, mean.clone(), var.clone(), training=True, moments=Never())
    torch.testing.assert_close(never, batch_norm(x, mean, var))


@dataclass(frozen=True)
class Same(Source):
    """Itself in both modes."""

    def at(self, *, training):
        return self


@dataclass(frozen=True)
class ByBatch(Source):
    """Plain batch norm in both modes."""

    def at(self, *, training):
        return BATCH


@dataclass(frozen=True)
class SameShrunk(Shrunk, Same):
    """Itself in both modes, and no plain one."""


@dataclass(frozen=True)
class Untracked(Source):
    """Plain, but that nothing is to be tracked."""

    tracks: ClassVar[bool] = False


@dataclass(frozen=True)
class UntrackedShrunk(Shrunk, Untracked):
    """Not even plain."""


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("source", [Same(), ByBatch()])
def test_a_plain_source_that_answers_in_evaluation_is_given_the_batch(source, route):
    x, mean, var, *_ = (values.clone() for values in ARGUMENTS)
    y = batch_norm(x, mean, var, moments=source, route=route)
    torch.testing.assert_close(y, batch_norm(x, None, None, training=True))


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("source", [Same(), ByBatch(), SameShrunk()])
def test_evaluation_moves_no_statistics_whatever_normalizes(source, route):
    x, mean, var, *_ = (values.clone() for values in ARGUMENTS)
    batch_norm(x, mean, var, moments=source, route=route)
    torch.testing.assert_close((mean, var), tuple(ARGUMENTS[1:3]), rtol=0, atol=0)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("source", [Untracked(), UntrackedShrunk()])
def test_a_source_that_does_not_track_moves_no_statistics(source, route):
    x, mean, var, *_ = (values.clone() for values in ARGUMENTS)
    batch_norm(x, mean, var, training=True, moments=source, route=route)
    torch.testing.assert_close((mean, var), tuple(ARGUMENTS[1:3]), rtol=0, atol=0)


def test_a_layer_whose_source_does_not_track_counts_no_batches():
    layer = BatchNorm1d(4, moments=Untracked(), dtype=torch.float64)
    layer(ARGUMENTS[0])
    assert layer.num_batches_tracked == 0
    assert torch.equal(layer.running_var, torch.ones(4, dtype=torch.float64))


@dataclass(frozen=True)
class Cut(Source):
    """Slices as somebody counts them."""

    parts: tuple[int, ...]

    def sizes(self, count, inner):
        return self.parts


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("parts", [(4, 0, 5), (4, 4), (3,), (), (10, -1)])
def test_slices_that_are_not_the_batch_are_refused_and_nothing_has_moved(parts, route):
    mean, var = torch.zeros(3), torch.ones(3)
    with pytest.raises(ValueError, match=r"expected slices of at least 1 sample, 9 in all, got .* by Cut\.sizes"):
        batch_norm(torch.randn(9, 3, 4, 4), mean, var, training=True, moments=Cut(parts), route=route)
    assert (mean.tolist(), var.tolist()) == ([0.0] * 3, [1.0] * 3)
