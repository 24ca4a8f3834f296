"""What is there to see of a trained run? Gathered once, as data, for whoever draws it."""

from dataclasses import replace
from pathlib import Path

from torch import nn

from ..data import Source
from ..errors import InputError, RefusedError
from ..records import Recalibration, RunHistory, RunReport
from ..statistics import recalibrate
from ._as_trained import augmentation_of, put
from ._config import TrainConfig
from ._data_of_model import fitting_source
from ._environment import torch_settings
from ._evaluate import evaluate, find_model_file
from ._model_file import ModelCard, load_model, refuse_folded
from ._read_history import read_history
from ._recalibrate_run import recalibration_images
from ._recalibration_images import RECALIBRATION_BATCH
from ._run_folder import CONFIG, RunFolder
from ._sample_images import sample_images

ENOUGH_IMAGES = 2_000
"""For exact statistics to be compared with: each then has a standard error of some hundredths of a sigma at most."""


def report_of_run(
    run: Path | str,
    *,
    dataset: str | None = None,
    source: Source | str | None = None,
    model: nn.Module | str | None = None,
    samples: int = 18,
    max_samples: int = ENOUGH_IMAGES,
    device: str = "auto",
    threads: int = 0,
) -> RunReport:
    """Gather what a page about a trained run shows; the run stays as it is.

    That is how it went epoch by epoch, its evaluation on the test images, its running statistics against exact ones of
    its training images, taken as the training took them, and test images with what the model says of them.

    Args:
        run: the run's folder, or a model file, which has no epochs.
        dataset: another data set than the run's, by its name or path; its images and classes must fit.
        source: own data instead of a named set, an object or its `package.module:source`.
        model: the own net, if it is not one of this package: a module, which stays as it is, or its
            `package.module:function`.
        samples: how many test images are shown, at most.
        max_samples: how many training images the exact statistics are of, at most.
        device: as in `TrainConfig`.
        threads: as in `TrainConfig`.

    Raises:
        InputError: the run, the data or an option cannot be used.

    Example:
        >>> import tempfile
        >>> from batchnorm import TrainConfig, fit
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = fit(TrainConfig(epochs=1, val_fraction=0.97, model_args={"width": 4}), out=folder)
        >>> report = report_of_run(folder, samples=4)
        >>> len(report.history.epochs), report.evaluation.running.images, len(report.statistics.norms)
        (1, 2000, 2)
        >>> [len(image.prediction.classes) for image in report.samples]
        [3, 3, 3, 3]
    """
    for name, value in (("samples", samples), ("max_samples", max_samples)):
        if type(value) is not int or value < 1:
            raise InputError(argument=name, expected="an integer of at least 1", got=repr(value))
    path = find_model_file(run)
    folder = RunFolder(path.parent) if (path.parent / CONFIG).is_file() else None
    config = replace(folder.read_config() if folder else TrainConfig(), device=device, threads=threads)
    with torch_settings(config) as place:
        evaluation = evaluate(run, dataset=dataset, source=source, model=model, device=device)
        net, card = load_model(path, model)
        own = fitting_source(card, dataset, source, beside=path)
        put(net, place, config)
        shown = sample_images(net, card, own.load("test"), samples)
        notes: list[str] = []
        statistics = None
        try:
            refuse_folded(path, net)
            statistics = _statistics(net, card, own, config if folder else None, max_samples)
        except (InputError, RefusedError) as error:
            notes.append(f"The running statistics were not compared with exact ones: {error}")
    return RunReport(str(run), _history(path, folder), evaluation, statistics, shown, tuple(notes))


def _history(path: Path, folder: RunFolder | None) -> RunHistory | None:
    """The epochs of the run whose model this is; a model beside it, such as a folded one, had none."""
    return read_history(folder.path) if folder and folder.model == path else None


def _statistics(
    net: nn.Module, card: ModelCard, source: Source, config: TrainConfig | None, max_samples: int
) -> Recalibration:
    """Measure the exact statistics; the net at hand takes them, and is thrown away."""
    images = recalibration_images(
        source,
        "train",
        source.load("train"),
        card,
        config,
        augmentation=augmentation_of(config, source) if config else None,
        batch_size=RECALIBRATION_BATCH,
        max_images=max_samples,
    )
    return recalibrate(net, images, method="exact")
