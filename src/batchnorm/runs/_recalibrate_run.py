"""A trained run with the statistics of its data: what is read, recalibrated, judged and written."""

import contextlib
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import torch
from torch import nn

from .. import data
from ..data import Augmentation, Share, Source, Split, SplitName
from ..errors import InputError, RefusedError
from ..progress import RecalibrationPlan, RecalibrationWatcher, RunRecalibrationWatcher, run_recalibration_shown
from ..ranks import on, one_per_machine_first, processes
from ..records import RunRecalibration
from ..statistics import RecalibrationOptions, recalibrate
from ._as_trained import augmentation_of, evaluation_batches, put
from ._config import TrainConfig
from ._data_of_model import fitting_source
from ._environment import torch_settings
from ._evaluate import find_model_file
from ._for_all import file_for_all, judge_together, record_for_all
from ._given_options import check_options
from ._model_file import ModelCard, load_model, model_bytes, refuse_folded
from ._recalibrated_files import Destination
from ._recalibrated_result import needs_own_file, note_outdated, result_now
from ._recalibration_images import ALL, RECALIBRATION_BATCH, RecalibrationImages
from ._run_folder import CONFIG, SPLIT, RunFolder

DEFAULT_RECALIBRATION = RecalibrationOptions()


def recalibrate_run(
    run: Path | str,
    *,
    out: Path | str | None = None,
    overwrite: bool = False,
    options: RecalibrationOptions = DEFAULT_RECALIBRATION,
    dataset: str | None = None,
    split: SplitName = "train",
    augment: bool = True,
    batch_size: int = RECALIBRATION_BATCH,
    max_samples: int | None = None,
    model: nn.Module | str | None = None,
    source: Source | str | None = None,
    device: str = "auto",
    threads: int = 0,
    watcher: RunRecalibrationWatcher | None = None,
    progress: bool = False,
) -> RunRecalibration:
    """Recompute the statistics of a trained run from its training images, evaluate it before and after, and save it.

    The images are those that the run was trained with: without those that it held out, augmented as it was. The model
    of a run's folder is replaced, the former one stays beside it as `model.before-recalibration.safetensors`,
    `recalibration.json` says what was done, and `result.json` what the model reaches now. Whatever is raised before
    that (Ctrl-C, a full disk), the run is as it was.

    Args:
        run: the run's folder, or a model file; the `config.toml` beside it says how it was trained.
        out: write the model to this file instead, and leave the run alone; needed for images that the run was not
            trained on, for a run's result is that of a net which has seen no test image, and no other data.
        overwrite: allow that a file at `out` is replaced.
        options: of `batchnorm.recalibrate`.
        dataset: another data set than the run's, by its name or path; its images and classes must fit.
        split: `"train"` or `"test"`.
        augment: vary the images as the training did.
        batch_size: images per batch.
        max_samples: at most so many images, drawn by the run's seed.
        model: the own net, if it is not one of this package: a module, which stays as it is, or its
            `package.module:function`.
        source: own data instead of a named set, an object or its `package.module:source`.
        device: as in `TrainConfig`.
        threads: as in `TrainConfig`.
        watcher: hears of rounds, batches and notes.
        progress: show a bar on a terminal or in a notebook.

    Raises:
        InputError: the run, the data or an option cannot be used.
        RefusedError: what was to be settled is not.
        OSError: the files cannot be written.

    Example:
        >>> import tempfile
        >>> from batchnorm.runs import TrainConfig
        >>> from batchnorm.statistics import RecalibrationOptions
        >>> from batchnorm.training import fit
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = fit(TrainConfig(epochs=1, val_fraction=0.97, model_args={"width": 4}), out=folder)
        >>> record = recalibrate_run(folder, options=RecalibrationOptions(method="exact"))
        >>> record.recalibration.samples, record.recalibration.certificate.settled, record.judged
        (300, 2, 2000)
        >>> sorted(path.name for path in folder.glob("*.safetensors"))
        ['model.before-recalibration.safetensors', 'model.safetensors']
    """
    _check(batch_size=batch_size, max_samples=max_samples)
    check_options(options, RecalibrationOptions)
    if split == "test" and out is None:
        raise needs_own_file(
            "statistics of the test images in a run's own model are a leak: it has seen what judges it"
        )
    with contextlib.ExitStack() as held:
        ranks = held.enter_context(processes(verb="recalibrate"))
        held.enter_context(ranks.telling())
        path = held.enter_context(file_for_all(ranks, lambda: find_model_file(run), beside=(CONFIG, SPLIT)))
        folder = RunFolder(path.parent) if (path.parent / CONFIG).is_file() else None
        known = folder.read_config() if folder else None
        config = known or TrainConfig()
        if not ranks.first:
            folder = None  # a copy of the config; the run's is for the first to touch
        destination = Destination.plan(path, folder, out, overwrite=overwrite) if ranks.first else None
        told = held.enter_context(run_recalibration_shown(watcher, progress=progress and ranks.first))
        if folder and destination and destination.record:
            held.enter_context(folder.held())
            if not folder.result.exists():
                told.note("the run is not finished: when it goes on, it replaces the model by one of its own")
        place = held.enter_context(torch_settings(replace(config, device=device, threads=threads)))
        on(ranks, place)
        with nothing_changed():
            net, card = load_model(path, model)
            refuse_folded(path, net)
            with one_per_machine_first(ranks):
                own = fitting_source(card, dataset, source, beside=path)
                given = own.load(split)
            if out is None and own.info.name != card.data:
                raise needs_own_file(
                    f"the run's result is of {card.data}, and not of a model with statistics of others"
                )
            if known is None and augment:
                told.note("no config.toml lies beside the model, so how it varied its images is unknown: they are not")
            images = recalibration_images(
                own,
                split,
                given,
                card,
                known,
                augmentation=augmentation_of(known, own) if augment and known else None,
                batch_size=batch_size,
                max_images=max_samples,
                share=Share(ranks.rank, ranks.size),
            )
            told.started(_plan(card, own, split, images, options.method, place))
            put(net, place, config)
            record = recalibrate(
                net,
                images,
                **asdict(options),
                watcher=told,
            )
            former = put(load_model(path, model)[0], place, config)  # anew: not every net can be copied
            test = evaluation_batches(own.load("test"), card.normalization, config)
            said = RunRecalibration(
                run=str(run),
                data=own.info.name,
                split=split,
                augmented=images.augmented,
                batch_size=batch_size,
                judged_on="test",
                judged=len(test.split),
                before=judge_together(ranks, former, test, place),
                after=judge_together(ranks, net, test, place),
                written=None,
                sha256=None,
                kept=None,
                recalibration=record,
            )
            compare(said, told)
            content = model_bytes(net, card)
            result = result_now(folder, said) if folder and destination and destination.result else None
        if folder and destination and destination.result:
            note_outdated(folder, told)
        return record_for_all(ranks, lambda: said if destination is None else destination.write(content, said, result))


