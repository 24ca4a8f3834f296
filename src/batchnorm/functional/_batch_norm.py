"""torch's `batch_norm`, with an activation as its last step and a choice of implementation."""

from torch import Tensor

from ._activation import Activation
from ._arguments import Arguments
from ._call import call
from .sources import Source


def batch_norm(
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,  # noqa: FBT001  # torch's signature, which takes it by position
    momentum: float | Tensor = 0.1,
    eps: float = 1e-5,
    *,
    activation: Activation = None,
    route: str = "auto",
    moments: Source | str | None = None,
    mask: Tensor | None = None,
    num_batches_tracked: Tensor | None = None,
) -> Tensor:
    """Batch-normalize `x` (N, C, *) by channel: `torch.nn.functional.batch_norm`, and more.

        mean, var = training ? batch_moments(x) : (running_mean, running_var)
        out = activate(affine(normalize(x, mean, var, eps), weight, bias), activation)

    In training the running statistics, if given, move towards the batch by `update_running_stats`.
    The output has the dtype of `x`, and the strides that it has in torch: channels_last where `x` is,
    else contiguous. Inside, half types are computed in float32.

    Args:
        x: (N, C, *), floating point.
        running_mean: (C,), or None in training to track nothing; updated in place in training.
        running_var: (C,), the same for the unbiased variance.
        weight: (C,) or None.
        bias: (C,) or None; independent of `weight`.
        training: normalize by the batch's own statistics (True) or by the running ones.
        momentum: the weight of the NEW batch; a number (Python's or NumPy's) or a tensor without
            axes.
        eps: added to the variance inside the square root.
        activation: the last step: a name of `ACTIVATIONS`, a module or function of one tensor, or
            None.
        route: "auto" (see `route_table`), "composed", "native" or "fused". A route asked for by name
            is the one taken.
        moments: whose moments normalize: a source of `batchnorm.nn` or its text ("ghost:32"); None for the batch's in
            training and the running ones in evaluation.
        mask: bool, True where a place is valid, (N, *) or (N, 1, *); for sources that take one (`Masked`), and for
            these only.
        num_batches_tracked: the updates so far, one integer as a tensor, for sources that read it (`Renorm`). It is not
            changed.

    Statistics, weight and bias share one dtype: that of `x`, or float32 beside a half `x`.

    Raises:
        ValueError: one value per channel in training, one of the running statistics without the
            other, `eps` out of range, an unknown activation or route, a text that names no source; a mask of
            another shape, or in training with fewer than two valid places.
        RuntimeError: evaluation without running statistics; a wrong number of channels, dtype or
            device; `route="fused"` where the kernels cannot be used (the message names the condition).
        TypeError: `x` is no tensor, `training` no bool, `momentum` neither number nor tensor
            without axes, `eps` no number, `route` no name, `activation` neither a name nor a module
            or function, `moments` no source; a mask that is missing, not bool, or not taken.

    Example:
        >>> import torch
        >>> x = torch.tensor([[1.0], [3.0]])
        >>> batch_norm(x, None, None, training=True, eps=1e-12, activation="relu")
        tensor([[0.],
                [1.]])

    Source: Ioffe and Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing
    Internal Covariate Shift", 2015.
    """
    tensors = (x, running_mean, running_var, weight, bias)
    options = (training, momentum, eps, activation)
    return call(
        batch_norm, tensors, Arguments(*tensors, *options, None, None, moments, mask, num_batches_tracked), route
    )
