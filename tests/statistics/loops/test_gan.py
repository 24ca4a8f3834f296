"""A GAN's step: the discriminator meets real and generated images, and is to hold the statistics of the real ones."""

from contextlib import nullcontext
from functools import cache

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from batchnorm.statistics import no_statistics_update

from .oracle import distance, expected, norms, state_of, together

STEPS = 3


def train(discriminator: nn.Module, generator: nn.Module, real, noise, quiet=nullcontext, lr: float = 0.05) -> None:
    """Goodfellow et al., 2014, a class for real and one for generated images; `quiet` around what is not to be seen."""
    judging = torch.optim.SGD(discriminator.parameters(), lr=lr)
    making = torch.optim.SGD(generator.parameters(), lr=lr)
    for images, z in zip(real, noise, strict=True):
        genuine, made = torch.ones(len(images)).long(), torch.zeros(len(images)).long()
        with quiet(generator):
            fakes = generator(z).detach()
        loss = cross_entropy(discriminator(images), genuine)
        with quiet(discriminator):
            loss = loss + cross_entropy(discriminator(fakes), made)
        judging.zero_grad()
        loss.backward()
        judging.step()

        with quiet(discriminator):
            loss = cross_entropy(discriminator(generator(z)), genuine)
        making.zero_grad()
        loss.backward()
        making.step()


@cache
def run(kind, quiet=nullcontext):
    nets = kind.classifier(), kind.generator()
    twins = [kind.twin(net) for net in nets]
    data = kind.images(STEPS), kind.images(STEPS, shift=0.0, seed=1)
    train(*twins, *data)
    train(*nets, *data, quiet)
    return nets, twins


def real_ones(calls):
    assert len(calls) == 3 * STEPS  # real, generated, and generated for the generator's own step
    return calls[::3]


def last_ones(calls):
    assert len(calls) == 2 * STEPS  # what the discriminator learns from, and what the generator learns by
    return calls[1::2]


def test_the_discriminator_holds_the_statistics_of_real_images(kind):
    (discriminator, _), (twin, _) = run(kind, no_statistics_update)
    assert distance(discriminator, expected(twin, real_ones)) < 1e-12


def test_the_generator_counts_each_step_once(kind):
    (_, generator), (_, twin) = run(kind, no_statistics_update)
    assert distance(generator, expected(twin, last_ones)) < 1e-12


def test_without_help_the_discriminator_holds_a_mixture_of_three_forwards(kind):
    (discriminator, _), (twin, _) = run(kind)
    assert distance(discriminator, expected(twin, list)) < 1e-12
    assert distance(discriminator, expected(twin, real_ones)) == float("inf")


def test_without_help_the_statistics_are_nearer_to_those_of_generated_images(kind):
    """Two of three forwards of a step, and the last of it, are of generated ones."""
    (discriminator, _), (twin, _) = run(kind)
    first = twin[1]
    found = state_of(norms(discriminator)[0]).mean
    real, made = together(first.calls[::3]), together([*first.calls[1::3], *first.calls[2::3]])
    assert abs(found - made.mean).sum() < abs(found - real.mean).sum()


def test_the_weights_are_the_same_with_help_and_without(kind):
    helped, plain = run(kind, no_statistics_update)[0], run(kind)[0]
    pairs = [zip(a.parameters(), b.parameters(), strict=True) for a, b in zip(helped, plain, strict=True)]
    assert all(torch.equal(p, q) for pair in pairs for p, q in pair)
