"""Which tensors were given to somebody who is not torch? No operator runs then: only the method's call can be seen."""

from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode, _get_current_function_mode_stack
from torch.utils._pytree import tree_leaves

from ._events import Escape
from ._recorder import Recorder

_WAYS_OUT = {
    "numpy",
    "tolist",
    "data_ptr",
    "const_data_ptr",
    "mutable_data_ptr",
    "__array__",
    "__dlpack__",
    "storage",
    "untyped_storage",
    "typed_storage",
    "_typed_storage",
    "share_memory_",
    "__reduce_ex__",
    "__repr__",
    "__format__",
    "__cuda_array_interface__",
    "set_",
    "to_mkldnn",
    "apply_",
    "map_",
}


class Escapes(TorchFunctionMode):
    """Writes down the methods that hand a tensor's memory out."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self._recorder = recorder

    def __exit__(self, *raised: object) -> None:
        # Not there, if an interrupt struck while torch had taken it off for a call.
        if any(mode is self for mode in _get_current_function_mode_stack()):  # type: ignore[no-untyped-call]  # torch's
            super().__exit__(*raised)  # type: ignore[no-untyped-call]  # torch's

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = getattr(func, "__name__", "")
        if name in _WAYS_OUT:
            self._note(name, args)
        return func(*args, **(kwargs or {}))

    def _note(self, name: str, args: tuple[Any, ...]) -> None:
        with torch._C.DisableTorchFunction():
            values = (self._recorder.storages.value(leaf) for leaf in tree_leaves(args) if isinstance(leaf, Tensor))
            storages = frozenset(value.storage for value in values if value is not None)
        seen = self._recorder.seen
        of_data = self._recorder.depends_on_data(storages)
        seen.escapes.append(Escape(len(seen.operations), name, storages, of_data))
