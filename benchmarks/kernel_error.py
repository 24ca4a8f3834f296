"""How far from float64 is batch norm on a CPU, by our kernels and by torch's?

`python benchmarks/kernel_error.py` normalizes random tensors by their own moments, as in training, and compares every
output with the formula in float64. Both sides get the same tensor in the same layout. It prints a page, takes about a
minute, and nothing in it is a time. Torch's sums depend on how many threads share a tensor; ours do not.
"""

import argparse
import platform
import shlex
import sys
from itertools import product

import torch
import torch.nn.functional as F
from accuracy import processor
from torch import Tensor

from batchnorm import __version__
from batchnorm.functional import batch_norm

SHAPES = ((8, 3, 300, 300), (8, 3, 512, 512), (32, 64, 112, 112), (32, 64, 56, 56), (128, 32, 28, 28))
LAYOUTS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
DTYPES = (torch.float32, torch.bfloat16)
MEANS = (0.0, 10.0, 100.0)
"""Of every channel, in its standard deviations."""
EPS = 1e-5
TITLE = """\
# How far from float64 batch norm is on a CPU

Output of `benchmarks/kernel_error.py`. Random normal values, moments of the batch, the largest difference of an output
from the formula in float64 of the same (rounded) input, over all outputs and seeds. The outputs have a standard
deviation of 0.5 to 1.5. The mean is that of the input's channels, in their standard deviations.
"""


def formula(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return (x - mean) / sqrt(var + eps) * weight + bias per channel, in float64."""
    x, channel = x.double(), (1, -1, 1, 1)
    var, mean = torch.var_mean(x, dim=(0, 2, 3), correction=0)
    scale = weight.double() / torch.sqrt(var + EPS)
    return (x - mean.view(channel)) * scale.view(channel) + bias.double().view(channel)


def errors(x: Tensor, seed: int, threads: list[int]) -> list[float]:
    """Return the largest error of ours, and of torch's with each number of threads."""
    generator = torch.Generator().manual_seed(seed)
    channels = x.shape[1]
    weight = torch.empty(channels).uniform_(0.5, 1.5, generator=generator)
    bias = torch.empty(channels).normal_(generator=generator)
    expected = formula(x, weight, bias)
    found = [batch_norm(x, None, None, weight, bias, training=True, eps=EPS)]
    for count in threads:
        torch.set_num_threads(count)
        found.append(F.batch_norm(x, None, None, weight, bias, training=True, eps=EPS))
    return [float((y.double() - expected).abs().max()) for y in found]


def row(shape: tuple[int, ...], layout: str, dtype: torch.dtype, mean: float, seeds: int, threads: list[int]) -> str:
    """Return a row of the table: the largest over the seeds."""
    found = []
    for seed in range(seeds):
        noise = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
        x = (noise + mean).to(dtype=dtype, memory_format=LAYOUTS[layout])
        found.append(errors(x, seed, threads))
    cells = [f"{max(column):.1e}" for column in zip(*found, strict=True)]
    return f"| {'x'.join(map(str, shape))} | {layout} | {str(dtype)[6:]} | {mean:g} | {' | '.join(cells)} |"


def main() -> None:
    """Print the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="that torch's operator is run with")
    given = parser.parse_args()
    print(TITLE)
    print(f"```\ncommand: python benchmarks/kernel_error.py {shlex.join(sys.argv[1:])}".rstrip())
    print(f"machine: {processor()}, n = {given.seeds} seeds (nothing here is a time)")
    print(f"versions: batchnorm {__version__}, torch {torch.__version__}, python {platform.python_version()}\n```\n")
    columns = " | ".join(f"torch, {count} thread{'s' if count > 1 else ''}" for count in given.threads)
    print(f"| shape | layout | dtype | mean | ours | {columns} |\n|{'---|' * (5 + len(given.threads))}")
    for case in product(SHAPES, LAYOUTS, DTYPES, MEANS):
        print(row(*case, given.seeds, given.threads), flush=True)


if __name__ == "__main__":
    main()
