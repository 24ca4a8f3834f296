"""What can no look at a pass show? The model asks its norm what it is, or reads out of sight; only the proof sees."""

from concurrent.futures import ThreadPoolExecutor

import torch
import torch.nn.functional as F
from torch import nn

from ._case import LEFT, NOT_FOLDED, RIGHT, Theme, net

theme = Theme()


def one(forward, **parts):
    return net(forward, **({"conv": nn.Conv2d(3, 4, 3), "bn": nn.BatchNorm2d(4)} | parts))


@theme.wiring({"bn": LEFT}, blind=True)
def eps_read():
    """What stands in the norm's place has none."""
    return one(lambda m, x: F.relu(m.bn(m.conv(x)) + m.bn.eps))


@theme.wiring({"bn": RIGHT}, blind=True)
def the_class_asked_for():
    """Another class, another path."""

    def forward(m, x):
        y = m.conv(x)
        return m.bn(y) if isinstance(m.bn, nn.BatchNorm2d) else y

    return one(forward)


@theme.wiring({"bn": RIGHT}, blind=True)
def norms_counted():
    """What comes out is multiplied with the number of the model's norms."""

    def forward(m, x):
        return m.bn(m.conv(x)) * sum(isinstance(child, nn.BatchNorm2d) for child in m.modules())

    return one(forward)


@theme.wiring({"bn": RIGHT}, blind=True)
def parameters_counted():
    """What comes out is multiplied with the number of the model's parameters."""
    return one(lambda m, x: m.bn(m.conv(x)) * len(list(m.parameters())))


@theme.wiring({"bn": RIGHT}, blind=True)
def the_bias_asked_for():
    """A convolution without bias has another output."""
    return one(lambda m, x: m.bn(m.conv(x)) * (2 if m.conv.bias is None else 3), conv=nn.Conv2d(3, 4, 3, bias=False))


@theme.wiring({"bn": NOT_FOLDED}, blind=True)
def the_output_read_in_another_thread():
    """Modes belong to a thread."""

    def forward(m, x):
        y = m.conv(x)
        with ThreadPoolExecutor(1) as pool:
            mean = pool.submit(lambda: y.detach().mean().item()).result()
        return m.bn(y) + mean

    return one(forward)


@theme.wiring({"bn": NOT_FOLDED}, blind=True)
def the_weight_read_in_another_thread():
    """The same with the weight."""

    def forward(m, x):
        with ThreadPoolExecutor(1) as pool:
            mean = pool.submit(lambda: m.conv.weight.detach().mean().item()).result()
        return m.bn(m.conv(x)) + mean

    return one(forward)


@theme.wiring({"bn": NOT_FOLDED}, blind=True)
def modes_switched_off():
    """What runs below the modes is not seen by them."""

    def forward(m, x):
        y = m.conv(x)
        with torch._C._DisableTorchDispatch(), torch._C.DisableTorchFunction():
            mean = y.detach().mean()
        return m.bn(y) + mean

    return one(forward)
