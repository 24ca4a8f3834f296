"""Where did a forward call a function of this library? By what route it was computed makes no difference then."""

import inspect
from typing import Any

from torch.overrides import TorchFunctionMode

from ..functional import batch_norm, batch_norm_add, batch_norm_pool
from ._events import FunctionCall
from ._recorder import Recorder

_OURS = (batch_norm, batch_norm_add, batch_norm_pool)


class Functions(TorchFunctionMode):
    """Writes down the calls, each with the operators that ran in it."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self._recorder = recorder

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func not in _OURS:
            return func(*args, **kwargs)
        seen, start = self._recorder.seen, len(self._recorder.seen.operations)
        given = self._recorder.described(dict(inspect.signature(func).bind(*args, **kwargs).arguments))
        result = func(*args, **kwargs)
        events = range(start, len(seen.operations))
        seen.functions.append(
            FunctionCall(func.__name__, given, self._recorder.described(result), events, self._recorder.running)
        )
        return result