@contextlib.contextmanager
def nothing_changed() -> Iterator[None]:
    """Say to somebody who interrupts the work that the run is as it was."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt("interrupted: nothing was written, the run is as it was") from None


def _check(**options: int | None) -> None:
    for name, value in options.items():
        if value is not None and (type(value) is not int or value < 1):
            raise InputError(argument=name, expected="an integer of at least 1", got=repr(value))


def recalibration_images(
    source: Source,
    split: SplitName,
    images: Split,
    card: ModelCard,
    config: TrainConfig | None,
    *,
    augmentation: Augmentation | None,
    batch_size: int,
    max_images: int | None,
    share: Share = ALL,
) -> RecalibrationImages:
    """Return the images of a split; those of a training on this very set as it took them, if its config is known."""
    if split == "train" and config is not None and source.info.name == card.data:
        images, _ = data.split_off_validation(images, config.val_fraction, config.seed)
    return RecalibrationImages(
        images,
        card.normalization,
        augmentation=augmentation,
        batch_size=batch_size,
        max_images=max_images,
        seed=config.seed if config else 0,
        epoch=config.epochs if config else 0,
        channels_last=(config or TrainConfig()).channels_last,
        share=share,
    )


def _plan(
    card: ModelCard, source: Source, split: str, images: RecalibrationImages, method: str, device: torch.device
) -> RecalibrationPlan:
    count, augmented = images.count, images.augmented
    return RecalibrationPlan(card.model, source.info.name, split, count, len(images), augmented, method, str(device))


def compare(said: RunRecalibration, watcher: RecalibrationWatcher) -> None:
    """Say it where the net has become worse.

    Raises:
        RefusedError: its outputs are not finite any more.
    """
    before, after = said.before, said.after
    if before is None or after is None:
        return
    if after.loss is None:
        raise RefusedError("with the new statistics the net's outputs are not finite; nothing was written")
    if before.loss is not None and after.loss > before.loss and after.accuracy < before.accuracy:
        watcher.note(f"with the new statistics loss and accuracy are worse on the {said.judged_on} images")
    if said.split == said.judged_on:
        watcher.note("the statistics are those of the very images that judge: on others the net may do worse")
