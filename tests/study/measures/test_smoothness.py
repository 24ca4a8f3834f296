"""Smoothness along the gradient, against softmax regression written out, and its independence of weights' scales."""

import numpy as np
import pytest
import torch
from torch import nn

from batchnorm.nn import BatchNorm1d
from batchnorm.study.measures import relative_smoothness, smoothness

GENERATOR = torch.Generator().manual_seed(1)
IMAGES = torch.randn(16, 4, dtype=torch.float64, generator=GENERATOR)
LABELS = torch.arange(16) % 3
STEPS = (0.5, 2.0, 8.0)


def regression(weight: np.ndarray) -> tuple[float, np.ndarray]:
    """Loss and gradient of softmax regression without a bias."""
    exps = np.exp(IMAGES.numpy() @ weight.T)
    chances = exps / exps.sum(1, keepdims=True)
    loss = -np.log(chances[np.arange(16), LABELS.numpy()]).mean()
    return float(loss), (chances - np.eye(3)[LABELS.numpy()]).T @ IMAGES.numpy() / 16


def linear() -> nn.Linear:
    torch.manual_seed(2)
    return nn.Linear(4, 3, bias=False).double()


def test_along_steps_of_gradient_descent_loss_and_gradient_are_those_of_the_formula() -> None:
    net = linear()
    weight = net.weight.detach().numpy()
    loss, gradient = regression(weight)
    there = [regression(weight - step * gradient) for step in STEPS]
    losses = [loss, *(other for other, _ in there)]
    changes = [np.linalg.norm(other - gradient) for _, other in there]
    found = smoothness(net, IMAGES, LABELS, STEPS)
    assert found.loss_range == pytest.approx(max(losses) - min(losses), rel=1e-9)
    assert found.gradient_change == pytest.approx(max(changes), rel=1e-9)
    betas = [change / (step * np.linalg.norm(gradient)) for change, step in zip(changes, STEPS, strict=True)]
    assert found.beta == pytest.approx(max(betas), rel=1e-9)


def test_a_relative_step_is_a_part_of_the_weights_own_length() -> None:
    net = linear()
    weight = net.weight.detach().numpy()
    _, gradient = regression(weight)
    _, other = regression(weight - 0.1 * np.linalg.norm(weight) / np.linalg.norm(gradient) * gradient)
    found = relative_smoothness(net, IMAGES, LABELS, (0.1,))
    change = np.linalg.norm(other - gradient) / np.linalg.norm(gradient)
    assert found.gradient_change == pytest.approx(change, rel=1e-9)
    assert found.beta == pytest.approx(10 * change, rel=1e-9)


def normed(scale: float) -> nn.Sequential:
    torch.manual_seed(3)
    layers = (nn.Linear(4, 6, bias=False), BatchNorm1d(6, eps=1e-14), nn.Tanh(), nn.Linear(6, 3))
    net = nn.Sequential(*layers).double()
    with torch.no_grad():
        net[0].weight.mul_(scale)
    return net


def test_relative_smoothness_does_not_depend_on_the_scale_of_weights_behind_which_a_norm_follows() -> None:
    small, large = (relative_smoothness(normed(scale), IMAGES, LABELS) for scale in (1.0, 10.0))
    assert large == pytest.approx(small, rel=1e-6)


def test_beta_of_gradient_descent_depends_on_it() -> None:
    small, large = (smoothness(normed(scale), IMAGES, LABELS, (0.01,)) for scale in (1.0, 10.0))
    assert large.beta < 0.9 * small.beta
