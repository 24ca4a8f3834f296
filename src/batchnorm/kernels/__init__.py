"""Arrays in, arrays out: the kernels of batch norm. No modules, no autograd; `functional` makes operators of them."""

from ._unusable import UnusableKernelsError as UnusableKernelsError
