"""What updates of lower layers do to a gradient, against two gradients that are computed one by one."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from batchnorm.nn import BatchNorm1d
from batchnorm.study.measures import gradient_shift, noise_behind_norms, weights_of

IMAGES = torch.randn(16, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
LABELS = torch.arange(16) % 3


def normed() -> nn.Sequential:
    torch.manual_seed(2)
    layers = (nn.Linear(4, 5), BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 5), BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 3))
    return nn.Sequential(*layers).double()


def moved(net: nn.Sequential) -> nn.Sequential:
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, dtype=torch.float64))
    return net


def test_only_the_layers_below_and_their_norms_have_moved() -> None:
    net = normed()
    before = weights_of(net)
    first, _, last = gradient_of(net, 3), gradient_of(net, 6), gradient_of(net, 6)
    after = weights_of(moved(net))
    shifts = gradient_shift(net, before, IMAGES, LABELS)
    for shift, old, place, below in zip(shifts, (first, last), (3, 6), (4, 8), strict=True):
        mixed = normed()
        with torch.no_grad():
            for number, parameter in enumerate(mixed.parameters()):
                parameter.copy_((after if number < below else before)[number])
        new = gradient_of(mixed, place)
        assert shift.cosine == pytest.approx(float(F.cosine_similarity(old, new, dim=0)), rel=1e-9)
        assert shift.distance == pytest.approx(float((new - old).norm() / old.norm()), rel=1e-9)


def gradient_of(net: nn.Sequential, place: int) -> torch.Tensor:
    """Of a layer and of the norm behind it, if there is one."""
    wanted = [*net[place].parameters(), *(net[place + 1].parameters() if place + 1 < len(net) else ())]
    gradients = torch.autograd.grad(F.cross_entropy(net(IMAGES), LABELS), wanted)
    return torch.cat([gradient.flatten() for gradient in gradients])


def test_the_net_is_afterwards_as_it_was() -> None:
    net = normed()
    before = weights_of(net)
    state = {name: tensor.clone() for name, tensor in moved(net).state_dict().items()}
    gradient_shift(net, before, IMAGES, LABELS)
    assert all(torch.equal(tensor, state[name]) for name, tensor in net.state_dict().items())


def test_random_numbers_of_a_net_are_the_same_in_both_gradients() -> None:
    net = normed()
    with noise_behind_norms(net, torch.Generator().manual_seed(3)):
        shifts = gradient_shift(net, weights_of(net), IMAGES, LABELS)
    assert [shift.distance for shift in shifts] == [0.0, 0.0]
