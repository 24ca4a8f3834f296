"""`batchnorm convert`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from ..errors import InputError, Setting
from ..records import RunConversion, to_dict
from ..runs import convert_checkpoint, convert_run, is_state_dict, revert_checkpoint, revert_run
from ._json import to_line
from ._printing import show


@dataclass
class Convert:
    """Write a model with batch norms of another kind to a new file.

    Example: batchnorm convert frozen.pth --to torch -o net.pth

    Example: batchnorm convert runs/first --to torch -o torch.safetensors
    """

    run_: Annotated[Positional[Path], arg(name="run", metavar="RUN")]
    """a run's folder, a model file, or a state_dict of your own model"""
    to: Annotated[str | None, arg(metavar="KIND")] = None
    """batchnorm (ours), torch; of a state_dict also frozen, group, ..."""
    revert: bool = False
    """write what a converted file was before"""
    out: Annotated[Path | None, arg(metavar="FILE", aliases=["-o"])] = None
    """write it to FILE; RUN stays as it is"""
    overwrite: bool = False
    """replace FILE if it exists"""
    model: Annotated[str | None, arg(metavar="PACKAGE.MODULE:FUNCTION")] = None
    """builds a run's net, or the net that is to load FILE"""
    json: bool = False
    """print one JSON object instead of the table"""

    def run(self) -> int:
        """Convert, print, return 0."""
        said = self._reverted() if self.revert else self._converted()
        if self.json:
            print(to_line(to_dict(said)))
        else:
            show(said)
        return 0

    def _reverted(self) -> RunConversion:
        if self.to is not None:
            raise InputError(
                "the file says itself what it was", argument="revert", cure=("Leave out ", Setting("to"), ".")
            )
        if not is_state_dict(self.run_):
            return revert_run(self.run_, model=self.model, out=self.out, overwrite=self.overwrite)
        if self.model is not None:
            raise InputError("is not needed to revert a state_dict", argument="model", cure="Leave it out.")
        return revert_checkpoint(self.run_, out=self.out, overwrite=self.overwrite)

    def _converted(self) -> RunConversion:
        if self.to is None:
            raise InputError(
                argument="to",
                expected="what the norms are to become: batchnorm, torch, frozen, ...",
                got="nothing",
                cure=("To get back what a converted file was, pass ", Setting("revert", True), "."),
            )
        convert = convert_checkpoint if is_state_dict(self.run_) else convert_run
        return convert(self.run_, self.to, model=self.model, out=self.out, overwrite=self.overwrite)
