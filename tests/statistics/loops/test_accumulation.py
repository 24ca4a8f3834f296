"""Gradients accumulated over micro-batches: one step of the optimizer, one move of the statistics, by all samples."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from batchnorm.statistics import accumulate_statistics

from .oracle import distance, expected, norms, state_of, together

EVERY = 4


def train(model: nn.Module, batches, accumulated=nullcontext) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with accumulated(model):
        for number, (x, labels) in enumerate(batches, start=1):
            (cross_entropy(model(x), labels) / EVERY).backward()
            if number % EVERY == 0 or number == len(batches):
                optimizer.step()
                optimizer.zero_grad()


def by_four(model):
    return accumulate_statistics(model, EVERY)


def run(kind, batches, accumulated=nullcontext, **options):
    model = kind.classifier(**options)
    twin = kind.twin(model)
    train(twin, batches)
    train(model, batches, accumulated)
    return model, twin


def in_windows(calls):
    return [together(calls[start : start + EVERY]) for start in range(0, len(calls), EVERY)]


@pytest.mark.parametrize("micro_batches", [8, 7, 3], ids=["twice 4", "4, and 3 of 4", "3 of 4"])
def test_each_window_moves_the_statistics_once_by_all_its_samples(kind, micro_batches):
    model, twin = run(kind, kind.batches(micro_batches), by_four)
    assert distance(model, expected(twin, in_windows)) < 1e-12


def test_a_short_micro_batch_counts_by_its_samples(kind):
    batches = kind.batches(8)
    batches[2] = tuple(part[:2] for part in batches[2])
    model, twin = run(kind, batches, by_four)
    assert distance(model, expected(twin, in_windows)) < 1e-12


@pytest.mark.parametrize("momentum", [None, 0.5])
def test_the_momentum_is_the_norms_own(kind, momentum):
    model, twin = run(kind, kind.batches(8), by_four, momentum=momentum)
    assert distance(model, expected(twin, in_windows, momentum)) < 1e-12


def test_the_first_norm_stores_what_one_large_batch_would_have_stored(kind):
    batches = kind.batches(EVERY)
    large = kind.classifier()
    large(torch.cat([x for x, _ in batches]))
    model, _ = run(kind, batches, by_four)
    found, right = state_of(norms(model)[0]), state_of(norms(large)[0])
    np.testing.assert_allclose(found.mean, right.mean, rtol=1e-12)
    np.testing.assert_allclose(found.var, right.var, rtol=1e-12)
    assert found.counter == right.counter


def test_without_help_every_micro_batch_moves_them(kind):
    model, twin = run(kind, kind.batches(8))
    assert distance(model, expected(twin, list)) < 1e-12
    assert distance(model, expected(twin, in_windows)) == float("inf")


def test_without_help_the_variance_lacks_that_between_micro_batches(kind):
    """The batches have means of their own, as unshuffled ones have."""
    batches = kind.batches(40)
    plain, _ = run(kind, batches, momentum=None)
    helped, twin = run(kind, batches, by_four, momentum=None)
    whole = together(twin[1].calls)
    right = whole.squares / whole.count
    errors = [abs(np.log(state_of(norms(model)[0]).var / right)).max() for model in (helped, plain)]
    assert errors[0] < errors[1]


def test_the_weights_are_the_same_with_help_and_without(kind):
    helped, plain = run(kind, kind.batches(7), by_four)[0], run(kind, kind.batches(7))[0]
    assert all(torch.equal(p, q) for p, q in zip(helped.parameters(), plain.parameters(), strict=True))


def test_a_window_that_an_exception_cuts_off_is_dropped(kind):
    model = kind.classifier()
    twin, batches = kind.twin(model), kind.images(6)

    def epoch():
        with accumulate_statistics(model, EVERY):
            for x in batches:
                model(x), twin(x)
            raise KeyError("disk")

    with pytest.raises(KeyError, match="disk"):
        epoch()
    assert distance(model, expected(twin, lambda calls: [together(calls[:EVERY])])) < 1e-12
