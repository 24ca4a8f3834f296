"""`batchnorm wiring`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from ..errors import InputError, Setting
from ..records import WiringRecord, to_dict
from ..runs import TrainConfig, is_state_dict, torch_settings, trusting_norm, wiring_of_checkpoint, wiring_of_run
from ._input_shapes import input_shapes
from ._json import to_line
from ._picture import check_picture
from ._printing import show
from ._streams import warn


@dataclass
class Wiring:
    """Show how a model's modules are connected, and which norm layers can be folded.

    Example: batchnorm wiring runs/first -o net.svg

    Example: batchnorm wiring net.pt --model m:f --input 1x3x224x224
    """

    run_: Annotated[Positional[Path], arg(name="run", metavar="RUN")]
    """a run's folder, a model file, or a state_dict of your own model"""
    out: Annotated[Path | None, arg(metavar="FILE.svg", aliases=["-o"])] = None
    """also draw the model"""
    batch_size: int = 2
    """test images to run the model on"""
    data: Annotated[str | None, arg(metavar="NAME")] = None
    """other data than the run's: a name, a path, package.module:source"""
    model: Annotated[str | None, arg(metavar="PACKAGE.MODULE:FUNCTION")] = None
    """builds the model, if it is yours; also timm:NAME"""
    norm: Annotated[str | None, arg(metavar="PACKAGE.MODULE:FUNCTION")] = None
    """function that makes its norm layers, if they are yours"""
    input: Annotated[tuple[str, ...], arg(metavar="1x3x224x224")] = ()
    """what your own model takes: one shape per argument"""
    device: Annotated[str, arg(metavar="NAME")] = "auto"
    """auto, cpu, cuda, cuda:1"""
    threads: int = 0
    """CPU threads; 0: torch's default"""
    json: bool = False
    """print one JSON object instead of the table"""

    def run(self) -> int:
        """Run the net, print, draw, return 0."""
        if self.out:
            check_picture("out", self.out, (".svg",), reads=(self.run_,))
        record = self._of_checkpoint() if is_state_dict(self.run_) else self._of_run()
        if self.out:
            record.plot(self.out)
            warn(f"picture of the net: {self.out}")
        if self.json:
            print(to_line(to_dict(record)))
        else:
            show(record)
        return 0

    def _of_run(self) -> WiringRecord:
        if self.input:
            raise InputError("is for a state_dict of your own net; a run is shown test images", argument="input")
        with torch_settings(TrainConfig(device=self.device, threads=self.threads)), trusting_norm(self.norm):
            return wiring_of_run(
                self.run_, model=self.model, batch_size=self.batch_size, dataset=self.data, device=self.device
            )

    def _of_checkpoint(self) -> WiringRecord:
        if self.norm:
            raise InputError("is for runs; a net of your own makes its norm layers itself", argument="norm")
        if self.data:
            raise InputError(("is for runs; a state_dict takes ", Setting("input")), argument="data")
        return wiring_of_checkpoint(
            self.run_,
            model=self.model,
            inputs=input_shapes(self.input),
            device=self.device,
            threads=self.threads,
        )
