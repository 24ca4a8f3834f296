"""Is batch norm folded into the public nets, every norm of which matters, with the outputs as they were?"""

import copy
from typing import Any, NamedTuple

import pytest
import torch
from torch import nn

from batchnorm import fold
from batchnorm.records import FoldReport

from ..benchmark_files import load

# Nets warn of what their libraries do when they are built, and torch of its own tracer.
pytestmark = [pytest.mark.usefixtures("one_thread"), pytest.mark.filterwarnings("ignore")]

zoo, operators = load("zoo"), load("norm_operators")
Count = operators.Count


class Case(NamedTuple):
    """A net before and after, in float32, and in float64 without a proof."""

    original: nn.Module
    single: nn.Module
    double: nn.Module
    inputs: list[torch.Tensor]
    expected: list[Any]
    report: FoldReport


def case(name: str) -> Case:
    original = zoo.lively(name)
    double, inputs = copy.deepcopy(original).double(), [zoo.example(name, 0), zoo.example(name, 1)]
    with torch.no_grad():
        expected = [double(x.double()) for x in inputs]
    single = copy.deepcopy(original)
    report = fold(single, inputs[0])
    fold(double, inputs[0].double(), verify=False)
    return Case(original, single, double, inputs, expected, report)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=pytest.mark.slow if name in zoo.SAMPLE else pytest.mark.nightly) for name in zoo.NETS
    ],
)
def net(request: pytest.FixtureRequest) -> Case:
    return case(request.param)


def distance(model: nn.Module, inputs: list[torch.Tensor], expected: list[Any]) -> float:
    """How far the outputs are from those of the original in float64, as a share of the largest, on all inputs."""
    with torch.no_grad():
        return max(zoo.distance(model(x), y) for x, y in zip(inputs, expected, strict=True))


def test_a_net_of_the_zoo_is_lively_enough_for_its_first_norm_to_move_the_output(net):
    assert zoo.influence(net.original, net.inputs[0]) > 0.1


def test_the_outputs_of_a_public_net_stay_in_float64_without_a_proof(net):
    assert distance(net.double, [x.double() for x in net.inputs], net.expected) <= 1e-9


def test_the_outputs_of_a_public_net_stay_in_float32_as_far_as_it_is_itself_exact(net):
    own = distance(net.original, net.inputs, net.expected)
    assert distance(net.single, net.inputs, net.expected) <= max(1e-4, 3 * own)


def test_no_norm_operator_runs_that_the_report_calls_folded(net):
    before, after = (operators.count_calls(model, net.inputs[0]) for model in (net.original, net.single))
    assert before.norms > 0
    assert after.left(before) <= len(net.report.norms) - len(net.report.named("folded"))


def test_no_more_norms_run_than_torch_leaves_by_its_own_rules(net):
    traced = torch.jit.freeze(torch.jit.trace(net.original, net.inputs[0], strict=False, check_trace=False))
    before, after = (operators.count_calls(model, net.inputs[0]) for model in (net.original, net.single))
    assert after.left(before) <= operators.count_nodes(traced.graph).norms


def test_every_norm_of_a_public_net_that_is_not_folded_has_a_reason(net):
    assert [norm.name for norm in net.report.norms if norm.outcome != "folded" and not norm.reason] == []


def test_every_norm_of_a_public_net_that_runs_and_is_not_folded_is_a_scale_and_shift(net):
    after = operators.count_calls(net.single, net.inputs[0])
    still = [module for module in net.single.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    called = []
    handles = [norm.register_forward_hook(lambda *_: called.append(1)) for norm in still]
    with torch.no_grad():
        net.single(net.inputs[0])
    for handle in handles:
        handle.remove()
    assert called == []
    assert after.norms == len(net.report.named("scale-shifted")) + len(net.report.named("shift"))


def written() -> nn.Module:
    """A norm that is arithmetic, in nobody's module."""

    class Written(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("scale", torch.full((3, 1, 1), 2.0))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (x * self.scale.reciprocal() + self.scale) * 2

    return Written().eval()


IMAGE = torch.zeros(2, 3, 5, 5)
COUNTED = {
    "norms": (lambda: nn.Sequential(nn.BatchNorm2d(3), nn.ReLU(), nn.BatchNorm2d(3)).eval(), Count(2, 0)),
    "a bias of a linear layer": (lambda: nn.Linear(5, 4).eval(), Count(0, 0)),
    "arithmetic": (written, Count(0, 2)),
}


@pytest.mark.parametrize("what", COUNTED)
def test_what_runs_is_counted(what):
    make, expected = COUNTED[what]
    assert operators.count_calls(make(), IMAGE) == expected


@pytest.mark.parametrize("what", COUNTED)
def test_what_is_left_in_a_frozen_graph_is_counted(what):
    make, expected = COUNTED[what]
    graph = torch.jit.freeze(torch.jit.trace(make(), IMAGE), optimize_numerics=False).graph
    assert operators.count_nodes(graph) == expected
