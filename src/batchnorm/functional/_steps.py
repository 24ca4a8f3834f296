"""How do moments, weight and bias make the output? Two steps, and both as one pair per channel."""

import torch
from torch import Tensor

from ._channels import per_channel, sizes_are_known
from ._given import check_given, check_optional


def normalize(x: Tensor, mean: Tensor, var: Tensor, eps: float) -> Tensor:
    """Shift and scale every channel of `x` (N, C, *) by its mean and biased variance.

        x_hat = (x - mean) / sqrt(var + eps)

    `mean` and `var`: (C,). The dtype follows torch's promotion: bfloat16 `x` with float32 moments
    gives float32.

    Raises:
        ValueError: `x` has fewer than two axes; `mean` or `var` has not one value per channel.

    Example:
        >>> x = torch.tensor([[1.0], [3.0]])
        >>> normalize(x, torch.tensor([2.0]), torch.tensor([1.0]), eps=0.0)
        tensor([[-1.],
                [ 1.]])

    Source: Ioffe and Szegedy, "Batch Normalization", 2015, algorithm 1.
    """
    check_given("normalize", " of shape (N, C, *)", x=x)
    check_given("normalize", " of shape (C,)", mean=mean, var=var)
    return (x - per_channel(mean, x, "mean")) * per_channel(torch.rsqrt(var + eps), x, "var")


def standardize(x: Tensor, mean: Tensor, invstd: Tensor) -> Tensor:
    """`normalize` by the inverse of a standard deviation: x_hat = (x - mean) * invstd, both (C,)."""
    return (x - per_channel(mean, x, "mean")) * per_channel(invstd, x, "invstd")


def affine(x_hat: Tensor, weight: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
    """Multiply every channel by `weight` and add `bias`, each of shape (C,) and each optional.

        y = x_hat * weight + bias

    Raises:
        ValueError: `x_hat` has fewer than two axes; `weight` or `bias` has not one value per channel.

    Example:
        >>> affine(torch.ones(1, 2), weight=torch.tensor([2.0, 3.0]))
        tensor([[2., 3.]])
    """
    check_given("affine", " of shape (N, C, *)", x_hat=x_hat)
    check_optional("affine", weight=weight, bias=bias)
    y = x_hat if weight is None else x_hat * per_channel(weight, x_hat, "weight")
    return y if bias is None else y + per_channel(bias, x_hat, "bias")


def scale_shift(
    mean: Tensor,
    var: Tensor,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> tuple[Tensor, Tensor]:
    """`normalize` and `affine` together as one pair (scale, shift), each of shape (C,).

        scale = weight / sqrt(var + eps);  shift = bias - mean * scale;  y = x * scale + shift

    Equal to the two steps up to rounding: where |mean| is large against the standard deviation, `x
    * scale` and `shift` nearly cancel, and the two steps are the more exact way.

    Raises:
        ValueError: `var`, `weight` or `bias` has another shape than `mean`.

    Example:
        >>> scale_shift(torch.tensor([2.0]), torch.tensor([4.0]), eps=0.0)
        (tensor([0.5000]), tensor([-1.]))
    """
    check_given("scale_shift", " of shape (C,)", mean=mean, var=var)
    check_optional("scale_shift", weight=weight, bias=bias)
    for name, values in (("var", var), ("weight", weight), ("bias", bias)):
        if sizes_are_known() and values is not None and values.shape != mean.shape:
            raise ValueError(
                f"{name}: expected the shape of mean, {tuple(mean.shape)}, got {tuple(values.shape)}. "
                "Take all of them from one layer."
            )
    scale = torch.rsqrt(var + eps)
    if weight is not None:
        scale = scale * weight
    shift = -mean * scale
    return scale, shift if bias is None else shift + bias
