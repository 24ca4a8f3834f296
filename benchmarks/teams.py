"""Which threads should run the kernels? Torch's OpenMP team, a pool of the standard library, or Numba's own threads.

`python benchmarks/teams.py` times a kernel (batch norm and ReLU forward) alone and right behind a convolution, which is
how it runs in a net, and how long each way takes to compile. What counts is the difference between the two: torch's
threads go on spinning for a while after the convolution, and a second team has to share the processor with them.
"""

import argparse
import platform
import time
from collections.abc import Callable
from statistics import median, quantiles

import numpy as np
import torch

from batchnorm import tune_allocator
from batchnorm.kernels import cpu
from batchnorm.kernels.cpu import openmp, pool, use_runner

SHAPES = ((32, 64, 112, 112), (128, 32, 28, 28))


def numbas() -> tuple[Callable[[torch.Tensor], object], float]:
    """Numba's `parallel=True` over channels, as plain a loop as can be; and the seconds that it took to compile."""
    import numba

    @numba.njit(parallel=True, fastmath={"reassoc", "contract", "nsz"}, error_model="numpy")
    def forward(x: np.ndarray, y: np.ndarray) -> None:
        n, channels, length = x.shape
        for c in numba.prange(channels):
            first = second = 0.0
            for i in range(n):
                for j in range(length):
                    first += x[i, c, j]
                    second += np.float64(x[i, c, j]) ** 2
            mean = first / (n * length)
            scale = np.float32(1 / np.sqrt(second / (n * length) - mean * mean + 1e-5))
            for i in range(n):
                for j in range(length):
                    value = (x[i, c, j] - np.float32(mean)) * scale
                    y[i, c, j] = value if value > 0 else np.float32(0)

    start = time.perf_counter()
    forward(np.ones((1, 1, 8), np.float32), np.ones((1, 1, 8), np.float32))
    seconds = time.perf_counter() - start
    numba.set_num_threads(min(torch.get_num_threads(), numba.config.NUMBA_NUM_THREADS))

    def run(x: torch.Tensor) -> object:
        y = torch.empty_like(x)
        forward(x.flatten(2).numpy(), y.flatten(2).numpy())
        return y

    return run, seconds


def ours(x: torch.Tensor) -> object:
    """The kernel, in whatever team runs it."""
    return cpu.forward(x, None, None, None, 1e-5, "relu")


def main() -> None:
    """Print a table: milliseconds alone, behind a convolution, and the difference."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    print(tune_allocator())
    threads = torch.get_num_threads()
    print(f"torch {torch.__version__}, python {platform.python_version()}, {threads} threads, n = {rounds - 2}")
    loop, seconds = numbas()
    print(f"Numba's parallel=True took {seconds:.2f} s to compile\n")
    teams = {"OpenMP": (ours, openmp()), "pool": (ours, pool()), "Numba": (loop, None)}
    print("| shape | team | alone, ms | behind a convolution, ms | difference |\n|---|---|---|---|---|")
    for shape in SHAPES:
        x, convolution = torch.randn(shape), torch.nn.Conv2d(shape[1], 8, 1)
        times: dict[tuple[str, bool], list[float]] = {}
        for _ in range(rounds):
            for behind in (False, True):
                for name, (function, runner) in teams.items():
                    if name != "Numba" and runner is None:
                        continue
                    with use_runner(runner), torch.no_grad():
                        time.sleep(0.02)  # the threads of the arm before have gone to sleep
                        if behind:
                            convolution(x)
                        start = time.perf_counter()
                        function(x)
                        times.setdefault((name, behind), []).append(1e3 * (time.perf_counter() - start))
        for name in teams:
            if (name, False) in times:
                alone, behind_ = (times[name, behind][2:] for behind in (False, True))
                words = [f"{median(v):.2f} ({quantiles(v)[0]:.2f} to {quantiles(v)[2]:.2f})" for v in (alone, behind_)]
                size = "x".join(map(str, shape))
                print(f"| {size} | {name} | {words[0]} | {words[1]} | {median(behind_) - median(alone):+.2f} |")


if __name__ == "__main__":
    main()
