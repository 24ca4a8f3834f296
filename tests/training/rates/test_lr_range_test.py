"""A range test of a loop of one's own: what it sees, and that model, optimizer and data are as before."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from batchnorm.errors import InputError, InputTypeError
from batchnorm.training import LRRangeOptions, lr_range_test

from ...transaction.picture import picture, picture_of_chance

SHORT = LRRangeOptions(1e-4, 10.0, steps=60)


def net_and_data() -> tuple[nn.Module, TensorDataset]:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3))
    x = torch.randn(480, 8)
    return net, TensorDataset(x, x[:, :3].argmax(1))


def momentum(net: nn.Module, lr: float = 0.1) -> torch.optim.Optimizer:
    return torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9)


def used(net: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Give the optimizer a state, and the parameters gradients."""
    F.cross_entropy(net(torch.randn(16, 8)), torch.arange(16) % 3).backward()
    optimizer.step()


def state_of(optimizer: torch.optim.Optimizer) -> tuple[object, object]:
    """The very tensors and their values, and all in the groups but the parameters."""
    tensors = [
        (id(held), held.clone() if isinstance(held, torch.Tensor) else held)
        for values in optimizer.state.values()
        for held in values.values()
    ]
    groups = [{name: value for name, value in group.items() if name != "params"} for group in optimizer.param_groups]
    return [(place, value.tolist() if isinstance(value, torch.Tensor) else value) for place, value in tensors], groups


OPTIMIZERS = {
    "momentum": momentum,
    "adamw": lambda net: torch.optim.AdamW(net.parameters(), lr=1e-3),
    "tensor rate": lambda net: torch.optim.Adam(
        net.parameters(), lr=torch.tensor(1e-3), capturable=False, foreach=False
    ),
    "groups": lambda net: torch.optim.SGD(
        [{"params": net[0].parameters()}, {"params": net[3].parameters(), "lr": 0.01}], lr=0.1
    ),
}


def test_its_losses_are_those_of_a_plain_loop_with_rising_rates() -> None:
    net, data = net_and_data()
    twin = copy.deepcopy(net)
    optimizer = torch.optim.SGD(twin.parameters(), lr=1e-4, momentum=0.9)
    rates = torch.optim.lr_scheduler.ExponentialLR(optimizer, (10.0 / 1e-4) ** (1 / 59))
    losses = []
    for x, y in [*DataLoader(data, 32)] * 2:
        loss = F.cross_entropy(twin(x), y)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rates.step()
    found = lr_range_test(net, DataLoader(data, 32), momentum(net), options=SHORT)
    assert [step.loss for step in found.steps][:30] == pytest.approx(losses, rel=1e-4)


def test_the_suggestion_trains_where_a_hundredth_of_it_does_not() -> None:
    net, data = net_and_data()
    found = lr_range_test(net, DataLoader(data, 32), momentum(net), options=SHORT)
    losses = []
    for lr in (found.suggestion, found.suggestion / 100):
        twin = copy.deepcopy(net)
        optimizer = momentum(twin, lr)
        for x, y in DataLoader(data, 32):
            optimizer.zero_grad()
            F.cross_entropy(twin(x), y).backward()
            optimizer.step()
        losses.append(F.cross_entropy(twin(data.tensors[0]), data.tensors[1]).item())
    assert losses[0] < 0.75 * losses[1]


@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.parametrize("is_used", [False, True], ids=["new", "used"])
def test_model_and_optimizer_are_left_as_they_were(kind: str, is_used: bool) -> None:
    net, data = net_and_data()
    optimizer = OPTIMIZERS[kind](net)
    if is_used:
        used(net, optimizer)
    before, state, held = picture(net), state_of(optimizer), {**vars(optimizer)}
    lr_range_test(net, DataLoader(data, 32), optimizer, options=SHORT)
    assert picture(net) == before
    assert state_of(optimizer) == state
    assert vars(optimizer).keys() == held.keys()


def test_a_scheduler_goes_on_as_if_nothing_had_been() -> None:
    net, data = net_and_data()
    optimizer = momentum(net)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
    lr_range_test(net, DataLoader(data, 32), optimizer, options=SHORT)
    used(net, optimizer)
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] == 0.05


def test_parameters_beside_the_model_are_put_back_too() -> None:
    """Such as those of a loss."""

    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))

        def forward(self, outputs, targets):
            return F.cross_entropy(outputs * self.scale, targets)

    net, data = net_and_data()
    loss = Scaled()
    loss.scale.grad = torch.tensor(2.0)
    before = picture(loss)
    optimizer = torch.optim.SGD([*net.parameters(), *loss.parameters()], lr=0.1)
    lr_range_test(net, DataLoader(data, 32), optimizer, loss, options=SHORT)
    assert picture(loss) == before


