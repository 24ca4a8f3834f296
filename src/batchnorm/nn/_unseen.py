"""Which operators must a selective checkpoint not see? Those of our own that its first run has and the second has not.

Selective activation checkpointing (`torch.utils.checkpoint.create_selective_checkpoint_contexts`) writes down the
operators of the first run, and refuses a second run that has others. Copies of statistics are none of its business.
"""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch.utils._python_dispatch import _get_current_dispatch_mode, _pop_mode_temporarily
from torch.utils.checkpoint import _CachedTorchDispatchMode, _CachingTorchDispatchMode


def is_selective() -> bool:
    """Whether such a checkpoint looks on; it never does while code is compiled."""
    if torch.compiler.is_compiling():
        return False
    return isinstance(_get_current_dispatch_mode(), _CachingTorchDispatchMode | _CachedTorchDispatchMode)


def unseen() -> AbstractContextManager[object]:
    """Run operators past it."""
    return _pop_mode_temporarily() if is_selective() else nullcontext()
