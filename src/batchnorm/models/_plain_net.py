"""PlainNet: convolutions of any depth without skips, where nothing stands in for a norm."""

from collections import OrderedDict

from torch import nn

from ..functional import Activation
from ._arguments import check_at_least, sides_of
from ._chain import Chain
from ._convolution import he_conv
from ._norm_act import Norm, NormAct, NormPlace


class PlainNet(Chain):
    """`depth` convolutions 3×3 in three stages, global average pooling, one linear layer.

    The stages are as equally long as `depth` allows, with `width`, `2 * width` and `4 * width`
    channels; the first convolution of the second and the third halves the image.
    `PlainNet(width=16, depth=19)` is the plain net of 20 layers that `resnet20` was compared with.
    The names are `conv1 bn1 ... fc`; a convolution has a bias only where no norm follows. The
    convolutions start with He's normal initialization (fan out), the rest as PyTorch's.

    Shape: (N, in_channels, H, W) -> (N, num_classes).

    Args:
        num_classes: outputs, at least 1.
        in_channels: channels of the images: 1 for grey, 3 for colour.
        image_size: side of square images, or (height, width), at least 4 (from depth 3 on).
        width: channels of the first stage.
        depth: convolutions, at least 1.
        norm: as for `ConvBNNet`.
        activation: as for `ConvBNNet`.
        norm_place: as for `ConvBNNet`.

    Raises:
        ValueError: a number is too small, or a name is unknown.

    Example:
        >>> import torch
        >>> net = PlainNet(depth=19, width=16)
        >>> [net.get_submodule(f"conv{number}").out_channels for number in (7, 8, 13, 14, 19)]
        [16, 32, 32, 64, 64]

    Source:
        He, Zhang, Ren and Sun, 2015, section 4.2 ("plain" nets), arXiv:1512.03385.
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 1,
        image_size: int | tuple[int, int] = 28,
        width: int = 32,
        depth: int = 8,
        *,
        norm: Norm = "batchnorm",
        activation: Activation = "relu",
        norm_place: NormPlace = "before",
    ) -> None:
        check_at_least(1, num_classes=num_classes, in_channels=in_channels, width=width, depth=depth)
        stage_before = 0
        smallest = 2 ** (3 * (depth - 1) // depth)
        sides_of(image_size, smallest, "The later stages halve it: enlarge the images.")
        norm_act = NormAct(norm, activation, norm_place)
        layers = OrderedDict[str, nn.Module]()
        channels = in_channels
        for layer in range(depth):
            stage = 3 * layer // depth
            stride = 2 if stage > stage_before else 1
            stage_before = stage
            out_channels = width * 2**stage
            layers[f"conv{layer + 1}"] = he_conv(channels, out_channels, stride=stride, bias=norm_act.bias)
            layers.update(norm_act.layers(str(layer + 1), out_channels))
            channels = out_channels
        layers.update(pool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten())
        layers["fc"] = nn.Linear(channels, num_classes)
        super().__init__(layers)
