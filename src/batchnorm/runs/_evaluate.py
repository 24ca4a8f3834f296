"""A trained run, judged on a split of its data: by the running statistics, and by each batch's own."""

import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, get_args, overload

import torch
from torch import nn
from torch.utils.data import Dataset

from ..data import Batches, Source, Split, SplitName
from ..errors import InputError, InputTypeError, its_type
from ..evaluation import ForwardFn, Metric, TargetFn, evaluate_model
from ..files import as_path
from ..norms import is_norm
from ..ranks import Ranks, on, one_per_machine_first, processes
from ..records import Evaluation, ModelEvaluation, Scores
from ..statistics import use_batch_statistics
from ._as_trained import evaluation_batch
from ._data_of_model import fitting_source
from ._environment import pick_device
from ._for_all import file_for_all, outputs_of_all
from ._model_file import ModelCard, load_model
from ._run_folder import CONFIG, SPLIT, RunFolder
from ._run_paths import refuse_odd_name
from ._scores import score


def find_model_file(run: Path | str) -> Path:
    """Return the model file of a run folder, or the file itself if `run` is one.

    Raises:
        InputError: there is none.
    """
    path = as_path(run, "run")
    refuse_odd_name(path)
    with contextlib.suppress(OSError):  # a name that the system cannot take; `open` says so
        if path.exists() and not path.is_dir():  # whether it is a model file is for its reader to say
            return path
    folder = RunFolder.open(path)
    if not folder.model.exists():
        raise InputError(
            f"{path}: this run has no model yet: it was stopped before its first checkpoint",
            cure=("Go on with it: ", folder.resuming(), "."),
        )
    return folder.model


def load_run(run: Path | str, model: nn.Module | str | None = None) -> tuple[nn.Module, ModelCard]:
    """Load the trained model of a run folder or model file, in evaluation mode, with its card.

    Args:
        run: the folder, or a `model.safetensors`.
        model: the own net, if it is not one of this package: a module, of which a copy is returned, or its
            `package.module:function`.

    Raises:
        InputError: nothing usable is there.
    """
    return load_model(find_model_file(run), model)


@overload
def evaluate(
    run: Path | str,
    /,
    *,
    dataset: str | None = None,
    source: Source | str | None = None,
    split: Literal["train", "test"] = "test",
    batch_size: int | None = None,
    model: nn.Module | str | None = None,
    device: str = "auto",
) -> Evaluation: ...


@overload
def evaluate(
    model: nn.Module,
    /,
    loader: Iterable[Any] | Dataset[Any],
    *,
    metric: Metric | None = None,
    recalibrated: bool | Literal["average", "exact"] = False,
    recalibration_loader: Iterable[Any] | None = None,
    forward_fn: ForwardFn | None = None,
    target_fn: TargetFn | None = None,
    batch_size: int | None = None,
) -> ModelEvaluation: ...


