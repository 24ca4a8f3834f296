"""BatchNorm1d, BatchNorm2d, BatchNorm3d: torch's layers with an activation and a route."""

from typing import ClassVar

import torch

from batchnorm.functional import Activation, Source

from ._forward import Forward, check_num_features


class Layer(Forward):
    """What the layers take: torch's arguments in torch's order, then ours."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,  # noqa: FBT001  # torch's signature
        track_running_stats: bool = True,  # noqa: FBT001
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        bias: bool = True,
        activation: Activation = None,
        route: str = "auto",
        moments: Source | str | None = None,
    ) -> None:
        check_num_features(type(self).__name__, num_features)
        torchs = (num_features, eps, momentum, affine, track_running_stats, device, dtype)
        super().__init__(*torchs, bias=bias, activation=activation, route=route, moments=moments)


class BatchNorm1d(Layer, torch.nn.BatchNorm1d):
    """`torch.nn.BatchNorm1d`, for (N, C) or (N, C, L), with an activation as its last step.

        mean, var = moments of the batch in training, (running_mean, running_var) in evaluation
        output = activate((input - mean) / sqrt(var + eps) * weight + bias, activation)

    A drop-in for torch's layer: the same arguments, state and exceptions; a `state_dict` loads
    strictly both ways. What is computed is `batchnorm.functional.batch_norm`.

    Args:
        num_features: C, the number of channels (axis 1).
        eps: added to the variance inside the square root.
        momentum: the weight of the NEW batch in the running statistics; None averages all batches.
        affine: whether there is a `weight`, and a `bias`.
        track_running_stats: whether there are `running_mean`, `running_var` and
            `num_batches_tracked`; without them evaluation, too, normalizes by the batch.
        device: of parameters and buffers.
        dtype: of parameters and buffers.
        bias: False leaves out `bias` alone.
        activation: the last step: a name in `batchnorm.functional.ACTIVATIONS`, a module (which
            becomes the submodule `activation`) or a function of one tensor.
        route: "auto", "composed", "native" or "fused": see `batchnorm.functional.route_table`.
        moments: whose moments normalize: a source such as `Ghost(32)`, or its text, "ghost:32"; None for those of the
            batch in training, and the running ones in evaluation.

    Returns of a call:
        The output has the shape and the dtype of the input, and the strides of torch's output,
        unless the activation changes them.

    Raises:
        ValueError: an unknown activation, route or source of moments; in a call, an input of another number of axes,
            or one value per channel in training.
        TypeError: an activation, route or source of a type that is none of these; in a call, a mask where none is
            taken, or none where one is.
        RuntimeError: a source that reads running statistics, without these; in a call, an input with another number of
            channels, dtype or device, or one that the kernels do not take with `route="fused"`.

    Example:
        >>> layer = BatchNorm1d(3, activation="relu")
        >>> layer(torch.randn(8, 3)).min()
        tensor(0., grad_fn=<MinBackward1>)
        >>> layer.extra_repr().partition("track_running_stats")[2]
        "=True, activation='relu'"

    Source: Ioffe and Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing
    Internal Covariate Shift", 2015.
    """

    shapes: ClassVar[dict[int, str]] = {2: "(N, C)", 3: "(N, C, L)"}


class BatchNorm2d(Layer, torch.nn.BatchNorm2d):
    """`torch.nn.BatchNorm2d`, for (N, C, H, W), with an activation as its last step.

    Arguments, formula and exceptions as for `BatchNorm1d`.

    Example:
        >>> layer = BatchNorm2d(3, activation=torch.nn.PReLU())
        >>> layer(torch.randn(2, 3, 4, 4)).shape
        torch.Size([2, 3, 4, 4])
    """

    shapes: ClassVar[dict[int, str]] = {4: "(N, C, H, W)"}


class BatchNorm3d(Layer, torch.nn.BatchNorm3d):
    """`torch.nn.BatchNorm3d`, for (N, C, D, H, W), with an activation as its last step.

    Arguments, formula and exceptions as for `BatchNorm1d`.

    Example:
        >>> BatchNorm3d(3)(torch.randn(2, 3, 4, 4, 4)).shape
        torch.Size([2, 3, 4, 4, 4])
    """

    shapes: ClassVar[dict[int, str]] = {5: "(N, C, D, H, W)"}
