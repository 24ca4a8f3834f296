"""ConvBNNet: the smallest net in which batch norm does its work, and the default everywhere."""

from collections import OrderedDict

from torch import nn

from ..functional import Activation
from ._arguments import check_at_least, sides_of
from ._chain import Chain
from ._norm_act import Norm, NormAct, NormPlace


class ConvBNNet(Chain):
    """Two convolutions with batch norm, two max-pools, one linear layer.

    `conv1 bn1 relu pool1 conv2 bn2 relu pool2 fc`, where the convolutions are 3×3 with padding 1
    and make `width` and `2 * width` channels; both pools halve the image. In the default net `bn1`
    and `bn2` are `BatchNormPool2d`, which bring the ReLU and the pool. It has 50,378 parameters. The
    convolutions keep their biases although the norms take them out again: the net is fixed by its
    number of parameters, and without a norm the biases are needed. The weights start as PyTorch's
    layers make them.

    Shape: (N, in_channels, H, W) -> (N, num_classes).

    Args:
        num_classes: outputs, at least 1.
        in_channels: channels of the images: 1 for grey, 3 for colour.
        image_size: side of square images, or (height, width), at least 4.
        width: channels of the first convolution.
        norm: `"batchnorm"` (this library's), `"torch"`, `None` or `"none"`, or a function
            `num_features -> nn.Module`.
        activation: a name such as `"relu"`, a module, or `None`.
        norm_place: the norm stands `"before"` or `"after"` the activation.

    Raises:
        ValueError: a number is too small, or a name is unknown.

    Example:
        >>> import torch
        >>> net = ConvBNNet()
        >>> sum(parameter.numel() for parameter in net.parameters())
        50378
        >>> net(torch.zeros(2, 1, 28, 28)).shape
        torch.Size([2, 10])
        >>> group_norm = ConvBNNet(norm=lambda num_features: nn.GroupNorm(8, num_features))
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 1,
        image_size: int | tuple[int, int] = 28,
        width: int = 32,
        *,
        norm: Norm = "batchnorm",
        activation: Activation = "relu",
        norm_place: NormPlace = "before",
    ) -> None:
        check_at_least(1, num_classes=num_classes, in_channels=in_channels, width=width)
        high, wide = sides_of(image_size, 4, "Two max-pools halve it: enlarge the images.")
        norm_act = NormAct(norm, activation, norm_place)
        super().__init__(
            OrderedDict(
                conv1=nn.Conv2d(in_channels, width, 3, padding=1),
                **norm_act.pooled_layers("1", width),
                conv2=nn.Conv2d(width, 2 * width, 3, padding=1),
                **norm_act.pooled_layers("2", 2 * width),
                flatten=nn.Flatten(),
                fc=nn.Linear(2 * width * (high // 4) * (wide // 4), num_classes),
            )
        )
