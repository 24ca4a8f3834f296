"""Which kernels take a tensor? Those of its device, which have one face wherever they are; or none, and why.

kernels = for_tensor(x)
mean, var = kernels.moments(x)
y, masks = kernels.apply(x, Affine(mean, scale, shift), behind, residual)
sums = kernels.sums(dy, x, affine, behind, masks)
dx, dresidual = kernels.apply_back(dy, x, affine, back, behind, masks)
"""

from typing import Protocol

from torch import Tensor

from . import cpu, gpu
from ._seam import Affine, Applied, Back, Behind, Sums, Unapplied
from ._unusable import UnusableKernelsError


class Face(Protocol):
    """What a device's kernels can do: `kernels.cpu` and `kernels.gpu` are such faces."""

    @property
    def ACTIVATIONS(self) -> tuple[str, ...]:  # noqa: N802  # a constant of the modules
        """The activations that `Behind` may name, "identity" among them."""

    def why_not(self, x: Tensor) -> str | None:
        """What of x the kernels do not take, as the rest of a sentence; None if they take it."""

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and biased variance (C,) of x (N, C, *), in float64."""

    def apply(self, x: Tensor, affine: Affine, behind: Behind = ..., residual: Tensor | None = None) -> Applied:
        """Y = finish((x - center) * scale + shift), and the masks of a sum or a pool."""

    def sums(self, dy: Tensor, x: Tensor, affine: Affine, behind: Behind = ..., masks: Tensor | None = None) -> Sums:
        """The sums of g and of g * (x - center), (C,) in float64, where g is the gradient in front of `finish`."""

    def apply_back(
        self,
        dy: Tensor,
        x: Tensor,
        affine: Affine,
        back: Back | None,
        behind: Behind = ...,
        masks: Tensor | None = None,
    ) -> Unapplied:
        """Dx = g * scale + (x - center) * of_x + constant, and the gradient of a residual."""


FACES: dict[str, Face] = {"cpu": cpu, "cuda": gpu}
"""The kernels by the type of device; ROCm's devices are of the type "cuda", too."""


def for_tensor(x: Tensor) -> Face:
    """The kernels that take x (N, C, *).

    Raises:
        UnusableKernelsError: there are none; the message says why.

    Example:
        >>> import torch
        >>> for_tensor(torch.zeros(2, 3, dtype=torch.int64))
        Traceback (most recent call last):
        batchnorm.kernels._unusable.UnusableKernelsError: no kernel takes x: it needs x of float32, float64 or \
bfloat16, got torch.int64.
    """
    reason = why_none(x)
    if reason is not None:
        raise UnusableKernelsError(f"no kernel takes x: it {reason}.")
    return FACES[x.device.type]


def why_none(x: Tensor) -> str | None:
    """Why no kernel takes x, as the rest of a sentence; None if there is one that does.

    Example:
        >>> import torch
        >>> why_none(torch.zeros(2, 3, device="meta"))
        'needs x on the CPU or on a GPU of CUDA or ROCm, got it on meta'
    """
    face = FACES.get(x.device.type)
    if face is None:
        return f"needs x on the CPU or on a GPU of CUDA or ROCm, got it on {x.device}"
    return face.why_not(x)
