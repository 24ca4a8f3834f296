"""What was measured before, under the same conditions, and how is it kept?

A long measurement is kept row by row in a JSON file with a line each. Only rows of one machine and the same versions
may stand in one file.
"""

import json
import platform
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import peers
import torch
from accuracy import processor

from batchnorm import __version__
from batchnorm.files import atomic_write

Row = dict[str, Any]


def conditions(threads: int) -> dict[str, str]:
    """Return what two measurements must share to stand in one table."""
    return {
        "batchnorm": __version__,
        "torch": torch.__version__,
        "timm": peers.load("timm").__version__,
        "torchvision": peers.load("torchvision").__version__,
        "python": platform.python_version(),
        "machine": processor(),
        "threads": str(threads),
    }


def read(path: Path, now: dict[str, str]) -> list[Row]:
    """Return the rows that were measured before.

    Raises:
        SystemExit: with other versions, or on another machine.
    """
    if not path.exists():
        return []
    kept = json.loads(path.read_text(encoding="utf-8"))
    if kept["conditions"] != now:
        sys.exit(f"{path}: measured with {kept['conditions']}, now it is {now}; choose another --out, or remove it")
    return kept["rows"]


def write(path: Path, now: dict[str, str], rows: Iterable[Row], command: str) -> Row:
    """Write the rows, whole or not at all; return what stands above them."""
    head = {"command": command, "date": datetime.now(UTC).date().isoformat(), "conditions": now}
    lines = ",\n".join(f"  {json.dumps(row)}" for row in rows)
    with atomic_write(path, "w") as file:
        file.write(json.dumps(head, indent=1)[:-2] + f',\n "rows": [\n{lines}\n ]\n}}\n')
    return head


def described(head: Row) -> list[str]:
    """Return command, versions and machine, as lines of a page."""
    versions = {name: value for name, value in head["conditions"].items() if name not in ("machine", "threads")}
    return [
        "```",
        f"command: {head['command']}",
        f"versions: {', '.join(f'{name} {value}' for name, value in versions.items())}",
        f"machine: {head['conditions']['machine']}, {head['conditions']['threads']} threads, {head['date']}",
        "```",
    ]
