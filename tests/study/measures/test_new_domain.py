"""New classes, new light, a new head, and accuracy where nothing is left to be right."""

import pytest
import torch
from torch import nn

from batchnorm.data import Split
from batchnorm.errors import InputError, RefusedError
from batchnorm.study import Run, Scope
from batchnorm.study._training import Trained
from batchnorm.study.claims._transfer import CLAIM, _prepare
from batchnorm.study.measures import accuracy_reached, darker, halves, new_head, of_classes, train_only

RUN = Run("mine", "any", {}, 0, Scope(1, 200, 1, test_images=100), "fashion-mnist-mini")


def split(count: int = 60, classes: int = 6) -> Split:
    images = torch.randint(256, (count, 1, 2, 2), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    return Split(images, torch.arange(count) % classes)


def test_the_two_halves_are_all_classes_and_share_none() -> None:
    assert [list(half) for half in halves(7)] == [[0, 1, 2], [3, 4, 5, 6]]


def test_three_classes_are_too_few_to_move() -> None:
    with pytest.raises(RefusedError, match=r"data: expected at least 4 classes, .* got 3"):
        halves(3)


def test_images_of_some_classes_are_drawn_evenly_and_the_same_every_time() -> None:
    first, second = (of_classes(split(), range(3, 6), 12) for _ in range(2))
    assert torch.equal(first.images, second.images)
    assert first.labels.bincount().tolist() == [0, 0, 0, 4, 4, 4]


def test_no_count_or_a_large_one_takes_all_images_of_the_classes() -> None:
    assert len(of_classes(split(), range(3, 6))) == len(of_classes(split(), range(3, 6), 999)) == 30


def test_darker_images_are_the_same_ones_times_one_half_rounded() -> None:
    given = split()
    expected = (given.images.double() * 0.5).round().to(torch.uint8)
    assert torch.equal(darker(given).images, expected)
    assert torch.equal(darker(given).labels, given.labels)


def test_a_new_head_is_drawn_as_torch_does_and_nothing_else_is() -> None:
    net = nn.Sequential(nn.Linear(4, 400), nn.BatchNorm1d(400), nn.Linear(400, 50))
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    new_head(net, torch.Generator().manual_seed(0))
    changed = [name for name, tensor in net.state_dict().items() if not torch.equal(tensor, before[name])]
    assert changed == ["2.weight", "2.bias"]
    assert net[2].weight.abs().max() <= 400**-0.5
    assert net[2].weight.double().std().item() == pytest.approx(400**-0.5 / 3**0.5, rel=0.02)


def test_a_net_without_a_linear_layer_has_no_head() -> None:
    with pytest.raises(InputError, match="model: expected a net that ends in a linear layer, got Conv2d"):
        new_head(nn.Conv2d(1, 1, 1), torch.Generator())


def test_only_the_head_trains_where_it_alone_is_to() -> None:
    net = RUN.net(width=4)
    before = {name: tensor.clone() for name, tensor in net.named_parameters()}
    train_only(net, net.get_submodule("fc"))
    RUN.train(net, lr=0.1)
    changed = [name for name, tensor in net.named_parameters() if not torch.equal(tensor, before[name])]
    assert changed == ["fc.weight", "fc.bias"]


@pytest.mark.parametrize("arm", [*CLAIM.arms[:3], CLAIM.arms[4]], ids=lambda arm: arm.name)
def test_norms_of_an_arm_do_what_its_name_says(arm) -> None:
    run = Run("transfer", arm.name, arm.options, 0, RUN.scope, "fashion-mnist-mini")
    net = run.net(width=4)
    norm = net.get_submodule("bn1")
    _prepare(run, net, run.split("train"))
    prepared = norm.running_mean.clone()
    weight = norm.weight.detach().clone()
    run.train(net, lr=0.1)
    assert (prepared.abs().max() > 0) == (arm.options["norms"] == "recalibrated")
    assert torch.equal(norm.running_mean, prepared) == (arm.options["norms"] != "training")
    assert torch.equal(norm.weight, weight) == (arm.options["trained"] == "head")


def test_a_net_whose_training_diverged_counts_as_one_that_guesses() -> None:
    net = RUN.net(width=4)
    with torch.no_grad():
        net.get_parameter("conv1.weight").fill_(float("nan"))
    assert accuracy_reached(RUN, net, Trained(diverged="the loss of step 3 is not finite")) == 10.0
