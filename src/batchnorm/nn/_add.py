"""BatchNormAdd2d: the norm that ends a residual block."""

from typing import Any, ClassVar

import torch
from torch import Tensor

from batchnorm.functional import Activation, batch_norm_add

from ._layers import Layer
from ._scripted import is_scripting
from ._takes import takes
from ._traced import is_proxy, method_node, module_node


class BatchNormAdd2d(Layer, torch.nn.BatchNorm2d):
    """A `BatchNorm2d` that adds a residual before it activates: the end of a residual block.

        mean, var = moments of the batch in training, (running_mean, running_var) in evaluation
        output = activate((input - mean) / sqrt(var + eps) * weight + bias + residual, activation)

    Parameters, buffers and `state_dict` are those of `torch.nn.BatchNorm2d`; the arguments are those
    of `BatchNorm2d`, but the activation is ReLU if none is named. What is computed is
    `batchnorm.functional.batch_norm_add`.

    Shape: input and residual (N, C, H, W), the output too.

    Raises:
        ValueError: as `BatchNorm1d`.
        TypeError: as `BatchNorm1d`; in a call, a residual that is no tensor.
        RuntimeError: in a call, as `BatchNorm1d`, and for a residual of another shape, dtype or
            device than the input.

    Example:
        >>> layer = BatchNormAdd2d(3)
        >>> x = torch.randn(2, 3, 4, 4)
        >>> torch.equal(layer(x, -x), torch.relu(torch.nn.BatchNorm2d(3)(x) - x))
        True

    Source: He, Zhang, Ren and Sun, "Deep residual learning for image recognition", 2015, section 3.2.
    """

    shapes: ClassVar[dict[int, str]] = {4: "(N, C, H, W)"}
    own_step: ClassVar[str | None] = "the residual"

    @takes(Layer.__init__)
    def __init__(self, num_features: int, *torchs: Any, activation: Activation = "relu", **options: Any) -> None:
        super().__init__(num_features, *torchs, activation=activation, **options)

    def forward(  # type: ignore[override]
        self,
        input: Tensor,  # noqa: A002  # torch's name, which callers may use
        residual: Tensor,
    ) -> Tensor:
        """Normalize, scale and shift `input`, add `residual`, activate the sum."""
        if is_scripting():
            if residual.size() != input.size():
                raise RuntimeError(f"residual must have the shape of x, {input.size()}, got {residual.size()}.")
            return self._activated(self._by_torch(input) + residual)
        traced = is_proxy(input) or is_proxy(residual)
        node = module_node(self, BatchNormAdd2d.forward, input, residual) if traced else None
        return self._activate(self._computed(input, residual)) if node is None else node

    def _computed(self, input: Tensor, residual: Tensor) -> Tensor:  # type: ignore[override]  # noqa: A002  # see forward
        traced = is_proxy(input) or is_proxy(residual)
        node = method_node(self, "_computed", input, residual) if traced else None
        return self._call(batch_norm_add, input, residual) if node is None else node
