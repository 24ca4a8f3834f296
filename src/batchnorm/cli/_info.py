"""`batchnorm info`."""

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from itertools import groupby
from operator import attrgetter
from typing import Any

import torch

from .. import __version__, data, models
from ..functional import TABLE, route_table
from ..kernels import cpu
from ..tables import Column, Table
from ._json import to_line
from ._printing import show

ROUTES_OF = {"batch_norm": 'routes of batch_norm and of all layers: route="auto" takes the first that fits'}
"""The title of a function's routes where others go by them, too, and can name one."""
SHOWN = ("torch", "numpy", "safetensors", "torchmetrics", "pillow", "rich", "tyro")


@dataclass
class Info:
    """Show versions, threads, devices, models, data sets, CPU kernels and routes.

    Example: batchnorm info --json
    """

    json: bool = False
    """print one JSON object instead of lines"""

    def run(self) -> int:
        """Print, return 0."""
        facts = collect()
        if self.json:
            print(to_line(facts))
            return 0
        show(*_tables(facts))
        return 0


def _tables(facts: dict[str, Any]) -> Iterator[Table]:
    names, what = Column("", "left"), Column("", "left", wrap=True)
    libraries = ", ".join(f"{name} {number}" for name, number in facts["libraries"].items())
    rows = [(name, str(facts[name])) for name in ("batchnorm", "python", "platform", "threads")]
    rows += [
        ("devices", ", ".join(facts["devices"])),
        ("libraries", libraries),
        ("kernels", _in_words(facts["kernels"])),
    ]
    # Below the table a path is whole, and can be copied.
    places = (
        *(f"{name} is {f'in {place}' if place else 'not here'}" for name, place in facts["data"].items()),
        *([f"compiled kernels are in {place}"] if (place := facts["kernels"]["folder"]) else []),
    )
    yield Table((names, what), tuple(rows), notes=places)
    others = ("timm:NAME and torchvision:NAME are nets of these libraries, with pip install 'batchnorm[zoo]'",)
    yield Table((names, what), tuple(facts["models"].items()), "models", others)
    columns = (Column("route", "left"), *(Column(name, "left", wrap=True) for name in ("when", "why")))
    for function, found in groupby(TABLE, key=attrgetter("function")):
        title = ROUTES_OF.get(function, f"routes of {function}: the first that fits is taken")
        yield Table(columns, tuple((row.route, row.when, row.why) for row in found), title)


def collect() -> dict[str, Any]:
    """Return all that `info` knows, as plain values."""
    cuda = [f"cuda:{i} {torch.cuda.get_device_name(i)}" for i in range(torch.cuda.device_count())]
    return {
        "batchnorm": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "threads": torch.get_num_threads(),
        "devices": ["cpu", *cuda],
        "libraries": {name: version(name) for name in SHOWN},
        "models": {model.name: model.summary for model in models.available()},
        "data": {source.info.name: str(place) if (place := source.locate()) else None for source in data.available()},
        "kernels": collect_kernels(),
        "routes": route_table().splitlines(),
    }


def collect_kernels() -> dict[str, Any]:
    """Whether the CPU kernels can be used, by which threads, and how many are compiled already, where."""
    if not cpu.available():
        nothing = {"numba": None, "team": None, "folder": None, "compiled": 0, "all": len(cpu.all_kernels())}
        return {**nothing, "missing": cpu.why_unavailable()}
    place = cpu.folder()
    return {
        "numba": version("numba"),
        "team": cpu.team_name(),
        "folder": None if place is None else str(place),
        "compiled": cpu.kept_kernels(),
        "all": len(cpu.all_kernels()),
        "missing": None,
    }


def _in_words(kernels: dict[str, Any]) -> str:
    if kernels["numba"] is None:
        return f"native route, for the CPU kernels need {kernels['missing']}"
    counted = f"{kernels['compiled']} of {kernels['all']} compiled"
    if kernels["folder"] is None:
        counted += " in no folder, for there is no home (BATCHNORM_CACHE names another)"
    return f"numba {kernels['numba']}, {kernels['team']}, {counted}"
