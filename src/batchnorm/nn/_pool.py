"""BatchNormPool2d: the norm in front of a max-pool."""

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from batchnorm.functional import Activation, batch_norm, batch_norm_pool, check_kernel_size, check_pool

from ._layers import Layer
from ._scripted import is_scripting
from ._takes import takes
from ._traced import is_proxy, method_node, module_node


class BatchNormPool2d(Layer, torch.nn.BatchNorm2d):
    """A `BatchNorm2d` with a max-pool behind its activation.

        mean, var = moments of the batch in training, (running_mean, running_var) in evaluation
        y = activate((input - mean) / sqrt(var + eps) * weight + bias, activation)
        output = max_pool2d(y, kernel_size)

    Parameters, buffers and `state_dict` are those of `torch.nn.BatchNorm2d`; the arguments are those
    of `BatchNorm2d` and `kernel_size`, and the activation is ReLU if none is named. What is computed
    is `batchnorm.functional.batch_norm_pool`.

    Args:
        num_features: as for `BatchNorm1d`, and so are those that are not named here.
        eps: added to the variance inside the square root.
        momentum: the weight of the NEW batch in the running statistics; None averages all batches.
        affine: whether there is a `weight`, and a `bias`.
        track_running_stats: whether there are running statistics.
        device: of parameters and buffers.
        dtype: of parameters and buffers.
        bias: False leaves out `bias` alone.
        activation: applied before the pool; a module is called as one.
        kernel_size: height, width and stride of the window, in pixels; there is no padding, and what
            is left at the right and lower edge belongs to no window.
        route: as for `BatchNorm1d`.

    Shape: (N, C, H, W) -> (N, C, H // kernel_size, W // kernel_size).

    Raises:
        ValueError: as `BatchNorm1d`, and for a `kernel_size` below 1.
        TypeError: as `BatchNorm1d`, and for a `kernel_size` that is no integer.
        RuntimeError: in a call, as `BatchNorm1d`, and for images smaller than the window.

    Example:
        >>> layer = BatchNormPool2d(3, kernel_size=2)
        >>> layer(torch.randn(8, 3, 5, 4)).shape
        torch.Size([8, 3, 2, 2])
    """

    shapes: ClassVar[dict[int, str]] = {4: "(N, C, H, W)"}
    own_step: ClassVar[str | None] = "the max-pool"
    kernel_size: int

    @takes(Layer.__init__)
    def __init__(
        self,
        num_features: int,
        *torchs: Any,
        activation: Activation = "relu",
        kernel_size: int = 2,
        **options: Any,
    ) -> None:
        check_kernel_size(kernel_size)
        super().__init__(num_features, *torchs, activation=activation, **options)
        self.kernel_size = kernel_size

    def forward(  # type: ignore[override]
        self,
        input: Tensor,  # noqa: A002  # torch's name, which callers may use
    ) -> Tensor:
        """Normalize, scale, shift, activate and pool `input`."""
        if is_scripting():
            return F.max_pool2d(self._activated(self._by_torch(input)), self.kernel_size)
        node = module_node(self, BatchNormPool2d.forward, input) if is_proxy(input) else None
        return self._pooled(self._activate(self._computed(input))) if node is None else node

    def _pooled(self, y: Tensor) -> Tensor:
        return F.max_pool2d(y, self.kernel_size) if self._activates_later() else y

    def _computed(self, input: Tensor) -> Tensor:  # type: ignore[override]  # noqa: A002  # see forward
        node = method_node(self, "_computed", input) if is_proxy(input) else None
        if node is not None:
            return node
        if not self._activates_later():
            return self._call(batch_norm_pool, input, kernel_size=self.kernel_size)
        if not is_proxy(input):
            self._check_is_tensor(input)
        self._check_input_dim(input)
        if not is_proxy(input):
            check_pool(input, self.kernel_size)  # batch_norm does not know of the pool, and would move statistics
        return self._call(batch_norm, input)

    def extra_repr(self) -> str:
        """The text of `BatchNorm2d`, and the size of the window."""
        return f"{super().extra_repr()}, kernel_size={self.kernel_size}"
