"""A net of somebody's that refuses to be trained with a norm that is frozen."""

import torch
from torch import nn


class TrainedWhole(nn.Module):
    """Calls a net, unless its norm `bn1` is in evaluation mode while the rest is trained."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training and not self.net.bn1.training:
            raise RuntimeError("train me whole")
        return self.net(x)
