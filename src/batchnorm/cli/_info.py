"""`batchnorm info`."""

import platform
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import torch

from .. import __version__, data, models
from ..functional import route_table
from ._json import to_line

SHOWN = ("torch", "numpy", "safetensors", "torchmetrics", "pillow", "rich", "tyro")


@dataclass
class Info:
    """Say what is here: versions, threads, devices, nets, data sets, routes of batch norm.

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
        for name in ("batchnorm", "python", "platform", "threads", "devices"):
            value = facts[name]
            print(f"{name:<10} {', '.join(value) if isinstance(value, list) else value}")
        print("libraries  " + ", ".join(f"{name} {number}" for name, number in facts["libraries"].items()))
        print("models")
        for name, summary in facts["models"].items():
            print(f"  {name:<10} {summary}")
        print("data       " + ", ".join(f"{name} ({place or 'not here'})" for name, place in facts["data"].items()))
        print("routes of batch norm, `auto` takes the first that fits")
        print(route_table())
        return 0


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
        "routes": route_table().splitlines(),
    }
