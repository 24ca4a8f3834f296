"""A checkpoint of one's own net, folded: a state_dict in, a file out that keeps what it takes to go back."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ForPython, InputError, Setting
from ..progress import FoldWatcher, fold_shown
from ..records import RunFold
from ._checkpoint_net import examples_of, own_net
from ._config import TrainConfig
from ._environment import torch_settings
from ._fold_net import folded_copy, timed
from ._folded_file import folded_bytes
from ._new_file import check_new_file, nothing_written, refuse_pickle_name, write_new_file
from ._state_dict import read_state_dict

if TYPE_CHECKING:
    from ..surgery import FoldOptions


def fold_checkpoint(
    path: Path | str,
    *,
    model: str | None,
    inputs: Sequence[Sequence[int]],
    out: Path | str | None,
    overwrite: bool = False,
    options: "FoldOptions | None" = None,
    device: str = "auto",
    threads: int = 0,
    watcher: FoldWatcher | None = None,
    progress: bool = False,
) -> RunFold:
    """Fold the model whose `state_dict` is in a file, and write a safetensors file from which it can be unfolded.

    `load_folded` loads the file into the net, `unfold_file` gives back the checkpoint, bit for bit.

    Args:
        path: what `torch.save(net.state_dict(), path)` wrote, or a safetensors file.
        model: the own `package.module:function` that builds the net, without arguments.
        inputs: the shapes of the tensors that the net is called with; random numbers are taken.
        out: the file to write.
        overwrite: allow that a file at `out` is replaced.
        options: of `batchnorm.fold`.
        device: as in `TrainConfig`.
        threads: as in `TrainConfig`.
        watcher: hears what is done.
        progress: show what is done on a terminal or in a notebook.

    Raises:
        InputError: the file, the net, the shapes or an option cannot be used.
        RefusedError: the net does not give the same for the same input, so that nothing can be proved.
        OSError: the file cannot be written.
    """
    path = Path(path)
    target = check_new_file(out, path, overwrite=overwrite)
    refuse_pickle_name(target)
    with (
        nothing_written(),
        torch_settings(TrainConfig(device=device, threads=threads)) as place,
        fold_shown(watcher, progress=progress) as told,
    ):
        tensors, metadata = read_state_dict(path)
        if model is None or not inputs:
            raise InputError(
                f"{path} is a state_dict of a net of your own",
                cure=(
                    "Say which net it is for, and what that is called with: ",
                    Setting("model", "PACKAGE.MODULE:FUNCTION"),
                    ForPython(", inputs=[(1, 3, 224, 224)]", otherwise=(" ", Setting("input", "1x3x224x224"))),
                ),
            )
        net, taken = own_net(path, model, tensors)
        if taken:
            told.note(f"every name in {path} begins with {taken!r}, of a wrapper; it was taken off")
        added = [name for name in net.state_dict() if name not in tensors]
        examples = examples_of(inputs, net.to(place))
        told.doing("folding")
        folded, report = folded_copy(net, examples, options)
        told.doing("timing")
        said = timed(str(path), report, [net, folded], examples)
        content = folded_bytes(folded, {"metadata": metadata, "added": added, "prefix": taken})
    return replace(said, written=str(target), sha256=write_new_file(target, content))
