"""What a training step costs: time against another net's, and what it keeps for backward."""

import torch
from torch import nn

from batchnorm.study.measures import _step_cost, step_cost

X, LABELS = torch.randn(8, 3), torch.arange(8) % 2


def test_the_times_are_the_quotient_of_two_medians(monkeypatch) -> None:
    from batchnorm.records import Timing

    def timed(arms, **options):
        assert {*arms} == {"net", "other"}
        return {"net": Timing(6.0, 5.0, 9.0, 3), "other": Timing(4.0, 4.0, 4.0, 3)}

    monkeypatch.setattr(_step_cost, "time_in_turn", timed)
    cost = step_cost(nn.Linear(3, 2), nn.Linear(3, 2), X, LABELS, rounds=3)
    assert (cost.milliseconds, cost.times) == (6.0, 1.5)


def test_both_nets_take_a_step_in_each_round_and_in_three_before() -> None:
    nets = [nn.Linear(3, 2) for _ in range(2)]
    calls = [0, 0]
    for place, net in enumerate(nets):
        net.register_forward_hook(lambda *_, place=place: calls.__setitem__(place, calls[place] + 1))
    step_cost(*nets, X, LABELS, rounds=2)
    assert calls == [3 + 2 + 1, 3 + 2]  # once more for what the first keeps


def test_a_step_keeps_what_the_layers_keep_and_neither_weights_nor_images() -> None:
    """ReLU keeps its output, the linear layer behind it the same tensor: 8 x 5 floats, once; then log-softmax's."""
    net = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))
    cost = step_cost(net, nn.Linear(3, 2), X, LABELS, rounds=1)
    log_softmax, total_weight = 8 * 2 * 4, 4
    assert cost.kept == 8 * 5 * 4 + log_softmax + total_weight
