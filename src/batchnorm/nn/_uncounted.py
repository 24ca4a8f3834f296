"""How does what is done beside a norm's own arithmetic stay out of what selective checkpointing counts?

`torch.utils.checkpoint` knows the operators of a second run by their number in the first, so that both must do the
same ones. What keeps statistics where they are is done in one of them, or in both by other operators.
"""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch.utils import checkpoint
from torch.utils._python_dispatch import _disable_current_modes, _get_current_dispatch_mode_stack

_COUNTING = checkpoint._CachingTorchDispatchMode, checkpoint._CachedTorchDispatchMode


def uncounted() -> AbstractContextManager[object]:
    """Return the context for that; in compiled code nothing is counted."""
    if torch.compiler.is_compiling() or not torch._C._len_torch_dispatch_stack():
        return nullcontext()
    counts = any(isinstance(mode, _COUNTING) for mode in _get_current_dispatch_mode_stack())
    return _disable_current_modes() if counts else nullcontext()
