"""A run's images, nets and trainings: paired over arms, the same in every process."""

import pytest
import torch
from torch import nn

from batchnorm.errors import InputError, RefusedError
from batchnorm.study import Run, Scope

SCOPE = Scope(seeds=1, train_images=300, epochs=1, test_images=200)


def run(seed: int = 0, *, searching: bool = False, **options: object) -> Run:
    return Run("mine", "any", options, seed, SCOPE, "fashion-mnist-mini", searching=searching)


def test_images_are_drawn_by_class_and_are_the_same_for_every_seed() -> None:
    first, second = run(0).split("train"), run(1).split("train")
    assert torch.equal(first.images, second.images)
    assert torch.equal(first.labels.bincount(), torch.full((10,), 30))


def test_a_search_sees_validation_images_and_no_test_images() -> None:
    searching = run(searching=True)
    assert (len(searching.split("train")), len(searching.split("validation"))) == (270, 30)
    with pytest.raises(RefusedError, match="there are no test images while options are searched"):
        searching.split("test")


def test_outside_of_a_search_there_are_no_validation_images() -> None:
    with pytest.raises(RefusedError, match="there are no validation images outside of a search"):
        run().split("validation")


@pytest.mark.parametrize("norm", ["torch", "none", "layer", "group", "instance", "ghost:16"])
def test_all_kinds_of_norm_begin_with_the_same_weights(norm: str) -> None:
    reference, net = run(5).net("batch"), run(5).net(norm)
    weights = {name: tensor for name, tensor in reference.named_parameters() if "bn" not in name and "bias" not in name}
    assert len(weights) == 7
    for name, tensor in net.named_parameters():
        if name in weights:
            assert torch.equal(tensor, weights.pop(name))
    assert not weights


def test_another_seed_begins_with_other_weights() -> None:
    assert not torch.equal(run(0).net().get_parameter("conv1.weight"), run(1).net().get_parameter("conv1.weight"))


@pytest.mark.parametrize(
    ("norm", "dims"),
    [("layer", (1, 2, 3)), ("instance", (2, 3))],
)
def test_norms_without_a_batch_normalize_what_their_name_says(norm: str, dims: tuple[int, ...]) -> None:
    layer = run().net(norm).get_submodule("bn1")
    x = torch.randn(3, 16, 5, 5)
    mean, var = x.mean(dims, keepdim=True), x.var(dims, correction=0, keepdim=True)
    torch.testing.assert_close(layer(x), (x - mean) / (var + 1e-5).sqrt())


def test_an_unknown_norm_is_refused_with_all_that_are_known() -> None:
    with pytest.raises(InputError, match=r"norm: expected one of batch, torch, none, .* got 'bach'"):
        run().net("bach")


def test_building_a_net_leaves_the_random_state_as_it_is() -> None:
    before = torch.get_rng_state()
    run().net("none")
    assert torch.equal(torch.get_rng_state(), before)


def test_the_order_of_images_is_that_of_the_seed_for_all_arms() -> None:
    orders = [
        [labels.tolist() for _, labels in run(3, lr=lr).batches("train", 64, shuffle=True).epoch(3, 0)] for lr in (1, 2)
    ]
    assert orders[0] == orders[1]


def test_a_loss_that_is_not_finite_ends_the_training_and_says_at_which_step() -> None:
    trained = run().train(run().net("none", width=4), lr=1e20)
    assert trained.diverged == f"the loss of step {trained.steps} is not finite"
    assert trained.steps <= 3


def test_the_plain_loop_is_torch_sgd_with_a_cosine() -> None:
    """Against the formula of SGD with momentum, written out in float64 for one parameter tensor."""
    from batchnorm.data import Batches, Normalization, Split
    from batchnorm.study._training import Recipe, train

    split = Split(torch.randint(256, (48, 1, 2, 2), dtype=torch.uint8), torch.arange(48) % 3)
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 3)).double()
    weight, bias = (tensor.detach().clone().requires_grad_() for tensor in net[1].parameters())
    batches = Batches(split, 16, Normalization((0.4,), (0.3,)), shuffle=True)
    in_double = type("InDouble", (torch.nn.Module,), {"forward": lambda self, x: net(x.double())})()
    in_double.net = net
    train(in_double, batches, 4, Recipe(lr=0.2, epochs=2, momentum=0.5))
    speed = [torch.zeros_like(weight), torch.zeros_like(bias)]
    rates = [0.2 * (1 + torch.cos(torch.tensor(torch.pi * step / 6, dtype=torch.float64))) / 2 for step in range(6)]
    given = [batch for epoch in (0, 1) for batch in batches.epoch(4, epoch)]
    for rate, (images, labels) in zip(rates, given, strict=True):
        logits = images.double().flatten(1) @ weight.T + bias
        loss = -logits.log_softmax(1)[torch.arange(len(labels)), labels].mean()
        for place, gradient in enumerate(torch.autograd.grad(loss, [weight, bias])):
            speed[place] = 0.5 * speed[place] + gradient
        with torch.no_grad():
            weight -= rate * speed[0]
            bias -= rate * speed[1]
    torch.testing.assert_close(net[1].weight, weight)
    torch.testing.assert_close(net[1].bias, bias)


@pytest.mark.parametrize(("clip_norm", "scaled"), [(0.01, True), (1e6, False), (None, False)])
def test_a_gradient_longer_than_clip_norm_is_scaled_down_to_it(clip_norm: float | None, *, scaled: bool) -> None:
    one = run()
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(28 * 28, 10))
    before = [parameter.detach().clone() for parameter in net.parameters()]
    images, labels = next(one.batches("train", 300, shuffle=True).epoch(0, 0))
    nn.functional.cross_entropy(net(images), labels).backward()
    gradients = torch.cat([parameter.grad.flatten() for parameter in net.parameters()])
    one.train(net, lr=1.0, batch_size=300, momentum=0.0, schedule="constant", clip_norm=clip_norm)
    moved = torch.cat([(b - a.detach()).flatten() for a, b in zip(net.parameters(), before, strict=True)])
    expected = gradients * (0.01 / gradients.norm()) if scaled else gradients
    torch.testing.assert_close(moved, expected, rtol=1e-3, atol=1e-6)
