"""MLP: no convolutions, so that batch norm sees one value per image and feature."""

from collections import OrderedDict

from torch import nn

from ..functional import Activation
from ._arguments import check_at_least, sides_of
from ._chain import Chain
from ._norm_act import Norm, NormAct, NormPlace


class MLP(Chain):
    """A multilayer perceptron: `depth` hidden layers, each linear, `BatchNorm1d`, activation.

    The batch norm paper's first experiment is such a net, with three hidden layers of 100. The
    names are `linear1 bn1 ... fc`. A hidden layer has no bias where a norm follows: the norm's own
    takes its place. The weights start as PyTorch's layers make them.

    Shape: (N, in_channels, H, W) -> (N, num_classes).

    Args:
        num_classes: outputs, at least 1.
        in_channels: channels of the images: 1 for grey, 3 for colour.
        image_size: side of square images, or (height, width).
        width: features of every hidden layer.
        depth: hidden layers, at least 1.
        norm: as for `ConvBNNet`; a function's module gets (N, width).
        activation: as for `ConvBNNet`.
        norm_place: as for `ConvBNNet`.

    Raises:
        ValueError: a number is too small, or a name is unknown.

    Example:
        >>> import torch
        >>> net = MLP(width=100, depth=3)
        >>> net(torch.zeros(2, 1, 28, 28)).shape
        torch.Size([2, 10])

    Source:
        Ioffe and Szegedy, 2015, section 4.1, arXiv:1502.03167.
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 1,
        image_size: int | tuple[int, int] = 28,
        width: int = 256,
        depth: int = 2,
        *,
        norm: Norm = "batchnorm",
        activation: Activation = "relu",
        norm_place: NormPlace = "before",
    ) -> None:
        check_at_least(
            1,
            num_classes=num_classes,
            in_channels=in_channels,
            width=width,
            depth=depth,
        )
        high, wide = sides_of(image_size, 1)
        norm_act = NormAct(norm, activation, norm_place, dim=1)
        layers = OrderedDict[str, nn.Module](flatten=nn.Flatten())
        features = in_channels * high * wide
        for number in range(1, depth + 1):
            layers[f"linear{number}"] = nn.Linear(features, width, bias=norm_act.bias)
            layers.update(norm_act.layers(str(number), width))
            features = width
        layers["fc"] = nn.Linear(width, num_classes)
        super().__init__(layers)
