"""`batchnorm warmup`."""

import sys
import time
from dataclasses import dataclass
from typing import Literal

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from ..errors import RefusedError


@dataclass
class Warmup:
    """Compile the CPU kernels in advance, so that no training has to wait for them.

    They are stored in the cache folder; those already there are only loaded.

    Example: batchnorm warmup

    Example: batchnorm warmup --dtypes float32 float64
    """

    dtypes: tuple[Literal["float32", "bfloat16", "float64"], ...] = ("float32", "bfloat16")
    """input dtypes to compile for"""

    quiet: bool = False
    """show no progress"""

    def run(self) -> int:
        """Compile, say how many and where they are; return 0, or 1 without Numba."""
        from ..kernels.cpu import folder, kept_kernels, warmup, why_unavailable

        missing = why_unavailable()
        if missing is not None:
            raise RefusedError(f"the CPU kernels need {missing}")
        start = time.perf_counter()
        columns = (BarColumn(bar_width=20), MofNCompleteColumn(), TextColumn("{task.description}"))
        console = Console(stderr=True)
        hidden = self.quiet or not sys.stderr.isatty()
        with Progress(*columns, console=console, disable=hidden, transient=True) as progress:
            task = progress.add_task("", total=None)

            def report(done: int, total: int, kernel: str) -> None:
                progress.update(task, completed=done, total=total, description=kernel)

            count = warmup(report, self.dtypes)
        place = folder()
        where = f"kept in {place}" if place else "not kept: there is no home folder; set BATCHNORM_CACHE to one"
        if place and kept_kernels(self.dtypes) < count:
            where = f"not all kept: {place} cannot be written; set BATCHNORM_CACHE to a folder that can"
        print(f"{count} kernels in {time.perf_counter() - start:.1f} s, {where}")
        return 0
