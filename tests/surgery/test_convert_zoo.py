"""Public nets, converted and back: all is as before, bit for bit, and in between they compute the same numbers."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import batchnorm
from batchnorm import convert, revert

from ..benchmark_files import load
from .test_interrupts import Lines, process

# Nets warn of what their libraries do when they are built.
pytestmark = [pytest.mark.usefixtures("one_thread"), pytest.mark.filterwarnings("ignore")]

zoo, peers = load("zoo"), load("peers")
TORCHVISION = ("resnet18", "mobilenet_v3_large", "googlenet", "densenet121")
TIMM = ("resnet18", "seresnet50", "mobilenetv4_conv_small", "dla34")
QUICK = ("timm/mobilenetv4_conv_small",)
NETS = [f"torchvision/{name}" for name in TORCHVISION] + [f"timm/{name}" for name in TIMM]


def build(name: str) -> nn.Module:
    """Make a net with random weights; all of its norms matter."""
    library, _, member = name.partition("/")
    torch.manual_seed(zoo.seed_of(name))
    if library == "timm":
        net = peers.load("timm").create_model(member, num_classes=10)
    else:
        options = {"init_weights": True} if member == "googlenet" else {}
        net = peers.load("torchvision").models.get_model(member, weights=None, num_classes=10, **options)
    zoo.enliven(net.eval(), images(8), zoo.seed_of(name))
    return net.train()


def images(count: int, seed: int = 0) -> Tensor:
    return torch.randn(count, 3, 64, 64, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(
    scope="module", params=[pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in NETS]
)
def built(request: pytest.FixtureRequest) -> nn.Module:
    return build(request.param)


@pytest.fixture
def net(built: nn.Module) -> nn.Module:
    """A copy, with hooks and modes of its own."""
    net = copy.deepcopy(built)
    norms = zoo.norms(net)
    for norm in norms[::3]:
        norm.register_forward_hook(lambda module, args, output: None)
        norm.register_forward_pre_hook(lambda module, args: None)
        norm.register_state_dict_post_hook(lambda module, state, prefix, metadata: None)
    norms[1].eval()
    norms[-1].weight.requires_grad_(False)
    net.listed = norms
    return net


def picture(net: nn.Module) -> dict[str, Any]:
    """All that a model is: its modules, by identity and class, and what they hold, and every tensor by identity."""
    return {
        name: (id(module), type(module), {key: shown(value) for key, value in vars(module).items()})
        for name, module in net.named_modules(remove_duplicate=False)
    }


def shown(value: object) -> object:
    """What a module holds, by identity, and what that holds in turn."""
    if isinstance(value, dict):
        return id(value), type(value), [(key, id(entry)) for key, entry in value.items()]
    if isinstance(value, list | tuple | set):
        return id(value), [id(entry) for entry in value]
    return value if isinstance(value, bool | int | float | str | type(None)) else id(value)


def bits(net: nn.Module) -> list[Tensor]:
    return [tensor.detach().clone() for tensor in (*net.parameters(), *net.buffers())]


def equal(some: list[Tensor], others: list[Tensor]) -> bool:
    return len(some) == len(others) and all(torch.equal(one, other) for one, other in zip(some, others, strict=True))


def outputs(net: nn.Module, x: Tensor) -> list[Tensor]:
    torch.manual_seed(0)
    return [leaf for leaf in torch.utils._pytree.tree_leaves(net(x)) if isinstance(leaf, Tensor)]


def test_every_norm_of_a_public_net_is_converted_and_comes_back(net):
    kinds = [type(norm) for norm in zoo.norms(net)]
    assert {norm.outcome for norm in convert(net).norms} == {"converted"}
    assert {type(norm) for norm in zoo.norms(net)} == {batchnorm.nn.BatchNorm2d}
    assert {norm.outcome for norm in revert(net).norms} == {"reverted"}
    assert [type(norm) for norm in zoo.norms(net)] == kinds


@pytest.mark.parametrize("to", [None, "torch", "sync", "ghost", "group", "frozen"])
def test_a_public_net_that_was_converted_and_reverted_is_what_it_was_bit_for_bit(net, to):
    before, numbers, state = picture(net), bits(net), net.state_dict()
    convert(net, to, **({"size": 2} if to == "ghost" else {}))
    revert(net)
    assert picture(net) == before
    assert equal(bits(net), numbers)
    after = net.state_dict()
    assert list(after) == list(state)
    assert all(after[name].data_ptr() == tensor.data_ptr() for name, tensor in state.items())
    assert after._metadata == state._metadata


def test_its_outputs_are_those_of_before_bit_for_bit(net):
    other = copy.deepcopy(net)
    convert(net)
    revert(net)
    x = images(2)
    assert equal(outputs(net, x), outputs(other, x))
    assert equal(bits(net), bits(other))
    assert equal(outputs(net.eval(), x), outputs(other.eval(), x))


def test_while_it_is_converted_it_has_the_keys_the_tensors_the_modes_and_the_hooks_of_before(net):
    state, modes = net.state_dict(), {name: module.training for name, module in net.named_modules()}
    heard: list[nn.Module] = []
    handle = zoo.norms(net)[0].register_forward_hook(lambda module, args, output: heard.append(module))
    convert(net)
    after = net.state_dict()
    assert list(after) == list(state)
    assert all(after[name].data_ptr() == tensor.data_ptr() for name, tensor in state.items())
    assert {name: module.training for name, module in net.named_modules()} == modes
    outputs(net, images(2))
    handle.remove()
    outputs(net, images(2))
    assert heard == [zoo.norms(net)[0]]


@pytest.mark.parametrize("training", [True, False])
def test_a_converted_net_gives_the_outputs_gradients_and_statistics_of_the_original_in_float64(net, training):
    own = net.double().train(training)
    ours = copy.deepcopy(own)
    convert(ours)
    found, expected = (results(each, images(4).double()) for each in (ours, own))
    assert found.keys() == expected.keys()
    assert max(distance(found[name], expected[name]) for name in expected) <= 1e-9


def results(net: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """All gradients are one tensor, for that of a bias in front of a norm is rounding alone."""
    given = outputs(net, x)
    sum(one.square().mean() for one in given).backward()
    gradients = torch.cat([one.grad.flatten() for one in net.parameters() if one.grad is not None])
    named = {f"output {number}": one.detach() for number, one in enumerate(given)}
    return {**named, "gradients": gradients, **dict(net.named_buffers())}


def distance(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).abs().max() / expected.abs().max().clamp(min=1e-300))


def step(net: nn.Module, adam: torch.optim.Optimizer, seed: int) -> None:
    adam.zero_grad()
    sum(one.square().mean() for one in outputs(net, images(4, seed).double())).backward()
    adam.step()


def test_an_adam_that_was_made_before_goes_on(net):
    net.double()
    other = copy.deepcopy(net)
    adam, others = (torch.optim.Adam(each.parameters(), lr=1e-3) for each in (net, other))
    step(net, adam, 0)
    step(other, others, 0)
    convert(net)
    step(net, adam, 1)
    step(other, others, 1)
    assert {id(key) for key in adam.state} == {id(one) for one in net.parameters() if one.requires_grad}
    assert {int(state["step"]) for state in adam.state.values()} == {2}
    found, expected = (
        torch.cat([each.state[one]["exp_avg"].flatten() for one in each.param_groups[0]["params"] if one in each.state])
        for each in (adam, others)
    )
    assert distance(found, expected) <= 1e-9


def test_an_adam_goes_on_bit_for_bit_behind_a_conversion_and_its_reversal(net):
    other = copy.deepcopy(net).double()
    adam, others = (torch.optim.Adam(each.parameters(), lr=1e-3) for each in (net.double(), other))
    for seed in (0, 1):
        step(net, adam, seed)
        step(other, others, seed)
        convert(net)
        revert(net)
    assert equal(bits(net), bits(other))


class CtrlC(KeyboardInterrupt):
    """Of this test's own."""


class UnforeseenError(Exception):
    """Of no kind that anybody catches."""


def spaced(count: int, times: int) -> Iterator[int]:
    return (1 + number * count // times for number in range(times))


@pytest.mark.slow
@pytest.mark.parametrize("verb", [convert, revert])
def test_a_public_net_is_as_before_whatever_line_of_a_conversion_fails_or_is_interrupted(net, verb):
    """At 200 lines, evenly spaced."""
    ready: Callable[[], object] = (lambda: convert(net)) if verb is revert else (lambda: None)
    undo = convert if verb is revert else revert
    ready()
    verb(net)  # what is imported meanwhile is not counted
    undo(net)
    counter, numbers, struck = Lines(), bits(net), 0
    counter.run(lambda: verb(net))
    undo(net)
    for at in spaced(counter.count, 200):
        before = picture(net), process()
        error = Lines(at, kind=CtrlC if at % 2 else UnforeseenError).run(lambda: verb(net))
        struck += error is not None
        if error is None:
            undo(net)
        else:
            assert (picture(net), process()) == before, error
    assert equal(bits(net), numbers)
    assert struck > 180
