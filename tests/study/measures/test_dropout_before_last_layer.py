"""Does what the last layer reads lose its share, in training and inside the block alone?"""

import pytest
import torch
from torch import nn

from batchnorm.errors import InputError
from batchnorm.study.measures import dropout_before_last_layer


class Last(nn.Linear):
    """A layer that shows what it was given."""

    seen: torch.Tensor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen = x
        return super().forward(x)


def test_a_share_is_dropped_and_the_rest_makes_up_for_it() -> None:
    net = nn.Sequential(nn.Identity(), last := Last(100, 1))
    with dropout_before_last_layer(net, 0.2, torch.Generator().manual_seed(0)):
        net(torch.ones(200, 100))
    kept = last.seen[last.seen > 0]
    assert torch.equal(kept, torch.full_like(kept, 1.25))
    assert len(kept) / 20_000 == pytest.approx(0.8, abs=4 * (0.8 * 0.2 / 20_000) ** 0.5)


@pytest.mark.parametrize("inside", [True, False])
def test_in_evaluation_and_behind_the_block_nothing_is_dropped(*, inside: bool) -> None:
    net = nn.Sequential(last := Last(8, 1))
    x = torch.ones(4, 8)
    with dropout_before_last_layer(net, 0.5, torch.Generator().manual_seed(0)):
        if inside:
            net.eval()(x)
    if not inside:
        net(x)
    assert torch.equal(last.seen, x)


def test_a_net_without_such_a_layer_is_refused() -> None:
    block = dropout_before_last_layer(nn.ReLU(), 0.5, torch.Generator())
    with pytest.raises(InputError, match="expected a net with a linear layer or a convolution"), block:
        pass
