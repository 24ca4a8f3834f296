"""Adaptation at test time: running statistics mixed with those of the batch that is evaluated, and none of it kept."""

import pytest
import torch
from torch import Tensor, nn

from batchnorm.statistics import blended_statistics

from .oracle import norms

EPS = 1e-5


def by_hand(model: nn.Sequential, x: Tensor, alpha: float) -> Tensor:
    """The net with the law of total variance of two sources, which weigh 1 - alpha and alpha, in each norm."""
    for layer in model:
        if layer not in norms(model):
            x = layer(x)
            continue
        axes = [0, *range(2, x.dim())]
        mean = (1 - alpha) * layer.running_mean + alpha * x.mean(axes)
        square = (1 - alpha) * (layer.running_var + layer.running_mean**2) + alpha * (x * x).mean(axes)
        scale = layer.weight / (square - mean**2 + EPS).sqrt()
        x = ((x.movedim(1, -1) - mean) * scale + layer.bias).movedim(-1, 1)
        if not isinstance(model[list(model).index(layer) + 1], nn.ReLU):
            x = x.relu()
    return x


@pytest.mark.parametrize("alpha", [0.0, 0.1, 0.5, 1.0])
def test_the_outputs_are_those_of_the_mixture(kind, alpha):
    model = kind.classifier().eval()
    x = kind.images(1)[0]
    with blended_statistics(model, alpha):
        y = model(x)
    torch.testing.assert_close(y, by_hand(model, x, alpha), rtol=1e-10, atol=1e-12)


def test_nothing_of_it_stays(kind):
    model = kind.classifier().eval()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    x = kind.images(1)[0]
    plain = model(x)
    with blended_statistics(model, 0.3):
        model(x)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert torch.equal(model(x), plain)
    assert not any(module.training for module in model.modules())


def test_images_of_another_camera_come_nearer_to_the_old_outputs(kind):
    """Statistics that fit the images; then all of these are shifted and stretched."""
    model = kind.classifier(momentum=1.0)
    x = kind.images(1, samples=64)[0]
    model.train()(x)
    model.eval()
    clean = model(x)
    other = 2 * x + 3
    without = (model(other) - clean).norm()
    with blended_statistics(model, 0.9):
        helped = (model(other) - clean).norm()
    assert helped < without


def test_the_usual_mend_by_training_mode_keeps_the_statistics_of_what_was_evaluated(kind):
    model = kind.classifier().eval()
    before = [norm.running_mean.clone() for norm in norms(model)]
    for norm in norms(model):
        norm.train()
    model(kind.images(1)[0])
    assert not any(torch.equal(norm.running_mean, old) for norm, old in zip(norms(model), before, strict=True))