def evaluate(
    run: Any = None,
    /,
    loader: Any = None,
    *,
    dataset: Any = None,
    source: Any = None,
    split: Any = "test",
    batch_size: Any = None,
    model: Any = None,
    device: Any = "auto",
    metric: Any = None,
    recalibrated: Any = False,
    recalibration_loader: Any = None,
    forward_fn: Any = None,
    target_fn: Any = None,
) -> Evaluation | ModelEvaluation:
    """Evaluate a run, or any model on a loader, with the running statistics and with the statistics of each batch.

    A model that does worse with its running statistics than with those of each batch is a case for `recalibrate`.

    `evaluate(run)` loads the model and the data of a run. For batch statistics, the images come in a fixed shuffled
    order in batches of `batch_size`, as in training.

    `evaluate(model, loader)` takes any model and any iterable of batches, such as a `torch.utils.data.Dataset` or
    `DataLoader`, and returns the loss (cross entropy over all samples) and the accuracy, or the values of `metric`. A
    batch is `(inputs, targets)`; the model is called with as many of its members as its forward takes. Data are moved
    to the model's device. Afterwards the model, its modes, its gradients and the random state are what they were.

    The passes differ only in the statistics that normalize: dropout is off in all of them. A model without norm layers,
    or with folded ones, is evaluated once, and the record says so.

    Args:
        run: a run's folder or its `model.safetensors`; or a model, in any mode. DistributedDataParallel (each process
            judges its own data), DataParallel and `torch.compile` are seen through.
        loader: for a model: batches that can be read once for each kind of statistics.
        dataset: for a run: another data set than the run's, by its name or path; its images and classes must fit.
        source: for a run: own data instead of a named set, an object or its `package.module:source`.
        split: for a run: `"test"` or `"train"` (all training images, those held out included).
        batch_size: images per batch by which a run is judged (128), at least 2; or those of the batches that a
            `Dataset` is cut into.
        model: for a run: the own net, if it is not one of this package: a module, which stays as it is, or its
            `package.module:function`.
        device: for a run: as in `TrainConfig`. A model stays where it is.
        metric: for a model: a function of (outputs, targets) that gives a number, or a dict of numbers, for a batch:
            the mean over the samples, each batch counting as often as it has samples, or one number per sample. Or an
            object with `update(outputs, targets)`, `compute()` and `reset()`, as those of torchmetrics, of which a copy
            sees all batches. Or a dict of such metrics by name.
        recalibrated: for a model: judge it a third time, by statistics computed anew by `batchnorm.recalibrate`:
            `True` or `"average"`, or `"exact"`.
        recalibration_loader: the data for that; the default is `loader` itself, and the record says so.
        forward_fn: for a model: `forward_fn(model, batch)` calls it, where a batch is no tuple of its arguments.
        target_fn: for a model: `target_fn(batch)` gives the targets, where they are not what stands behind them.

    Returns:
        An `Evaluation`, or a `ModelEvaluation`; `print` shows either as a table.

    Raises:
        InputError: the run, the data, or an argument cannot be used.
        InputTypeError: an argument is of another type.
        RefusedError: a loader does not give the same samples again.

    Example:
        >>> import tempfile
        >>> from batchnorm.runs import TrainConfig
        >>> from batchnorm.training import fit
        >>> folder = tempfile.mkdtemp()
        >>> _ = fit(TrainConfig(epochs=1, val_fraction=0.97, model_args={"width": 4}), out=folder)
        >>> evaluation = evaluate(folder)
        >>> evaluation.running.images, evaluation.batch.images, evaluation.running.classes[9].name
        (2000, 2000, 'Ankle boot')

        >>> import torch
        >>> net = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Linear(8, 3))
        >>> data = torch.utils.data.TensorDataset(torch.randn(90, 2), torch.arange(90) % 3)
        >>> said = evaluate(net, data, recalibrated=True, batch_size=30)
        >>> said.samples, sorted(said.running), said.recalibrated.keys() == said.batch.keys()
        (90, ['accuracy', 'loss'], True)

    Source: Wu and Johnson, "Rethinking 'Batch' in BatchNorm", 2021, sections 3 and 4.
    """
    of_run = {"dataset": dataset, "source": source, "split": split, "model": model, "device": device}
    of_model = {
        "metric": metric,
        "recalibrated": recalibrated,
        "recalibration_loader": recalibration_loader,
        "forward_fn": forward_fn,
        "target_fn": target_fn,
    }
    if run is None and isinstance(model, nn.Module) and loader is not None:
        run, of_run["model"] = model, None  # both by keyword
    if isinstance(run, nn.Module):
        _refuse_others(of_run, "is for a run; a model is judged as it is, by the loader")
        if loader is None:
            raise InputTypeError(
                argument="loader", expected="the data", got="None", cure="Pass them: evaluate(model, loader)."
            )
        return evaluate_model(run, loader, batch_size=batch_size, **of_model)
    if not isinstance(run, str | Path):
        got = "nothing" if run is None else its_type(run)
        raise InputTypeError(
            argument="run",
            expected="a run's folder, its model file, or a model and a loader",
            got=got,
        )
    _refuse_others({**of_model, "loader": loader}, "is for a model; a run is judged by its own data, or by a source")
    return _evaluate_run(run, batch_size=128 if batch_size is None else batch_size, **of_run)


_DEFAULTS = {"split": "test", "device": "auto", "recalibrated": False}
"""Of those arguments whose default is not None."""


def _refuse_others(given: dict[str, Any], problem: str) -> None:
    """Raise if an argument was given that the other form of the call has."""
    for name, value in given.items():
        if value is not None and value is not _DEFAULTS.get(name) and value != _DEFAULTS.get(name, ...):
            raise InputError(problem, argument=name, cure="Leave it out.")


def _evaluate_run(
    run: Path | str,
    *,
    dataset: str | None,
    source: Source | str | None,
    split: SplitName,
    batch_size: int,
    model: nn.Module | str | None,
    device: str,
) -> Evaluation:
    if type(batch_size) is not int or batch_size < 2:
        raise InputError(argument="batch_size", expected="an integer of at least 2", got=repr(batch_size))
    if split not in get_args(SplitName):
        raise InputError(argument="split", expected="'test' or 'train'", got=repr(split))
    with contextlib.ExitStack() as held:
        ranks = held.enter_context(processes(verb="evaluate"))
        held.enter_context(ranks.telling())
        place = pick_device(device)
        on(ranks, place)
        path = held.enter_context(file_for_all(ranks, lambda: find_model_file(run), beside=(CONFIG, SPLIT)))
        net, card = load_model(path, model)
        with one_per_machine_first(ranks):
            found = fitting_source(card, dataset, source, beside=path)
            images = found.load(split)
        running, batch, folded = _scores(ranks, net.to(place), card, images, batch_size, place)
    return Evaluation(str(run), found.info.name, split, batch_size, running, batch, folded)


def _scores(
    ranks: Ranks, net: nn.Module, card: ModelCard, images: Split, batch_size: int, place: torch.device
) -> tuple[Scores, Scores | None, bool]:
    """Judge by the running statistics, and by each batch's own, if there are norms, and say whether they are folded."""
    from ..surgery import is_folded

    in_order = Batches(images, evaluation_batch(*images.shape[2:]), card.normalization)
    running = score(*outputs_of_all(ranks, net, in_order, place), card.classes)
    batch, folded = None, is_folded(net)
    if not folded and any(map(is_norm, net.modules())):
        with use_batch_statistics(net):
            # In training order a class would not fill a batch of its own; a lone last image is left out.
            shuffled = Batches(images, batch_size, card.normalization, shuffle=True)
            batch = score(*outputs_of_all(ranks, net, shuffled, place), card.classes)
    return running, batch, folded
