"""Is this forward one that activation checkpointing runs again? Then a backward is under way around it."""

from collections.abc import Callable

import torch
from torch import Tensor

from ._tracking import Moved, Policy, Verdict

SAFE = "checkpoint_safe"
"""The name of the attribute that says whether a layer leaves its statistics alone where a forward is run again."""


def is_recomputing() -> bool:
    """Whether a backward is under way. Compiled code is not asked: a checkpoint inside it moves statistics once."""
    return not torch.compiler.is_compiling() and torch._C._current_graph_task_id() != -1


def _asked(like: Tensor) -> Tensor:
    return torch.full((), torch._C._current_graph_task_id() != -1, dtype=torch.bool, device=like.device)


def _asked_fake(like: Tensor) -> Tensor:
    return torch.empty((), dtype=torch.bool, device=like.device)


# What is asked when compiled code runs, not when it is made: a checkpoint around it runs it twice.
torch.library.define("batchnorm::recomputing", "(Tensor like) -> Tensor", tags=(torch.Tag.cudagraph_unsafe,))
torch.library.impl("batchnorm::recomputing", "default", _asked)
torch.library.register_fake("batchnorm::recomputing", _asked_fake)
_recomputing: Callable[[Tensor], Tensor] = torch.ops.batchnorm.recomputing


class FirstRun(Policy):
    """A batch counts when its forward is run first. It stays with the layer, and with its copies."""

    lasting = True

    def lets(self, moved: Moved) -> Verdict:
        """Whether this is the first run."""
        return ~_recomputing(moved.mean) if torch.compiler.is_compiling() else not is_recomputing()
