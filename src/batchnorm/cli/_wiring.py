"""`batchnorm wiring`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from ..records import to_dict
from ..runs import wiring_of_run
from ._json import to_line
from ._picture import check_picture
from ._printing import show
from ._streams import warn


@dataclass
class Wiring:
    """Show what a run's net does: who made what, who read it, and what can be done with each norm.

    Example: batchnorm wiring runs/first -o net.svg
    """

    run_: Annotated[Positional[Path], arg(name="run", metavar="RUN")]
    """a run's folder, or its model.safetensors"""
    out: Annotated[Path | None, arg(metavar="FILE.svg", aliases=["-o"])] = None
    """draw the net there, too"""
    batch_size: int = 2
    """test images that the net is given"""
    data: Annotated[str | None, arg(metavar="NAME")] = None
    """another data set than the run's, or package.module:source"""
    model: Annotated[str | None, arg(metavar="PACKAGE.MODULE:FUNCTION")] = None
    """the net, if it is your own"""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1"""
    json: bool = False
    """print one JSON object instead of the table"""

    def run(self) -> int:
        """Run the net, print, draw, return 0."""
        if self.out:
            check_picture("out", self.out, (".svg",), reads=(self.run_,))
        record = wiring_of_run(
            self.run_, model=self.model, batch_size=self.batch_size, dataset=self.data, device=self.device
        )
        if self.out:
            record.plot(self.out)
            warn(f"picture of the net: {self.out}")
        if self.json:
            print(to_line(to_dict(record)))
        else:
            show(record)
        return 0
