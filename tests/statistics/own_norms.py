"""Norms of somebody's own class, a net around them, and the moments that they should hold."""

import torch
from torch import nn

METHODS = ("average", "exact")
CHANNELS = 4


class Turned(nn.BatchNorm1d):
    """Takes (N, L, C)."""

    def forward(self, x):
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


class Doubled(nn.BatchNorm1d):
    """Normalizes twice what it is given."""

    def forward(self, x):
        return super().forward(2 * x.transpose(1, 2)).transpose(1, 2)


class Written(nn.Module):
    """The same by the formula, in no class of torch's, with a momentum of the other meaning."""

    def __init__(self, channels):
        super().__init__()
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.decay, self.eps = 0.9, 1e-5

    def forward(self, x):
        mean, var = self.running_mean, self.running_var
        if self.training:
            var, mean = torch.var_mean(x, (0, 1), correction=0)
            with torch.no_grad():
                self.running_mean.mul_(self.decay).add_(mean, alpha=1 - self.decay)
                self.running_var.mul_(self.decay).add_(var, alpha=1 - self.decay)
        return (x - mean) / (var + self.eps).sqrt() * self.weight + self.bias


class Frozen(Written):
    """The same with statistics that nothing moves."""

    def forward(self, x):
        return (x - self.running_mean) / (self.running_var + self.eps).sqrt() * self.weight + self.bias


class Net(nn.Module):
    """A norm of (N, L, C), and one of torch's behind it."""

    def __init__(self, norm):
        super().__init__()
        torch.manual_seed(0)
        self.into, self.norm = nn.Linear(5, CHANNELS), norm(CHANNELS)
        self.on, self.last = nn.Linear(CHANNELS, 4), nn.BatchNorm1d(4)

    def forward(self, x, mask=None):
        y = self.into(x)
        y = self.norm(y) if mask is None else self.norm(y, mask)
        return self.last(self.on(y).mean(1))


def tokens(count=24):
    return 1 + 3 * torch.randn(count, 7, 5, generator=torch.Generator().manual_seed(1))


def masks(count=24):
    return torch.rand(count, 7, generator=torch.Generator().manual_seed(2)) > 0.3


def check(norm, values):
    """Mean and unbiased variance over all rows, in float64."""
    expected = values.detach().double()
    torch.testing.assert_close(norm.running_mean.double(), expected.mean(0), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(norm.running_var.double(), expected.var(0), rtol=1e-5, atol=1e-6)
