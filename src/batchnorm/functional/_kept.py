"""How is a buffer read that the same graph writes to, if its backward needs it as it was?

A compiler that saves memory may compute again on the way back what stands between an input and what is needed there. It
takes the input as it is by then, and the running statistics have moved. What an operator of its own gives, it keeps.
"""

from collections.abc import Callable

import torch
from torch import Tensor

torch.library.define("batchnorm::kept", "(Tensor values) -> Tensor")
torch.library.impl("batchnorm::kept", "default", lambda values: values.clone())
torch.library.register_fake("batchnorm::kept", torch.empty_like)
_kept: Callable[[Tensor], Tensor] = torch.ops.batchnorm.kept


def as_it_was(values: Tensor) -> Tensor:
    """A copy of a buffer, without a gradient."""
    plain = values.detach()
    if torch.compiler.is_compiling() and not torch.compiler.is_exporting():
        return _kept(plain)
    return plain.clone()
