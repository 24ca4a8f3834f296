"""Does this code run inside a torch.func transform (grad, jvp, vmap)? One place asks torch."""

import torch


def inside_transform() -> bool:
    """Whether a transform is active; False while a compiler traces, which sees to them itself."""
    return not torch.compiler.is_compiling() and torch._C._functorch.maybe_current_level() is not None
