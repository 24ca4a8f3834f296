"""Residual nets for small images: skips around every two convolutions."""

from collections import OrderedDict
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from ..functional import Activation
from ._arguments import check_at_least, check_one_of, sides_of
from ._chain import Chain
from ._convolution import he_conv
from ._norm_act import Norm, NormAct, NormPlace

Shortcut = Literal["pad", "project"]


class PadShortcut(nn.Module):
    """Let the input of a block pass: every `stride`-th pixel, and new channels of zeros.

    Shape: (N, C, H, W) -> (N, C + new_channels, ceil(H / stride), ceil(W / stride)).

    Source:
        He, Zhang, Ren and Sun, 2015, section 3.3, option A, arXiv:1512.03385.
    """

    def __init__(self, stride: int, new_channels: int) -> None:
        super().__init__()
        self.stride = stride
        self.new_channels = new_channels

    def forward(self, x: Tensor) -> Tensor:
        """Subsample and pad `x`."""
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.new_channels))

    def extra_repr(self) -> str:
        """Show both numbers."""
        return f"stride={self.stride}, new_channels={self.new_channels}"


class ResidualPath(Chain):
    """Layers one after the other, of which the last one also takes what came past them."""

    def forward(self, x: Tensor, residual: Tensor) -> Tensor:  # type: ignore[override]  # two tensors, on purpose
        """Run the layers on `x`, and let the last one add `residual`."""
        *path, last = self
        for layer in path:
            x = layer(x)
        out: Tensor = last(x, residual)
        return out


class BasicBlock(nn.Module):
    """Two convolutions and the way around them: `act(residual(x) + shortcut(x))`.

    With the norm before the activation, `residual` is conv, norm, activation, conv, norm, and the
    second activation acts on the sum. With the norm after it, `residual` is twice conv,
    activation, norm, and the sum stays as it is: nothing stands on the direct way through the net.
    The last module of `residual` makes the sum: a `BatchNormAdd2d`, which then activates it too, or a
    module without state.
    """

    def __init__(self, in_channels: int, channels: int, stride: int, shortcut: Shortcut, norm_act: NormAct) -> None:
        super().__init__()
        layers = OrderedDict[str, nn.Module](
            conv1=he_conv(in_channels, channels, stride=stride, bias=norm_act.bias),
            **norm_act.layers("1", channels),
            conv2=he_conv(channels, channels, bias=norm_act.bias),
        )
        end, act = norm_act.summing_layers("2", channels)
        self.residual = ResidualPath(layers | end)
        self.shortcut = _shortcut(in_channels, channels, stride, shortcut, norm_act)
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        """Add what the two convolutions find to what came in."""
        out: Tensor = self.act(self.residual(x, self.shortcut(x)))
        return out


def _shortcut(in_channels: int, channels: int, stride: int, shortcut: Shortcut, norm_act: NormAct) -> nn.Module:
    if stride == 1 and channels == in_channels:
        return nn.Identity()
    if shortcut == "pad":
        return PadShortcut(stride, channels - in_channels)
    conv = he_conv(in_channels, channels, 1, stride=stride, bias=norm_act.bias)
    return nn.Sequential(OrderedDict(conv=conv, **norm_act.norm_alone("", channels)))


