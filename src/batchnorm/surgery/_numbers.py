"""Which numbers are in a tensor, whatever its layout, and how far are those of two tensors apart?"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

_LEAST = 1e-6
_MOST = 1e6
_COMPRESSED = (torch.sparse_csr, torch.sparse_csc, torch.sparse_bsr, torch.sparse_bsc)


@dataclass(frozen=True, slots=True)
class Numbers:
    """A copy of a tensor's numbers.

    Attributes:
        form: what has to be the same in the other tensor: layout, shape, which kind of numbers.
        dtype: the tensor's.
        values: real or whole numbers; a complex one is two.
        places: where they lie, if the layout is a sparse one; what lies nowhere is 0.
    """

    form: tuple[object, ...]
    dtype: torch.dtype
    values: Tensor
    places: Tensor | None = None

    def distance(self, other: "Numbers") -> float:
        """The largest difference in units of the largest number; infinite if the forms differ.

        Numbers below 1e-6 count as that: what is nearly 0 is often the difference of larger ones. A number beyond a
        million times the median counts for itself alone, so that one that is about to overflow hides no other. NaN and
        infinities are the same where both have the same. Of whole numbers it is the share that differs: where two
        classes are nearly as likely, rounding decides which has the largest number.
        """
        if self.form != other.form:
            return float("inf")
        one, two = self.values, other.values
        if self.places is not None and other.places is not None:
            one, two = _at_the_same_places(self, other, self.places, other.places)
        if not one.numel():
            return 0.0
        if not one.is_floating_point():
            return float((one != two).double().mean())
        return _apart(one.double(), two.double())


def numbers_of(tensor: Tensor) -> Iterator[tuple[str, Numbers]]:
    """The numbers of a tensor; of one that wraps others those of each, with its name there.

    Raises:
        Exception: whatever torch raises where the numbers cannot be read.
    """
    with torch._C.DisableTorchFunctionSubclass():
        wraps = type(tensor).__torch_dispatch__ is not Tensor.__torch_dispatch__ and not tensor.is_nested
        flatten = getattr(tensor, "__tensor_flatten__", None)
        if wraps and flatten is not None:
            for name in flatten()[0]:
                for step, numbers in numbers_of(getattr(tensor, name)):
                    yield f".{name}{step}", numbers
        elif wraps or tensor.is_meta:
            raise NotImplementedError(f"a {type(tensor).__name__} does not say where they are")
        else:
            yield "", _read(tensor.detach())


def _read(tensor: Tensor) -> Numbers:
    what = "complex" if tensor.is_complex() else "real" if tensor.is_floating_point() else "whole"
    form: tuple[object, ...] = (tensor.layout, "quantized" if tensor.is_quantized else what)
    if tensor.is_nested:
        parts = [_dense(part).reshape(-1) for part in tensor.unbind()]
        shapes = tuple(tuple(part.shape) for part in tensor.unbind())
        return Numbers((*form, shapes), tensor.dtype, torch.cat(parts) if parts else torch.zeros(0, device="cpu"))
    form = (*form, tuple(tensor.shape))
    if tensor.layout is torch.sparse_coo or tensor.layout in _COMPRESSED:
        return _sparse(tensor, form)
    return Numbers(form, tensor.dtype, _dense(tensor))


def _sparse(tensor: Tensor, form: tuple[object, ...]) -> Numbers:
    listed = tensor if tensor.layout is torch.sparse_coo else tensor.to_sparse_coo()  # type: ignore[no-untyped-call]  # torch's
    if tensor.dtype is torch.bool:
        listed = listed.to(torch.uint8)
    listed = listed.coalesce()
    return Numbers((*form, listed.sparse_dim()), tensor.dtype, _dense(listed.values()), listed.indices().clone())


def _dense(tensor: Tensor) -> Tensor:
    """A copy of the numbers as a plain tensor of real or whole ones."""
    if tensor.is_quantized:
        tensor = tensor.dequantize()
    if tensor.layout is not torch.strided:  # mkldnn
        tensor = tensor.to_dense()
    tensor = tensor.resolve_conj().resolve_neg()
    return torch.view_as_real(tensor).clone() if tensor.is_complex() else tensor.clone()


def _at_the_same_places(one: Numbers, two: Numbers, at: Tensor, where: Tensor) -> tuple[Tensor, Tensor]:
    """The values of both at every place that one of them names, 0 where it does not."""
    places, number = torch.unique(torch.cat((at, where), 1), dim=1, return_inverse=True)
    found = []
    for numbers, mine in ((one, number[: at.shape[1]]), (two, number[at.shape[1] :])):
        values = numbers.values.new_zeros((places.shape[1], *numbers.values.shape[1:]))
        found.append(values.index_copy(0, mine, numbers.values))
    return found[0], found[1]


def _apart(one: Tensor, two: Tensor) -> float:
    same = (one == two) | (one.isnan() & two.isnan())
    difference = torch.where(same, 0.0, (one - two).abs())
    finite = one[one.isfinite() & (one != 0)].abs()
    unit = max(_LEAST, min(float(finite.max()), _MOST * float(finite.median()))) if finite.numel() else 1.0
    units = one.abs().clamp(min=unit).where(one.isfinite(), unit)
    largest = float((difference / units).max())
    return float("inf") if largest != largest else largest
