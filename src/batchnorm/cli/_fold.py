"""`batchnorm fold` and `batchnorm unfold`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from ..errors import InputError, Setting
from ..progress import FoldWatcher, watch_fold
from ..records import RunFold, to_dict
from ..runs import FOLD_BATCH, fold_checkpoint, fold_run, is_state_dict, trusting_norm, unfold_file
from ._input_shapes import input_shapes
from ._json import to_line
from ._printing import show
from ._wording import told


@dataclass
class Fold:
    """Fold batch norm into a model's weights, check its outputs, write a new file.

    Example: batchnorm fold runs/first -o folded.safetensors

    Example: batchnorm fold net.pt --model m:f --input 1x3x32x32 -o f.safetensors
    """

    run_: Annotated[Positional[Path], arg(name="run", metavar="RUN")]
    """a run's folder, a model file, or a state_dict of your own model"""
    out: Annotated[Path | None, arg(metavar="FILE", aliases=["-o"])] = None
    """write the folded model to FILE; RUN stays as it is"""
    overwrite: bool = False
    """replace FILE if it exists"""
    verify: bool = True
    """check on real and random inputs that outputs stay the same"""
    data: Annotated[str | None, arg(metavar="NAME")] = None
    """other data than the run's: a name, a path, package.module:source"""
    batch_size: Annotated[int, arg(metavar="N")] = FOLD_BATCH
    """images per batch of the check and of the timing"""
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
    quiet: bool = False
    """show no progress"""
    json: bool = False
    """print one JSON object instead of tables"""

    def run(self) -> int:
        """Fold, print, return 0."""
        with watch_fold(quiet=self.quiet, words=told) as watcher:
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
        with trusting_norm(self.norm):
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

        if self.norm:
            raise InputError("is for runs; a net of your own makes its norm layers itself", argument="norm")
        if self.data:
            raise InputError(("is for runs; a state_dict takes ", Setting("input")), argument="data")
        return fold_checkpoint(
            self.run_,
            model=self.model,
            inputs=input_shapes(self.input),
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
    """written by `batchnorm fold` or `batchnorm train --fold`"""
    out: Annotated[Path | None, arg(metavar="FILE", aliases=["-o"])] = None
    """write it to FILE (a state_dict also to .pt)"""
    overwrite: bool = False
    """replace FILE if it exists"""
    discard: bool = False
    """unfold even if trained since; what it learned is lost"""

    def run(self) -> int:
        """Write, say where, return 0."""
        names = unfold_file(self.file, out=self.out, overwrite=self.overwrite, discard=self.discard)
        print(f"{len(names)} tensors, as they were before the norms were folded: {self.out}")
        return 0
