"""How does a bar stay within the width of a terminal, and cost the work nothing?"""

import time
from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.progress import Progress, ProgressColumn, Task, TaskID
from rich.table import Column, Table
from rich.text import Text

NO_NUMBER = "–"  # noqa: RUF001 - a dash, not a minus
"""What stands for a number until the first step has given one."""

LEAST_BAR = 4
PAUSE = 0.1
"""Seconds between two drawings."""
WHOLE = Column(no_wrap=True)


class FittingProgress(Progress):
    """Leaves out what a narrow terminal has no room for, the least important first, instead of cutting it.

    It draws when it is told of something, and no thread of its own does: the work may fork, or hold locks.

    Args:
        columns: from left to right.
        dispensable: those that may be left out, the least important first.
        console: where it draws.
        transient: leave nothing behind.
    """

    def __init__(
        self,
        *columns: ProgressColumn,
        dispensable: Iterable[ProgressColumn] = (),
        console: Console,
        transient: bool = False,
    ) -> None:
        self.all_columns = columns
        self.dispensable = tuple(dispensable)
        self._drawn = float("-inf")
        super().__init__(*columns, console=console, transient=transient, auto_refresh=False)

    def move(self, task: TaskID, **fields: Any) -> None:
        """Update a task, and draw it if the last time is long enough ago."""
        self.update(task, **fields)
        now = time.monotonic()
        if now - self._drawn >= PAUSE:
            self._drawn = now
            self.refresh()

    def stop(self) -> None:
        """Draw where the work stands, and stop."""
        self.refresh()
        super().stop()

    def make_tasks_table(self, tasks: Iterable[Task]) -> Table:
        """Return the row of the columns that fit, whenever it is drawn: terminals change their width."""
        tasks, columns, dispensable = list(tasks), list(self.all_columns), list(self.dispensable)
        while dispensable and any(_width(columns, task) > self.console.width for task in tasks):
            columns.remove(dispensable.pop(0))
        self.columns = tuple(columns)
        return super().make_tasks_table(tasks)


def _width(columns: list[ProgressColumn], task: Task) -> int:
    """Return the least width of a row: its texts, a bar of `LEAST_BAR`, a space after each but the last."""
    cells = [column(task) for column in columns]
    return sum(cell.cell_len if isinstance(cell, Text) else LEAST_BAR for cell in cells) + len(cells) - 1
