"""What is given to the operator that normalizes? A dispatch mode sees every one that is called inside a norm."""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from ..calls import OperatorMode
from ._evidence import is_transformed

BY_OPERATOR = "operator"
"""How a norm reads whose forward makes something else of what it is given, and normalizes that by an operator."""

OPERATORS = {
    "aten.native_batch_norm",
    "aten._native_batch_norm_legit",
    "aten._native_batch_norm_legit_no_training",
    "aten._batch_norm_with_update",
    "aten._batch_norm_no_update",
    "aten.cudnn_batch_norm",
    "aten.miopen_batch_norm",
    "batchnorm.fused_evaluation",
    "batchnorm.fused_training",
}


class Normalizers(OperatorMode):
    """Calls `heard(x, given)` before each operator that normalizes `x`; `given`: where its other tensors begin.

    By these addresses one knows whose statistics it takes, be it a part of them alone.
    """

    def __init__(self, heard: Callable[[Tensor, set[int]], None]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch's
        self._heard = heard

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if str(getattr(func, "overloadpacket", func)) in OPERATORS:
            others = [other for other in args[1:] if isinstance(other, Tensor) and not is_transformed(other)]
            self._heard(args[0], {other.data_ptr() for other in others})
        return func(*args, **(kwargs or {}))
