"""Which tensors have numbers to be averaged?"""

import torch
from torch import Tensor
from torch.nn.parameter import is_lazy

from ...errors import InputError, RefusedError


def check_plain(tensor: Tensor, label: str, name: str) -> None:
    """Raise unless a tensor has numbers in memory of its own.

    Args:
        tensor: of a model.
        label: which of the models that is.
        name: the tensor's.

    Raises:
        RefusedError: it is lazy, and has no shape yet.
        InputError: it is sparse, quantized, distributed, on the meta device, or of a class of its own.
    """
    if is_lazy(tensor):
        raise RefusedError(
            argument=label,
            expected="a model whose tensors have a shape",
            got=f"{name!r}, which is lazy",
            cure="Run one batch through the model first.",
        )
    odd = _odd(tensor)
    if odd:
        raise InputError(
            argument=label,
            expected="tensors of numbers in memory",
            got=f"{name!r}, which is {odd}",
            cure="Pass plain tensors: what is sharded gathered, and what is quantized or sparse as it was before.",
        )


def _odd(tensor: Tensor) -> str:
    if type(tensor).__torch_dispatch__ is not Tensor.__torch_dispatch__:
        return f"a {type(tensor).__name__}"
    if tensor.is_meta:
        return "on the meta device, without values"
    if tensor.layout != torch.strided or tensor.is_nested:
        return f"of the layout {tensor.layout}".replace("torch.", "")
    return f"quantized ({tensor.dtype})".replace("torch.", "") if tensor.is_quantized else ""
