"""A trained run without its batch norm: what is read, folded, proved, judged and written."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from ..data import Source
from ..errors import InputError
from ..progress import FoldWatcher, fold_shown
from ..records import RunFold
from ._as_trained import put
from ._config import TrainConfig
from ._data_of_model import fitting_source
from ._environment import torch_settings
from ._evaluate import find_model_file
from ._fold_net import FOLD_BATCH, fold_and_judge
from ._model_file import load_model, model_bytes, refuse_folded
from ._new_file import check_new_file, nothing_written, refuse_pickle_name, write_new_file
from ._run_folder import RunFolder

if TYPE_CHECKING:
    from ..surgery import FoldOptions


def fold_run(
    run: Path | str,
    *,
    out: Path | str | None,
    overwrite: bool = False,
    options: "FoldOptions | None" = None,
    dataset: str | None = None,
    model: nn.Module | str | None = None,
    source: Source | str | None = None,
    batch_size: int = FOLD_BATCH,
    device: str = "auto",
    threads: int = 0,
    watcher: FoldWatcher | None = None,
    progress: bool = False,
) -> RunFold:
    """Fold batch norm into the weights of a trained run, and write a model file from which it can be unfolded.

    The proof and the clock take a batch of the run's test images, all of them judge the net before and after. The run
    itself is only read. What is written can be evaluated and used as any model file; `batchnorm.unfold` of what
    `load_run` gives, or `unfold_file`, gives back every bit.

    Args:
        run: the run's folder, or a model file.
        out: the file to write.
        overwrite: allow that a file at `out` is replaced.
        options: of `batchnorm.fold`.
        dataset: another data set than the run's, by its name or path; its images and classes must fit.
        model: the own net, if it is not one of this package: a module, which stays as it is, or its
            `package.module:function`.
        source: own data instead of a named set, an object or its `package.module:source`.
        batch_size: images of the proof, and of the batch that is timed.
        device: as in `TrainConfig`.
        threads: as in `TrainConfig`.
        watcher: hears what is done.
        progress: show what is done on a terminal or in a notebook.

    Raises:
        InputError: the run, the data, the net or an option cannot be used.
        RefusedError: the net does not give the same for the same input, so that nothing can be proved.
        OSError: the file cannot be written.

    Example:
        >>> import tempfile
        >>> from batchnorm.runs import TrainConfig
        >>> from batchnorm.training import fit
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = fit(TrainConfig(epochs=1, val_fraction=0.97, model_args={"width": 4}), out=folder)
        >>> said = fold_run(folder, out=folder / "folded.safetensors")
        >>> said.report.named("folded"), said.after.accuracy == said.before.accuracy
        (('bn1', 'bn2'), True)
    """
    if type(batch_size) is not int or batch_size < 1:
        raise InputError(argument="batch_size", expected="an integer of at least 1", got=repr(batch_size))
    path = find_model_file(run)
    folder = RunFolder(path.parent)
    target = check_new_file(out, path, overwrite=overwrite, allowed=folder.folded)
    refuse_pickle_name(target)
    known = folder.read_config() if folder.config.is_file() else TrainConfig()
    config = replace(known, device=device, threads=threads)
    with (
        nothing_written(),
        torch_settings(config) as where,
        fold_shown(watcher, progress=progress) as told,
    ):
        net, card = load_model(path, model)
        refuse_folded(path, net)
        own = fitting_source(card, dataset, source, beside=path)
        folded, said = fold_and_judge(
            put(net, where, config),
            replace(card, data=own.info.name),
            own.load("test"),
            config,
            where,
            run=str(run),
            options=options,
            batch_size=batch_size,
            trained=_as_trained(path, folder, model, where, config),
            watcher=told,
        )
        content = model_bytes(folded, card)
        if not any(norm.outcome != "left" for norm in said.report.norms):
            told.note("no norm could be folded: the file holds the net as it is")
    return replace(said, written=str(target), sha256=write_new_file(target, content))


def _as_trained(
    path: Path, folder: RunFolder, model: nn.Module | str | None, device: torch.device, config: TrainConfig
) -> nn.Module | None:
    """The net before it was recalibrated, if its file lies beside the run's model."""
    if path != folder.model or not folder.former_model.is_file():
        return None
    return put(load_model(folder.former_model, model)[0], device, config)