class ResNet(Chain):
    """A 3×3 convolution, stages of residual blocks, global average pooling, one linear layer.

    Stage k has `width * 2**k` channels and, from the second on, halves the image. The names are
    `conv1 bn1 stage1 ... fc`. A convolution has a bias only where no norm follows; it starts with
    He's normal initialization (fan out), the linear layer as PyTorch makes it. Usually made by
    `resnet20` or `resnet18`.

    Shape: (N, in_channels, H, W) -> (N, num_classes).

    Args:
        num_classes: outputs, at least 1.
        in_channels: channels of the images: 1 for grey, 3 for colour.
        image_size: side of square images, or (height, width), at least `2**(stages - 1)`.
        width: channels of the first stage.
        stages: how often the channels are doubled, plus 1.
        blocks: residual blocks of every stage.
        shortcut: how the input passes a block that changes its shape: `"pad"` (option A of the
            paper, without parameters) or `"project"` (option B, a 1×1 convolution and a norm).
        norm: as for `ConvBNNet`.
        activation: as for `ConvBNNet`.
        norm_place: as for `ConvBNNet`.

    Raises:
        ValueError: a number is too small, or a name is unknown.

    Example:
        >>> import torch
        >>> net = ResNet(stages=2, blocks=1, width=8)
        >>> net(torch.zeros(2, 1, 28, 28)).shape
        torch.Size([2, 10])

    Source:
        He, Zhang, Ren and Sun, "Deep residual learning for image recognition", 2015,
        arXiv:1512.03385.
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 1,
        image_size: int | tuple[int, int] = 28,
        width: int = 16,
        stages: int = 3,
        blocks: int = 3,
        *,
        shortcut: Shortcut = "pad",
        norm: Norm = "batchnorm",
        activation: Activation = "relu",
        norm_place: NormPlace = "before",
    ) -> None:
        check_at_least(
            1,
            num_classes=num_classes,
            in_channels=in_channels,
            width=width,
            stages=stages,
            blocks=blocks,
        )
        advice = "The later stages halve it: enlarge the images."
        sides_of(image_size, 2 ** (stages - 1), advice)
        check_one_of("shortcut", shortcut, ("pad", "project"))
        norm_act = NormAct(norm, activation, norm_place)
        conv1 = he_conv(in_channels, width, bias=norm_act.bias)
        layers = OrderedDict[str, nn.Module](conv1=conv1, **norm_act.layers("1", width))
        channels = width
        for stage in range(stages):
            members = []
            for block in range(blocks):
                stride = 2 if stage > 0 and block == 0 else 1
                members.append(BasicBlock(channels, width * 2**stage, stride, shortcut, norm_act))
                channels = width * 2**stage
            layers[f"stage{stage + 1}"] = nn.Sequential(*members)
        layers.update(pool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten())
        layers["fc"] = nn.Linear(channels, num_classes)
        super().__init__(layers)


def resnet20(
    num_classes: int = 10,
    in_channels: int = 1,
    image_size: int | tuple[int, int] = 28,
    width: int = 16,
    *,
    norm: Norm = "batchnorm",
    activation: Activation = "relu",
    norm_place: NormPlace = "before",
) -> ResNet:
    """Build the residual network of 20 layers for small images, with shortcuts without parameters.

    Args: as for `ResNet`; images of at least 4×4.

    Raises:
        ValueError: a number is too small, or a name is unknown.

    Example:
        >>> sum(parameter.numel() for parameter in resnet20(in_channels=3).parameters())
        269722

    Source:
        He, Zhang, Ren and Sun, 2015, section 4.2 (n = 3), arXiv:1512.03385.
    """
    return ResNet(
        num_classes,
        in_channels,
        image_size,
        width,
        norm=norm,
        activation=activation,
        norm_place=norm_place,
    )


def resnet18(
    num_classes: int = 10,
    in_channels: int = 1,
    image_size: int | tuple[int, int] = 28,
    width: int = 64,
    *,
    norm: Norm = "batchnorm",
    activation: Activation = "relu",
    norm_place: NormPlace = "before",
) -> ResNet:
    """Build ImageNet's residual network of 18 layers, with one 3×3 convolution as its stem, for small images.

    Args: as for `ResNet`; images of at least 8×8.

    Raises:
        ValueError: a number is too small, or a name is unknown.

    Example:
        >>> sum(parameter.numel() for parameter in resnet18(in_channels=3).parameters())
        11173962

    Source:
        He, Zhang, Ren and Sun, 2015, table 1 and section 3.3 (option B), arXiv:1512.03385.
    """
    return ResNet(
        num_classes,
        in_channels,
        image_size,
        width,
        stages=4,
        blocks=2,
        shortcut="project",
        norm=norm,
        activation=activation,
        norm_place=norm_place,
    )
