"""The convolution of the nets of He et al.: how large, and with which weights it starts."""

from torch import nn


def he_conv(
    in_channels: int,
    out_channels: int,
    kernel_size: int = 3,
    *,
    stride: int = 1,
    bias: bool = False,
) -> nn.Conv2d:
    """Make a convolution with He's initialization; the image size is divided by `stride` only.

    The weights are normal with mean 0 and variance `2 / (out_channels * kernel_size**2)` (fan out,
    for ReLU): the gradients keep their size from layer to layer. A bias starts at 0.

    Example:
        >>> he_conv(3, 8, stride=2).weight.shape
        torch.Size([8, 3, 3, 3])

    Source:
        He, Zhang, Ren and Sun, "Delving deep into rectifiers", 2015, section 2.2, arXiv:1502.01852.
    """
    conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, kernel_size // 2, bias=bias)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    return conv
