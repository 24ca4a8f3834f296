"""GhostBatchNorm1d/2d/3d: the layers of ghost batch norm, by their own name."""

from typing import Any

from batchnorm.functional import Ghost

from ._layers import BatchNorm1d, BatchNorm2d, BatchNorm3d, Layer
from ._takes import takes


class GhostBatchNorm1d(BatchNorm1d):
    """A `BatchNorm1d` that normalizes every slice of `size` samples by its own moments: `moments=Ghost(size)`.

        output = concatenated(batch_norm(part) for part in input.split(size))

    The running statistics see the moments of the whole batch; in evaluation it is a `BatchNorm1d`. Parameters, buffers
    and `state_dict` are those of `torch.nn.BatchNorm1d`.

    Args:
        num_features: C, the number of channels (axis 1).
        size: the number of samples in a slice.
        options: as for `BatchNorm1d`, by name.

    Raises:
        ValueError: as `BatchNorm1d`, and for a `size` below 1.
        TypeError: as `BatchNorm1d`, and for a `size` that is no integer.

    Example:
        >>> import torch
        >>> layer = GhostBatchNorm1d(1, 2)
        >>> layer(torch.tensor([[0.0], [2.0], [10.0], [12.0]])).flatten()
        tensor([-1.0000,  1.0000, -1.0000,  1.0000], grad_fn=<ViewBackward0>)

    Source: Hoffer, Hubara and Soudry, "Train longer, generalize better", 2017, section 4.
    """

    @takes(Layer.__init__, without="moments")
    def __init__(self, num_features: int, size: int, **options: Any) -> None:
        super().__init__(num_features, moments=Ghost(size), **options)


class GhostBatchNorm2d(BatchNorm2d):
    """A `BatchNorm2d` that normalizes every slice of `size` samples by its own moments, as `GhostBatchNorm1d`.

    Example:
        >>> import torch
        >>> GhostBatchNorm2d(3, 16)(torch.randn(40, 3, 4, 4)).shape
        torch.Size([40, 3, 4, 4])
    """

    @takes(Layer.__init__, without="moments")
    def __init__(self, num_features: int, size: int, **options: Any) -> None:
        super().__init__(num_features, moments=Ghost(size), **options)


class GhostBatchNorm3d(BatchNorm3d):
    """A `BatchNorm3d` that normalizes every slice of `size` samples by its own moments, as `GhostBatchNorm1d`.

    Example:
        >>> import torch
        >>> GhostBatchNorm3d(3, 2)(torch.randn(4, 3, 2, 4, 4)).shape
        torch.Size([4, 3, 2, 4, 4])
    """

    @takes(Layer.__init__, without="moments")
    def __init__(self, num_features: int, size: int, **options: Any) -> None:
        super().__init__(num_features, moments=Ghost(size), **options)
