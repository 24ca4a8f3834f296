"""What is left of a layer that normalizes no more? The sum, the activation and the pool behind it."""

import torch.nn.functional as F
from torch import Tensor, nn

from batchnorm.functional import Activation, check_activation, check_given, finish

from ._scale_shift import ScaleShift
from ._scripted import Scripted, is_scripting
from ._traced import is_proxy, module_node


class Tail(Scripted):
    """The steps of a norm layer after normalizing, kept when it is folded: residual, activation, max-pool.

        y = affine(input) + residual
        output = max_pool2d(activate(y, activation), kernel_size)

    each where it is asked for. It stands where a norm was that has been folded.

    Args:
        affine: what is left of the norm itself, if anything is.
        activation: as for the layers.
        residual: whether calls give one.
        kernel_size: of the pool; None without one.

    Shape: as the layers.

    Raises:
        ValueError: an unknown activation.
        TypeError: an activation that is none; in a call, a residual that is missing or too many.

    Example:
        >>> import torch
        >>> Tail(None, "relu", residual=True)(torch.tensor([-3.0, 1.0]), torch.tensor([1.0, 1.0]))
        tensor([0., 2.])
    """

    def __init__(
        self,
        affine: ScaleShift | None,
        activation: Activation,
        *,
        residual: bool = False,
        kernel_size: int | None = None,
    ) -> None:
        super().__init__()
        check_activation(activation)
        self.affine = affine
        self.activation: Activation = activation
        self.residual = residual
        self.kernel_size = kernel_size

    def forward(self, input: Tensor, residual: Tensor | None = None) -> Tensor:  # noqa: A002  # the layers' name
        """Add, activate, pool."""
        if is_scripting():
            if (residual is not None) != self.residual:
                raise TypeError(f"Tail: residual={self.residual}: call it as the layer whose place it has.")
            y = input if self.affine is None else self.affine(input)
            y = self._activated(y if residual is None else y + residual)
            return y if self.kernel_size is None else F.max_pool2d(y, self.kernel_size)
        return self._computed(input, residual)

    def _computed(self, input: Tensor, residual: Tensor | None) -> Tensor:  # noqa: A002  # see forward
        if (residual is not None) != self.residual:
            raise TypeError(
                f"Tail: expected {'an input and a residual' if self.residual else 'one tensor'}, got "
                f"{'no residual' if residual is None else 'a residual'}. Call it as the layer whose place it has."
            )
        if is_proxy(input) or is_proxy(residual):
            inputs = (input,) if residual is None else (input, residual)
            node = module_node(self, Tail.forward, *inputs)
            if node is not None:
                return node
        else:
            check_given("Tail", input=input, residual=input if residual is None else residual)
        y = input if self.affine is None else self.affine(input)
        return finish(y, self.activation, residual, self.kernel_size)

    def extra_repr(self) -> str:
        """The steps that it has."""
        steps = [f"activation={self.activation!r}"] if not isinstance(self.activation, nn.Module | None) else []
        steps += ["residual=True"] if self.residual else []
        return ", ".join([*steps, *([f"kernel_size={self.kernel_size}"] if self.kernel_size else [])])
