"""Run in a process of its own: moments by the GPU's kernels in Triton's interpreter, on a CPU."""

import sys

import torch

from batchnorm.kernels.gpu import _moments


def main(given: str, found: str, processors: str) -> None:
    """Compute the moments of every tensor in one file, and write them to another.

    The number of multiprocessors decides into how many parts a tensor is cut.
    """
    _moments._processors = lambda device: int(processors)
    tensors = torch.load(given)
    torch.save({name: _moments.exact_moments(x) for name, x in tensors.items()}, found)


if __name__ == "__main__":
    main(*sys.argv[1:])
