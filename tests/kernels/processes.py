"""Python in a fresh process, for what happens to a process only once: a fork, its end, the first import."""

import os
import subprocess
import sys
from collections.abc import Mapping
from textwrap import dedent

PREAMBLE = """
import os, sys, threading
import torch
from batchnorm.functional import batch_norm
from batchnorm.kernels import cpu

X = torch.randn(8, 16, 24, 24, generator=torch.Generator().manual_seed(0))
DY = torch.ones_like(X)
RUNNERS = {"own": None, "openmp": cpu.openmp(), "pool": cpu.pool()}

def fused(threads=2, runner=None):
    "Training batch norm and its input gradient as bits; nothing but our kernels runs in so many threads."
    leaf, before = X.detach().requires_grad_(), torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with cpu.use_runner(runner):
            y = batch_norm(leaf, None, None, training=True, activation="relu", route="fused")
            dx, = torch.autograd.grad(y, leaf, DY)
    finally:
        torch.set_num_threads(before)
    return y.detach().numpy().tobytes(), dx.numpy().tobytes()
"""


def python(code: str, environment: Mapping[str, str] | None = None, timeout: float = 120) -> str:
    """Run a program behind the preamble; return what it printed. One that fails or hangs fails the test."""
    program = PREAMBLE + dedent(code)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout
