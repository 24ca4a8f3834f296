"""How does a whole benchmark run? Every row in two fresh processes: one whose allocator is tuned, one as it starts."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .._version import __version__
from ..allocator import tune_allocator
from ..errors import InputError, RefusedError
from ..records import Benchmark, Conditions, LayerRow, StepRow, make_record
from ._cache import cpus, last_level_cache
from ._cases import LayerCase, NetCase, Settings
from ._layer import measure_layer
from ._step import measure_step
from ._timing import METHOD

ALLOCATORS = ("tuned", "untuned")
"""The states of the allocator in which everything is measured."""
Report = Callable[[int, int, str], None]
"""How many measurements are done, of how many, and what comes next."""


def _silent(done: int, total: int, what: str) -> None:
    pass


def run_benchmark(
    layers: Iterable[LayerCase], nets: Iterable[NetCase], settings: Settings, report: Report = _silent
) -> Benchmark:
    """Measure all rows in both states of the allocator.

    Tuning is one-way, and what a process did before shows in its heap: so each measurement has a process of its own,
    and a row measured alone is measured as it is among others.

    Args:
        layers: norms with what follows them.
        nets: whole training steps.
        settings: how.
        report: called before every measurement, and once at the end.

    Raises:
        InputError: the route cannot compute a case.
        RuntimeError: a measuring process failed; the note of the exception is what it said.
    """
    load = machine_load()
    cases: tuple[LayerCase | NetCase, ...] = (*layers, *nets)
    jobs = [(case, allocator) for case in cases for allocator in ALLOCATORS]
    rows: list[LayerRow | StepRow] = []
    allocators: dict[str, str] = {}
    for number, (case, allocator) in enumerate(jobs):
        report(number, len(jobs), f"{case}, {allocator}")
        row, allocators[allocator] = _in_a_process_of_its_own(case, allocator, settings)
        rows.append(row)
    report(len(jobs), len(jobs), "")
    layer_rows = tuple(row for row in rows if isinstance(row, LayerRow))
    step_rows = tuple(row for row in rows if isinstance(row, StepRow))
    return Benchmark(_conditions(settings, allocators, load), layer_rows, step_rows)


def _in_a_process_of_its_own(
    case: LayerCase | NetCase, allocator: str, settings: Settings
) -> tuple[LayerRow | StepRow, str]:
    """Return the row, and what the allocator was."""
    kind = "layer" if isinstance(case, LayerCase) else "step"
    job = {"kind": kind, "case": asdict(case), "settings": asdict(settings), "allocator": allocator}
    # -P: no file in the present folder is taken for a module.
    command = [sys.executable, "-P", "-m", __package__]
    # Inductor's own processes would go on compiling, or waiting, while the clock runs.
    environment = {**os.environ, "TORCHINDUCTOR_COMPILE_THREADS": "1"}
    done = subprocess.run(command, input=json.dumps(job), env=environment, capture_output=True, text=True, check=False)  # noqa: S603  # our own words
    if done.returncode:
        raise _failed(f"{case}, {allocator}", done)
    answer = json.loads(done.stdout)
    if "refused" in answer:
        raise InputError(answer["refused"])
    made = make_record(LayerRow, answer["row"]) if kind == "layer" else make_record(StepRow, answer["row"])
    return made, answer["allocator"]


def _failed(what: str, done: "subprocess.CompletedProcess[str]") -> RefusedError:
    said = done.stderr.strip().splitlines()
    why = f"exit code {done.returncode}"
    if done.returncode < 0:
        why = f"signal {-done.returncode}" + ("; was the memory too small?" if done.returncode == -9 else "")
    error = RefusedError(f"{what}: the measuring process failed ({why}){': ' + said[-1] if said else ''}")
    error.add_note(done.stderr)
    return error


def measure_job(job: dict[str, Any]) -> dict[str, Any]:
    """Do in this process what a job asks for, and return what is told to the process that asked.

    The allocator of this process is tuned for good if the job says so.
    """
    allocator = "as it starts" if job["allocator"] == "untuned" else str(tune_allocator())
    row: LayerRow | StepRow
    try:
        settings = Settings(**job["settings"])
        if job["kind"] == "layer":
            case = LayerCase(**{**job["case"], "shape": tuple(job["case"]["shape"])})
            row = measure_layer(case, settings, job["allocator"])
        else:
            row = measure_step(NetCase(**job["case"]), settings, job["allocator"])
    except InputError as error:
        return {"refused": str(error)}
    return {"row": asdict(row), "allocator": allocator}


def machine_load() -> float | None:
    """Return how many processes wanted to run in the last minute, on average; None where the system does not say."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def _conditions(settings: Settings, allocators: dict[str, str], load: float | None) -> Conditions:
    cache_bytes = last_level_cache()
    return Conditions(
        versions=versions(),
        processor=processor(),
        cpus=len(cpus()),
        threads=settings.threads,
        cache_bytes=cache_bytes,
        swept_bytes=2 * cache_bytes,
        method=METHOD,
        warmup=settings.warmup,
        rounds=settings.rounds,
        load=load,
        allocators=allocators,
    )


def versions() -> dict[str, str]:
    """Return the versions of what computes."""
    found = {"batchnorm": __version__, "python": platform.python_version(), "torch": version("torch")}
    with suppress(PackageNotFoundError):
        found["numba"] = version("numba")
    return found


def processor() -> str:
    """Return the processor's name where Linux tells it."""
    info = Path("/proc/cpuinfo")
    names = [line for line in info.read_text().splitlines() if line.startswith("model name")] if info.exists() else []
    return names[0].partition(":")[2].strip() if names else platform.processor() or platform.machine()
