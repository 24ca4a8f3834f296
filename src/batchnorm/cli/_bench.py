"""`batchnorm bench`."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from tyro.conf import arg

from ..bench import (
    FAMILIES,
    MEMORY_FORMATS,
    NETS,
    LayerCase,
    NetCase,
    Report,
    Settings,
    layer_cases,
    machine_load,
    run_benchmark,
)
from ..errors import InputError, Setting, did_you_mean
from ..files import atomic_write
from ..records import Benchmark, to_dict, to_json
from ..report import benchmark_page
from ..runs import check_output
from ._json import to_line
from ._printing import show
from ._streams import warn

FILES = ("bench.json", "bench.md")
FEW_ROUNDS = 7
BUSY = 0.5
"""Processes that want to run, beside this one, from which on the user is told."""


@dataclass
class Bench:
    """Time batch norm: ours, PyTorch's, torch.compile's and a plain copy, in turn.

    Everything takes about an hour, one shape a minute; see docs/benchmarks.md.

    Example: batchnorm bench --shape 32x64x112x112 --format nchw
    """

    shape: Annotated[
        str | None,
        arg(metavar="NxCxHxW", help_behavior_hint="(default: those of ResNet-50, ConvBNNet and ResNet-20)"),
    ] = None
    """time this input shape alone"""
    format: Annotated[str, arg(metavar="NAME")] = "both"
    """memory format: nchw, channels_last or both"""
    family: Annotated[str | None, arg(metavar="NAME", help_behavior_hint="(default: all; with --shape bn+act)")] = None
    """bn+act, bn+add+act or bn+act+pool"""
    dtype: Annotated[str, arg(metavar="NAME")] = "float32"
    """float32, float64 or bfloat16"""
    activation: Annotated[str, arg(metavar="NAME")] = "relu"
    """activation after the norm layer; identity: none"""
    route: Annotated[str, arg(metavar="NAME")] = "fused"
    """implementation of our layers, see `batchnorm info`"""
    threads: Annotated[int | None, arg(metavar="INT", help_behavior_hint="(default: torch's)")] = None
    """CPU threads"""
    rounds: int = 15
    """timed calls per implementation"""
    steps: bool = False
    """time only whole training steps"""
    no_steps: bool = False
    """do not time whole training steps"""
    no_compile: bool = False
    """leave out torch.compile, which is slow to start"""
    out: Annotated[Path | None, arg(metavar="FOLDER")] = None
    """write bench.json and bench.md to FOLDER"""
    quiet: bool = False
    """show no progress"""
    json: bool = False
    """print the result as one JSON object"""

    def run(self) -> int:
        """Measure, print, return 0."""
        layers, nets = self._cases()
        settings = self._settings()
        if self.out is not None:
            _make_writable(self.out)
            for name in FILES:
                check_output(self.out / name, option="out")
        if settings.rounds < FEW_ROUNDS:
            warn(f"note: quartiles of fewer than {FEW_ROUNDS} rounds say little")
        if (load := machine_load() or 0) > BUSY:
            warn(f"note: the machine is busy (load {load:.1f}): take no figure of this run for more than a rough one")
        with _progress(quiet=self.quiet) as report:
            benchmark = run_benchmark(layers, nets, settings, report)
        if self.out is not None:
            for name, text in zip(FILES, (to_json(benchmark, lines=True), benchmark_page(benchmark)), strict=True):
                with atomic_write(self.out / name, "w") as file:
                    file.write(text)
        if self.json:
            print(to_line(to_dict(benchmark)))
        else:
            _show(benchmark)
        return 0

    def _cases(self) -> tuple[tuple[LayerCase, ...], tuple[NetCase, ...]]:
        """Return what is to be measured.

        Raises:
            InputError: an unknown name, a shape that cannot be, options that exclude each other.
        """
        if self.steps and (self.no_steps or self.shape or self.family):
            other = "no_steps" if self.no_steps else "shape" if self.shape else "family"
            raise InputError(
                ("measures whole training steps and no layer, which ", Setting(other), " contradicts"),
                argument="steps",
                cure="Leave out one of the two.",
            )
        families = (self.family,) if self.family else FAMILIES[:1] if self.shape else FAMILIES
        _check_one_of("format", self.format, (*MEMORY_FORMATS, "both"))
        _check_one_of("family", families[0], FAMILIES)
        shape = None if self.shape is None else read_shape(self.shape)
        has_layouts = shape is None or len(shape) > 3
        formats = (MEMORY_FORMATS if has_layouts else MEMORY_FORMATS[:1]) if self.format == "both" else (self.format,)
        # LayerCase checks the names once more, and the dtype and the activation.
        chosen = layer_cases(families, shape, formats, self.dtype, self.activation)  # type: ignore[arg-type]
        alone = bool(self.shape or self.family or self.no_steps)
        return () if self.steps else chosen, () if alone else NETS

    def _settings(self) -> Settings:
        threads = torch.get_num_threads() if self.threads is None else self.threads
        return Settings(self.route, rounds=self.rounds, threads=threads, compiled=not self.no_compile)


def read_shape(text: str) -> tuple[int, ...]:
    """Return the sizes that are written with an x between them.

    Raises:
        InputError: something else than whole numbers of a size that can be.

    Example:
        >>> read_shape("32x64x112x112")
        (32, 64, 112, 112)
    """
    parts = text.lower().split("x")
    if not all(part.isascii() and part.isdecimal() and len(part) < 10 for part in parts):
        raise InputError(
            argument="shape", expected="sizes with an x between them, such as 32x64x112x112", got=repr(text)
        )
    return tuple(int(part) for part in parts)


def _check_one_of(argument: str, got: str, known: tuple[str, ...]) -> None:
    if got not in known:
        hint = did_you_mean(got, known)
        raise InputError(argument=argument, expected=f"one of {', '.join(known)}", got=repr(got), cure=hint)


def _make_writable(folder: Path) -> None:
    """Make the folder now: an hour later it would be a pity.

    Raises:
        InputError: it cannot be made, or not be written into.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder} cannot be made: {error.strerror}", argument="out") from None
    if not os.access(folder, os.W_OK):
        raise InputError(argument="out", expected="a folder that can be written to", got=str(folder))


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Report]:
    """Give what is told of every measurement; it draws only between them, for drawing takes a processor, too."""
    if quiet:
        yield lambda done, total, what: None
    elif not sys.stderr.isatty():
        yield lambda done, total, what: warn(f"{done + 1}/{total} {what}") if what else None
    else:
        columns = (BarColumn(bar_width=20), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
        with Progress(*columns, console=Console(stderr=True), auto_refresh=False, transient=True) as progress:
            task = progress.add_task("", total=None)

            def report(done: int, total: int, what: str) -> None:
                progress.update(task, completed=done, total=total, description=what)
                progress.refresh()

            yield report


def _show(benchmark: Benchmark) -> None:
    """Print the tables: for one shape every direction, for many the summary."""
    show(benchmark)
    for reason in benchmark.left_out():
        print(reason.replace(": ", " was left out: ", 1))
