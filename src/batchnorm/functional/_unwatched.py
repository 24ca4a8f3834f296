"""Does anybody look at what runs, or is it computed and that is all? Asked once a call, before all other questions."""

import torch
from torch import Tensor
from torch.autograd import forward_ad

_functorch = torch._C._functorch
_tracing_state = torch._C._get_tracing_state


def is_unwatched() -> bool:
    """Whether there is no compiler, tracer, transform, forward mode or dispatch mode around this call."""
    return not (
        torch.compiler.is_compiling()
        or _functorch.maybe_current_level() is not None
        or forward_ad._current_level >= 0
        or torch._C._len_torch_dispatch_stack()
        or _tracing_state() is not None
    )


PLAIN = (Tensor, torch.nn.Parameter)
"""Types of tensors that are nothing but numbers in memory, or could be."""