def test_rates_of_groups_keep_their_ratios() -> None:
    net, data = net_and_data()
    seen = []
    optimizer = OPTIMIZERS["groups"](net)
    optimizer.register_step_pre_hook(lambda own, *_: seen.append([group["lr"] for group in own.param_groups]))
    found = lr_range_test(net, DataLoader(data, 32), optimizer, options=SHORT)
    assert [rates[0] for rates in seen] == [step.lr for step in found.steps if step.loss is not None]
    assert all(rates[1] == pytest.approx(rates[0] / 10) for rates in seen)


def test_a_loader_that_shuffles_draws_afterwards_what_it_would_have_drawn() -> None:
    net, data = net_and_data()
    own = torch.Generator().manual_seed(3)
    loader = DataLoader(data, 32, shuffle=True, generator=own)
    before = picture_of_chance(), own.get_state().tolist()
    lr_range_test(net, loader, momentum(net), options=SHORT)
    assert (picture_of_chance(), own.get_state().tolist()) == before


def test_a_frozen_norm_does_not_move_and_parameters_that_do_not_learn_stay() -> None:
    import batchnorm

    net, data = net_and_data()
    batchnorm.freeze(net)
    net[0].requires_grad_(False)
    before = picture(net)
    lr_range_test(net, DataLoader(data, 32), momentum(net), options=SHORT)
    assert picture(net) == before


def test_batches_of_any_form_are_read_by_functions_of_the_caller() -> None:
    net, data = net_and_data()
    batches = [{"x": x, "label": y} for x, y in DataLoader(data, 32)]
    plain = lr_range_test(net, DataLoader(data, 32), momentum(net), options=SHORT)
    told = lr_range_test(
        net,
        batches,
        momentum(net),
        options=SHORT,
        forward_fn=lambda model, batch: model(batch["x"]),
        target_fn=lambda batch: batch["label"],
    )
    assert told == plain


def test_whatever_the_loss_raises_all_is_put_back() -> None:
    net, data = net_and_data()
    optimizer, calls = momentum(net), iter(range(100))
    used(net, optimizer)
    before, state = picture(net), state_of(optimizer)

    def fails(outputs, targets):
        if next(calls) == 10:
            raise KeyboardInterrupt
        return F.cross_entropy(outputs, targets)

    with pytest.raises(KeyboardInterrupt):
        lr_range_test(net, DataLoader(data, 32), optimizer, fails, options=SHORT)
    assert picture(net) == before
    assert state_of(optimizer) == state


def closure_wanted(net: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.LBFGS(net.parameters())


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        (closure_wanted, "optimizer: expected one that takes a step by itself, got LBFGS, which asks for a closure"),
        (lambda net: momentum, "optimizer: expected a torch.optim.Optimizer, got a function"),
        (lambda net: momentum(nn.Linear(1, 1)), "optimizer: expected an optimizer of the model's parameters, got one"),
    ],
    ids=["LBFGS", "a function", "of another model"],
)
def test_an_optimizer_that_suits_no_step_is_refused(optimizer, message: str) -> None:
    net, data = net_and_data()
    with pytest.raises((InputError, InputTypeError), match=message) as refused:
        lr_range_test(net, DataLoader(data, 32), optimizer(net), options=SHORT)
    assert "lr_range_test" in str(refused.value)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (
            lambda outputs, targets: outputs,
            r"loss_fn: expected to return a tensor with one number .* of shape \(32, 3\)",
        ),
        (lambda outputs, targets: 1.0, "loss_fn: expected to return a tensor with one number .* got a float"),
        (lambda outputs, targets: outputs.detach().sum(), "that depends on the parameters"),
        (3, r"loss_fn: expected a function of \(outputs, targets\), got an int"),
    ],
)
def test_a_loss_of_no_number_is_refused(loss, message: str) -> None:
    net, data = net_and_data()
    before = picture(net)
    with pytest.raises(InputTypeError, match=message):
        lr_range_test(net, DataLoader(data, 32), momentum(net), loss, options=SHORT)
    assert picture(net) == before


def test_a_loader_that_gives_its_batches_once_is_refused() -> None:
    net, data = net_and_data()
    with pytest.raises(InputError, match=r"loader: expected at least one batch, every time, got none when it was iter"):
        lr_range_test(net, iter([*DataLoader(data, 32)]), momentum(net), options=SHORT)
