"""`batchnorm data list` and `batchnorm data fetch`."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TransferSpeedColumn,
)
from tyro.conf import Positional, arg

from .. import data
from ..tables import Column, Table
from ._json import to_line
from ._printing import show


@dataclass
class List:
    """List the data sets, their sizes, and where they are on this machine.

    Example: batchnorm data list
    """

    json: bool = False
    """print one JSON array instead of a table"""

    def run(self) -> int:
        """Print, return 0."""
        rows = [
            {
                "name": source.info.name,
                "train": source.info.train_size,
                "test": source.info.test_size,
                "classes": list(source.info.classes),
                "channels": source.info.in_channels,
                "size": source.info.image_size,
                "licence": source.info.licence,
                "summary": source.info.summary,
                "folder": str(place) if (place := source.locate()) else None,
            }
            for source in data.available()
        ]
        if self.json:
            print(to_line(rows))
            return 0
        show(_table(rows))
        return 0


def _table(rows: list[dict[str, Any]]) -> Table:
    columns = (
        Column("name", "left"),
        Column("images"),
        Column("licence", "left", drop=1),
        Column("what", "left", drop=2, wrap=True),
    )
    cells = (
        (
            row["name"],
            f"{row['train']:,} + {row['test']:,}",
            row["licence"],
            row["summary"],
        )
        for row in rows
    )
    # Below the table a path is whole, and can be copied.
    places = (
        f"{row['name']} is in {row['folder']}"
        if row["folder"]
        else f"{row['name']} is not here: batchnorm data fetch {row['name']}"
        for row in rows
    )
    return Table(columns, tuple(cells), notes=tuple(places))


@dataclass
class Fetch:
    """Download a data set from its official source; interrupted downloads resume.

    Example: batchnorm data fetch fashion-mnist
    """

    name: Annotated[Positional[str], arg(metavar="NAME")]
    """a name from `batchnorm data list`"""
    to: Annotated[Path | None, arg(metavar="FOLDER")] = None
    """store it in FOLDER/NAME; set BATCHNORM_CACHE=FOLDER to use it"""
    quiet: bool = False
    """show no progress"""

    def run(self) -> int:
        """Fetch, say where it is, return 0."""
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
        )
        with Progress(
            *columns, console=Console(stderr=True), disable=self.quiet or not sys.stderr.isatty()
        ) as progress:
            tasks: dict[str, TaskID] = {}

            def show(file: str, done: int, total: int) -> None:
                if file not in tasks:
                    tasks[file] = progress.add_task(file, total=total)
                progress.update(tasks[file], completed=done)

            folder = data.fetch(self.name, destination=self.to, on_progress=show)
        print(folder)
        return 0
