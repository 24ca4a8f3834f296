"""`batchnorm fold` and `batchnorm unfold`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from ..errors import InputError
from ..records import RunFold, to_dict
from ..runs import FOLD_BATCH, FoldWatcher, fold_checkpoint, fold_run, is_state_dict, unfold_file
from ._json import to_line
from ._printing import show
from ._streams import warn
from ._wording import told


@dataclass
class Fold:
    """Put batch norm into the weights of a run, prove that nothing changes, and write it to a new file.

    Example: batchnorm fold runs/first -o folded.safetensors

    Example: batchnorm fold net.pt --model nets:small --input 1x3x224x224 -o folded.safetensors
    """

    run_: Annotated[Positional[Path], arg(name="run", metavar="RUN")]
    """a run's folder, a model file, or a state_dict of your own net"""
    out: Annotated[Path | None, arg(metavar="FILE", aliases=["-o"])] = None
    """write the folded net there; the run stays as it is"""
    overwrite: bool = False
    """allow that FILE is replaced"""
    verify: bool = True
    """prove it on real and random inputs, and put back what differs"""
    data: Annotated[str | None, arg(metavar="NAME")] = None
    """another data set than the run's, or package.module:source"""
    batch_size: Annotated[int, arg(metavar="N")] = FOLD_BATCH
    """images of the proof, and of the batch that is timed"""
    model: Annotated[str | None, arg(metavar="PACKAGE.MODULE:FUNCTION")] = None
    """the net, if it is your own"""
    input: Annotated[tuple[str, ...], arg(metavar="1x3x224x224")] = ()
    """what your own net takes, one shape for each argument"""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1"""
    threads: int = 0
    """CPU threads; 0: as many as torch takes"""
    quiet: bool = False
    """no progress"""
    json: bool = False
    """print one JSON object instead of tables"""

    def run(self) -> int:
        """Fold, print, return 0."""
        watcher = Notes() if self.quiet else Doing()
        said = self._checkpoint(watcher) if is_state_dict(self.run_) else self._run(watcher)
        if self.json:
            print(to_line(to_dict(said)))
            return 0
        show(said)
        return 0

    def _run(self, watcher: FoldWatcher) -> RunFold:
        from ..surgery import FoldOptions

        if self.input and self.run_.exists():
            raise InputError(
                "is for a state_dict of your own net; a run is folded with its own test images", argument="input"
            )
        return fold_run(
            self.run_,
            out=self.out,
            overwrite=self.overwrite,
            options=FoldOptions(verify=self.verify),
            dataset=self.data,
            model=self.model,
            batch_size=self.batch_size,
            device=self.device,
            threads=self.threads,
            watcher=watcher,
        )

    def _checkpoint(self, watcher: FoldWatcher) -> RunFold:
        from ..surgery import FoldOptions

        return fold_checkpoint(
            self.run_,
            model=self.model,
            inputs=[_sizes(text) for text in self.input],
            out=self.out,
            overwrite=self.overwrite,
            options=FoldOptions(verify=self.verify),
            device=self.device,
            threads=self.threads,
            watcher=watcher,
        )


@dataclass
class Unfold:
    """Write the tensors that `batchnorm fold` was given to a new file, bit for bit.

    Neither the model nor its code is needed.

    Example: batchnorm unfold folded.safetensors -o model.safetensors
    """

    file: Annotated[Positional[Path], arg(metavar="FILE")]
    """what `batchnorm fold` or `batchnorm train --fold` wrote"""
    out: Annotated[Path | None, arg(metavar="FILE", aliases=["-o"])] = None
    """where it goes; a state_dict may go to a .pt file"""
    overwrite: bool = False
    """allow that it replaces a file"""
    discard: bool = False
    """unfold also a model that was trained after it was folded; what it learned is lost"""

    def run(self) -> int:
        """Write, say where, return 0."""
        names = unfold_file(self.file, out=self.out, overwrite=self.overwrite, discard=self.discard)
        print(f"{len(names)} tensors, as they were before the norms were folded: {self.out}")
        return 0


class Notes(FoldWatcher):
    """Says only what the user should not miss."""

    def note(self, message: str) -> None:
        """Print the note."""
        warn(f"note: {told(message)}")


class Doing(Notes):
    """Says what begins, too."""

    def doing(self, what: str) -> None:
        """Print it on a line."""
        warn(f"{what} ...")


def _sizes(text: str) -> tuple[int, ...]:
    parts = text.lower().split("x")
    if not all(part.isdecimal() and int(part) for part in parts):
        raise InputError(argument="input", expected="sizes such as 1x3x224x224", got=repr(text))
    return tuple(map(int, parts))
