"""`batchnorm plot`."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from ..errors import InputError, RefusedError
from ..records import RunHistory
from ..report import training_chart
from ..runs import read_history
from ._picture import check_picture
from ._streams import warn


@dataclass
class Plot:
    """Draw loss, accuracy and learning rate by epoch, of one run or of several.

    Example: batchnorm plot runs/first -o curves.svg

    Example: batchnorm plot runs/first runs/second -o curves.png
    """

    runs: Annotated[Positional[tuple[Path, ...]], arg(metavar="RUN [RUN ...]", help_behavior_hint="")]
    """folders of runs, which may still be training"""
    out: Annotated[Path, arg(metavar="FILE", aliases=["-o"])]
    """the picture: FILE.svg or FILE.png"""

    def run(self) -> int:
        """Read, draw, return 0."""
        if not self.runs:
            raise InputError(expected="the folder of a run", got="none", cure="Name one, or several.")
        check_picture("out", self.out, (".svg", ".png"), reads=self.runs)
        histories = [*self._histories()]
        try:
            training_chart(histories, self.out)
        except InputError as error:  # the command line has no argument of that name
            raise InputError.of(replace(error.fault, argument="")) from error
        except ImportError as error:  # of matplotlib; the message says how it is installed
            raise RefusedError(str(error)) from error
        warn(f"curves of the training: {self.out}")
        return 0

    def _histories(self) -> Iterator[RunHistory]:
        """Read each run once, however often and by whatever path it is named."""
        read = set()
        for run in self.runs:
            if (place := run.resolve()) not in read:
                read.add(place)
                yield read_history(run)
