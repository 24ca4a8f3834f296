"""Sequences and images of unequal size in one batch: moments of what is there, not of the padding."""

from dataclasses import dataclass

from ._checks import checked_number
from ._source import Source


@dataclass(frozen=True)
class Masked(Source):
    """Batch norm of the places where a mask is true; the padding is neither seen nor normalized.

        own = moments over the places where mask
        y = where(mask, affine((x - mean) / sqrt(var + eps), weight, bias), fill)

    Every call takes a mask of bool: (N, *), the shape of `x` without its channels, or (N, 1, *). True is valid. In
    training the moments are those of the valid places, and so are those that the running statistics see; in evaluation
    the running statistics normalize. What stands in the padding, NaN included, changes no bit of anything; the gradient
    there is exactly 0.

    Args:
        fill: what the output has in the padding; None: what the input has there.

    Raises:
        TypeError: `fill` is neither a number nor None.
        ValueError: it is not a number (NaN) or not finite; in a call in training, one valid value, or none.

    Example:
        >>> import torch
        >>> from batchnorm.functional import batch_norm
        >>> x = torch.tensor([[[0.0, 2.0, 9.0]]])
        >>> batch_norm(x, None, None, training=True, moments=Masked(), mask=torch.tensor([[True, True, False]]))
        tensor([[[-1.0000,  1.0000,  0.0000]]])
    """

    fill: float | None = 0.0

    name = "masked"
    takes_mask = True

    def __post_init__(self) -> None:
        if self.fill is not None:
            most = 3.4e38  # float32's
            cure = "The usual value is 0; None leaves the padding as it is."
            fill = checked_number("Masked", "fill", self.fill, -most, "a finite number or None", cure, most)
            object.__setattr__(self, "fill", fill)

    def at(self, *, training: bool) -> Source:
        """The same in both modes, for both have padding."""
        return self
