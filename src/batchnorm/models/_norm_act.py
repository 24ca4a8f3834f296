"""What follows a convolution or a linear layer, and in which order? One answer for all nets."""

import copy
from collections.abc import Callable
from typing import Literal

from torch import Tensor, nn

from ..errors import InputTypeError
from ..functional import Activation, activate, check_activation
from ..nn import BatchNorm1d, BatchNorm2d, BatchNormAdd2d, BatchNormPool2d
from ._arguments import check_one_of

Norm = str | Callable[[int], nn.Module] | None
NormPlace = Literal["before", "after"]

_OURS = {1: BatchNorm1d, 2: BatchNorm2d}
_TORCHS = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d}


class NormAct:
    """The norm and the activation behind the layers of one net.

    With this library's norm before the activation, the activation is the norm's own last step, so
    that both can run as one; so are the max-pool behind it, and the sum at the end of a residual
    block. Everywhere else each is a module of its own. A module that has parameters always stands
    alone: so neither the kind of batch norm nor its place changes a net's `state_dict` keys.

    Args:
        norm: `"batchnorm"` for this library's layers, `"torch"` for PyTorch's, `None` or `"none"`
            for no norm, or a function `num_features -> nn.Module`.
        activation: a name of `batchnorm.functional.ACTIVATIONS`, a function, a module (each place
            gets a copy), or `None` or `"none"`.
        norm_place: `"before"` or `"after"` the activation.
        dim: 1 for (N, C), 2 for (N, C, H, W).

    Raises:
        ValueError: an unknown norm, activation or place.
        TypeError: an activation that is neither a name nor something that can be called.

    Example:
        >>> list(NormAct("batchnorm", "relu", "before").layers("1", 8))
        ['bn1']
        >>> list(NormAct("torch", "relu", "after").layers("1", 8))
        ['act1', 'bn1']
    """

    def __init__(self, norm: Norm, activation: Activation, norm_place: NormPlace, dim: Literal[1, 2] = 2) -> None:
        self.norm = None if norm == "none" else norm
        self.activation = None if activation == "none" else activation
        self.norm_place = norm_place
        self.dim = dim
        if isinstance(norm, nn.Module):
            raise InputTypeError(
                argument="norm",
                expected="a name or a function num_features -> nn.Module",
                got=f"a layer ({type(norm).__name__})",
                cure="Every place needs a layer of its own: pass the function that makes it.",
            )
        if self.norm is not None and not callable(norm):
            own = "Or pass a function num_features -> nn.Module."
            check_one_of("norm", norm, ("batchnorm", "torch", "none"), own)
        check_activation(self.activation)
        check_one_of("norm_place", norm_place, ("before", "after"))

    @property
    def bias(self) -> bool:
        """Whether a layer needs a bias of its own: only where no norm brings one."""
        return self.norm is None

    def layers(self, suffix: str, num_features: int) -> dict[str, nn.Module]:
        """Make `bn<suffix>` and `act<suffix>`, as far as needed, in the order in which they run."""
        if self._leads() and not self._has_state():
            return {f"bn{suffix}": _OURS[self.dim](num_features, activation=copy.deepcopy(self.activation))}
        norm = self.norm_alone(suffix, num_features)
        act = {} if self.activation is None else {f"act{suffix}": self.activation_alone()}
        return norm | act if self.norm_place == "before" else act | norm

    def pooled_layers(self, suffix: str, num_features: int) -> dict[str, nn.Module]:
        """Make `layers` and a max-pool of 2×2 behind them, `pool<suffix>` where it is not the norm's own."""
        if self._leads() and not self._has_state():
            return {f"bn{suffix}": BatchNormPool2d(num_features, activation=copy.deepcopy(self.activation))}
        return self.layers(suffix, num_features) | {f"pool{suffix}": nn.MaxPool2d(2)}

    def summing_layers(self, suffix: str, num_features: int) -> tuple[dict[str, nn.Module], nn.Module]:
        """Make the end of a residual block: layers of which the last takes the residual too, and what follows.

        With the norm before the activation they are norm, sum, activation; with the norm behind it,
        activation, norm, sum, and nothing follows.
        """
        if self.norm_place == "after":
            return self.layers(suffix, num_features) | {f"add{suffix}": Sum()}, nn.Identity()
        if not self._leads():
            return self.norm_alone(suffix, num_features) | {f"add{suffix}": Sum()}, self.activation_alone()
        if self._has_state():
            return {f"bn{suffix}": BatchNormAdd2d(num_features, activation=None)}, self.activation_alone()
        norm = BatchNormAdd2d(num_features, activation=copy.deepcopy(self.activation))
        return {f"bn{suffix}": norm}, nn.Identity()

    def norm_alone(self, suffix: str, num_features: int) -> dict[str, nn.Module]:
        """Make `bn<suffix>` for a place where nothing is to be activated."""
        if self.norm is None:
            return {}
        if callable(self.norm):
            layer = self.norm(num_features)
            if not isinstance(layer, nn.Module):
                raise InputTypeError(
                    argument="norm",
                    expected="a function that returns a torch.nn.Module",
                    got=f"{type(layer).__name__} from it",
                    cure="Let it return the layer.",
                )
            return {f"bn{suffix}": layer}
        kinds = _OURS if self.norm == "batchnorm" else _TORCHS
        return {f"bn{suffix}": kinds[self.dim](num_features)}

    def activation_alone(self) -> nn.Module:
        """Make the activation as a module of its own; the identity where there is none."""
        if isinstance(self.activation, nn.Module):
            return copy.deepcopy(self.activation)
        return nn.Identity() if self.activation is None else ActivationLayer(self.activation)

    def _leads(self) -> bool:
        """Whether the norm is one of this library's and may bring the steps that follow it."""
        return self.norm == "batchnorm" and self.norm_place == "before"

    def _has_state(self) -> bool:
        return isinstance(self.activation, nn.Module) and bool(self.activation.state_dict())


class Sum(nn.Module):
    """The sum of two tensors as a module, where no norm brings it."""

    def forward(self, x: Tensor, residual: Tensor) -> Tensor:
        """Add `residual` to `x`."""
        return x + residual


class ActivationLayer(nn.Module):
    """`batchnorm.functional.activate` as a module, where no norm brings the activation."""

    def __init__(self, activation: Activation) -> None:
        super().__init__()
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """Activate `x`."""
        return activate(x, self.activation)

    def extra_repr(self) -> str:
        """Show the activation's name."""
        return repr(self.activation)
