"""SyncBatchNorm: batch norm over the batches of all processes, with torch's arguments, on any device."""

from typing import Any, ClassVar

import torch
import torch.distributed as dist

from batchnorm.functional import Activation, Sync

from ._forward import Forward, check_num_features
from ._moments_of import given_to
from ._synchronized import synchronized


class SyncBatchNorm(Forward):
    """`torch.nn.SyncBatchNorm`, for (N, C) to (N, C, D, H, W), on CPUs, too, with an activation as its last step.

        mean, var = moments of all processes' batches together in training, the running ones in evaluation
        output = activate((input - mean) / sqrt(var + eps) * weight + bias, activation)

    A drop-in for torch's layer, with its arguments, state and gradients: that of `input` is of the sum of all losses,
    those of `weight` and `bias` are this process's share, which DistributedDataParallel averages. Batches of any size
    take part, empty ones, too. In evaluation, without a process group, and in a group of one process it is a
    `BatchNorm2d` for any number of axes. What is computed is `batch_norm(..., moments=Sync(process_group))`.

    Args:
        num_features: C, the number of channels (axis 1).
        eps: added to the variance inside the square root.
        momentum: the weight of the NEW batch in the running statistics; None averages all batches.
        affine: whether there is a `weight`, and a `bias`.
        track_running_stats: whether there are running statistics; without them evaluation normalizes by this process's
            batch, as in torch.
        process_group: of `torch.distributed`, whose processes normalize together; None for all of them.
        device: of parameters and buffers.
        dtype: of parameters and buffers.
        bias: False leaves out `bias` alone.
        activation: the last step, as for `BatchNorm1d`.
        route: "auto", "composed", "native" or "fused": see `batchnorm.functional.route_table`.

    Raises:
        ValueError: as `BatchNorm1d`; this process is not in the group; in a call, all processes together have one
            value per channel.
        TypeError: as `BatchNorm1d`, and for a `process_group` that is none.
        RuntimeError: as `BatchNorm1d`; in a call, another process does not come (`batchnorm.ranks.RankError`), or is in
            another norm.

    Example:
        >>> layer = SyncBatchNorm(3, activation="relu")
        >>> layer(torch.randn(2, 3, 4, 4)).shape
        torch.Size([2, 3, 4, 4])

    Source: Peng et al., "MegDet: A Large Mini-Batch Object Detector", 2018, section 3.3.
    """

    shapes: ClassVar[dict[int, str]] = {
        2: "(N, C)",
        3: "(N, C, L)",
        4: "(N, C, H, W)",
        5: "(N, C, D, H, W)",
    }

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,  # noqa: FBT001  # torch's signature
        track_running_stats: bool = True,  # noqa: FBT001
        process_group: dist.ProcessGroup | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        bias: bool = True,
        activation: Activation = None,
        route: str = "auto",
    ) -> None:
        check_num_features(type(self).__name__, num_features)
        torchs = (num_features, eps, momentum, affine, track_running_stats, device, dtype)
        super().__init__(*torchs, bias=bias, activation=activation, route=route, moments=Sync(process_group))

    @property
    def process_group(self) -> dist.ProcessGroup | None:
        """Whose processes normalize together; None for all, and for a layer that was given other moments."""
        source = given_to(self)
        return source.group if isinstance(source, Sync) else None

    @process_group.setter
    def process_group(self, group: dist.ProcessGroup | None) -> None:
        self.moments = Sync(group)

    @classmethod
    def convert_sync_batchnorm(cls, module: torch.nn.Module, process_group: dist.ProcessGroup | None = None) -> Any:
        """Replace the batch norms in a model by synchronized ones, as `torch.nn.SyncBatchNorm.convert_sync_batchnorm`.

        Parameters, buffers, modes and hooks are the same objects; a norm that stands in two places is one norm in both
        of them afterwards. Unlike torch's it keeps what layers of this package do besides. `batchnorm.convert(model,
        "sync")` takes norms of others, too, and has a way back.

        Args:
            module: a model, or a norm.
            process_group: as for the layer.

        Returns:
            `module`, or the new layer if it is a norm itself.

        Raises:
            RuntimeError: a norm computes something else, which a `SyncBatchNorm` would not. Nothing has been changed.

        Example:
            >>> net = torch.nn.Sequential(torch.nn.Linear(20, 100), torch.nn.BatchNorm1d(100))
            >>> type(SyncBatchNorm.convert_sync_batchnorm(net)[1]).__name__
            'SyncBatchNorm'
        """
        return synchronized(module, cls, process_group)
