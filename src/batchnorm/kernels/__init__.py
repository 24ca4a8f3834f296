"""Arrays in, arrays out: the kernels of batch norm. No modules, no autograd; `functional` makes operators of them."""

from ._memory_format import in_output_format as in_output_format
from ._memory_format import output_format as output_format
from ._memory_format import sizes_are_symbolic as sizes_are_symbolic
from ._unusable import UnusableKernelsError as UnusableKernelsError
