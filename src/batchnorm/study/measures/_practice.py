"""What do habits around batch norm change in a net?"""

from functools import partial
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...data import Normalization
from ...errors import InputError
from ...nn import BatchNormAdd2d, ScaleShift
from ...norms import find_norms

Inputs = Literal["z-score", "min-max", "bytes"]


def give_biases(net: nn.Module) -> None:
    """Give every convolution without a bias one of zeros.

    In front of a batch norm, which subtracts the mean, it changes no output and has a gradient of 0.

    Example:
        >>> net = nn.Sequential(nn.Conv2d(1, 2, 3, bias=False), nn.BatchNorm2d(2))
        >>> give_biases(net)
        >>> net[0].bias.tolist()
        [0.0, 0.0]
    """
    for module in net.modules():
        if isinstance(module, nn.Conv2d) and module.bias is None:
            module.bias = nn.Parameter(module.weight.new_zeros(module.out_channels))


def set_of_norms(net: nn.Module, **values: float) -> None:
    """Set attributes of all batch norms, such as `momentum` and `eps`.

    Example:
        >>> net = nn.Sequential(nn.BatchNorm2d(2))
        >>> set_of_norms(net, momentum=0.01)
        >>> net[0].momentum
        0.01
    """
    for norm in find_norms(net):
        for module in norm.modules:
            for name, value in values.items():
                setattr(module, name, value)


def zero_last_gammas(net: nn.Module) -> None:
    """Set the weights of those norms to 0 that end the branch of a residual block, so that it begins as its shortcut.

    Raises:
        InputError: no norm of this library's ends one.

    Example:
        >>> from batchnorm.models import resnet20
        >>> net = resnet20(width=4)
        >>> zero_last_gammas(net)
        >>> net.get_submodule("stage1.0.residual.bn2").weight.tolist()
        [0.0, 0.0, 0.0, 0.0]

    Source:
        Goyal et al., "Accurate, large minibatch SGD", 2017, section 5.1, arXiv:1706.02677.
    """
    ends = [module for module in net.modules() if isinstance(module, BatchNormAdd2d)]
    if not ends:
        raise InputError(argument="net", expected="blocks that end in a BatchNormAdd2d", got=type(net).__name__)
    for norm in ends:
        nn.init.zeros_(norm.weight)


def drop_in_front_of_norms(net: nn.Module, p: float, *, last_alone: bool = False) -> None:
    """Let every batch norm, or the last one alone, drop values of its input with probability `p` in training mode.

    Names, parameters and order of the modules stay, for it is a hook.

    Example:
        >>> net = nn.Sequential(nn.BatchNorm1d(1)).train()
        >>> drop_in_front_of_norms(net, 0.5)
        >>> net(torch.ones(1000, 1)).unique().numel()
        2
    """
    norms = find_norms(net)
    for norm in norms[-1:] if last_alone else norms:
        for module in norm.modules:
            module.register_forward_pre_hook(partial(_dropped, p))


def drop_in_front_of_classifier(net: nn.Module, p: float) -> None:
    """Let the last linear layer of a net drop values of its input while it is in training mode.

    Raises:
        InputError: the net has no linear layer.

    Example:
        >>> net = nn.Sequential(nn.Linear(1, 1)).train()
        >>> drop_in_front_of_classifier(net, 0.5)
        >>> net(torch.ones(1000, 1)).unique().numel()
        2
    """
    layers = [module for module in net.modules() if isinstance(module, nn.Linear)]
    if not layers:
        raise InputError(argument="net", expected="a linear layer at its end", got=type(net).__name__)
    layers[-1].register_forward_pre_hook(partial(_dropped, p))


def _dropped(p: float, module: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return F.dropout(args[0], p, module.training), *args[1:]


def with_inputs(net: nn.Module, normalization: Normalization, inputs: Inputs) -> nn.Module:
    """Return a net that takes images as `normalization` makes them, and gives others to `net`.

    z-score: as they are.   min-max: pixels from 0 to 1.   bytes: pixels from 0 to 255.

    Example:
        >>> seen = with_inputs(nn.Identity(), Normalization((0.5,), (0.25,)), "bytes")
        >>> seen(torch.tensor([[[[-2.0, 2.0]]]]))
        tensor([[[[  0., 255.]]]])
    """
    if inputs == "z-score":
        return net
    mean, std = torch.tensor(normalization.mean), torch.tensor(normalization.std)
    factor = 255.0 if inputs == "bytes" else 1.0
    return nn.Sequential(ScaleShift(factor * std, factor * mean), net)
