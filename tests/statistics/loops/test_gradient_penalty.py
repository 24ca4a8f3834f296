"""A gradient penalty (WGAN-GP): a third forward, on mixed images, is differentiated twice and must move nothing."""

from contextlib import nullcontext
from functools import cache

import torch
from torch import Tensor, nn

from batchnorm.statistics import no_statistics_update

from .oracle import distance, expected

STEPS = 3


def penalty(critic: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    """Gulrajani et al., 2017: how far the slope of the critic between real and generated images is from 1."""
    share = torch.linspace(0, 1, len(real), dtype=real.dtype).view(-1, *[1] * (real.dim() - 1))
    mixed = (share * real + (1 - share) * fake).requires_grad_()
    (slope,) = torch.autograd.grad(critic(mixed)[:, 0].sum(), mixed, create_graph=True)
    return (slope.flatten(1).norm(dim=1) - 1).square().mean()


def train(critic: nn.Module, real, fake, quiet=nullcontext) -> None:
    optimizer = torch.optim.SGD(critic.parameters(), lr=0.05)
    for images, made in zip(real, fake, strict=True):
        loss = -critic(images)[:, 0].mean()
        with quiet(critic):
            loss = loss + critic(made)[:, 0].mean() + 10 * penalty(critic, images, made)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@cache
def run(kind, quiet=nullcontext):
    critic = kind.classifier()
    twin = kind.twin(critic)
    data = kind.images(STEPS), kind.images(STEPS, shift=0.0, seed=1)
    train(twin, *data)
    train(critic, *data, quiet)
    return critic, twin


def real_ones(calls):
    assert len(calls) == 3 * STEPS
    return calls[::3]


def test_the_critic_holds_the_statistics_of_real_images(kind):
    critic, twin = run(kind, no_statistics_update)
    assert distance(critic, expected(twin, real_ones)) < 1e-10


def test_without_help_it_holds_those_of_mixed_images_that_nobody_has(kind):
    critic, twin = run(kind)
    assert distance(critic, expected(twin, list)) < 1e-10
    assert distance(critic, expected(twin, real_ones)) == float("inf")


def test_the_second_derivatives_are_those_of_the_formula(kind):
    critic, twin = run(kind, no_statistics_update)
    for p, q in zip(critic.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-7, atol=1e-10)
