"""A checkpoint of one's own net, with the statistics of a data set: a state_dict in, a file of the same kind out."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from ..data import Batches, Normalization, Share, Source, Split, SplitName
from ..errors import InputError, Setting
from ..progress import RecalibrationPlan, RunRecalibrationWatcher, run_recalibration_shown
from ..ranks import Ranks, on, one_per_machine_first, processes
from ..records import Judgement, RunRecalibration
from ..statistics import RecalibrationOptions, recalibrate
from ._as_trained import evaluation_batch
from ._checkpoint_net import own_net
from ._config import TrainConfig
from ._environment import torch_settings
from ._for_all import file_for_all, judge_together, record_for_all
from ._given_options import check_options
from ._new_file import check_new_file, nothing_written, write_new_file
from ._own_data import source_of
from ._recalibrate_run import DEFAULT_RECALIBRATION, compare
from ._recalibration_images import RECALIBRATION_BATCH, RecalibrationImages
from ._state_dict import read_state_dict, state_dict_bytes


def recalibrate_checkpoint(
    path: Path | str,
    *,
    model: str | None,
    inputs: Sequence[Sequence[int]] = (),
    dataset: str | None = None,
    source: Source | str | None = None,
    split: SplitName = "train",
    out: Path | str | None,
    overwrite: bool = False,
    batch_size: int = RECALIBRATION_BATCH,
    max_samples: int | None = None,
    device: str = "auto",
    threads: int = 0,
    watcher: RunRecalibrationWatcher | None = None,
    progress: bool = False,
    options: RecalibrationOptions = DEFAULT_RECALIBRATION,
) -> RunRecalibration:
    """Give the net whose `state_dict` is in a file the statistics of a data set, and write its `state_dict` to a file.

    The images are normalized by the mean and standard deviation of the set's training images, as `batchnorm train`
    does, and not augmented. All tensors but the statistics keep every bit, and their names. Where the net gives an
    output for each class of the set, the record says how it does before and after, on the test images.

    Args:
        path: what `torch.save(net.state_dict(), path)` wrote, or a safetensors file.
        model: the own `package.module:function` that builds the net, without arguments.
        inputs: the shapes of what the net takes, to be compared with the images; none for any.
        dataset: the name of a data set.
        source: own data instead of a named set.
        split: `"train"` or `"test"`.
        out: the file to write: a safetensors file, or, where its name ends as those of `torch.save` do, a pickle that
            `torch.load(weights_only=True)` reads. Any other name gets what `path` is.
        overwrite: allow that a file at `out` is replaced.
        batch_size: images per batch.
        max_samples: at most so many images, drawn at random.
        device: as in `TrainConfig`.
        threads: as in `TrainConfig`.
        watcher: hears of rounds, batches and notes.
        progress: show a bar on a terminal or in a notebook.
        options: of `batchnorm.recalibrate`.

    Raises:
        InputError: the file, the net, the data or an option cannot be used.
        RuntimeError: what was to be settled is not.
        OSError: the file cannot be written.
    """
    path = Path(path)
    check_options(options, RecalibrationOptions)
    with (
        nothing_written(),
        processes(verb="recalibrate") as ranks,
        ranks.telling(),
        torch_settings(TrainConfig(device=device, threads=threads)) as place,
        run_recalibration_shown(watcher, progress=progress and ranks.first) as told,
        file_for_all(ranks, lambda: path) as file,
    ):
        target = check_new_file(out, path, overwrite=overwrite) if ranks.first else None
        on(ranks, place)
        tensors, metadata = read_state_dict(file)
        as_read = dict(tensors)
        with one_per_machine_first(ranks):
            found = _source(path, model, dataset, source)
            train = found.load("train")
        net, taken = own_net(file, model, tensors)
        if taken:
            told.note(f"every name in {path} begins with {taken!r}, of a wrapper; the file that is written keeps it")
        _check_shapes(inputs, found)
        share = Share(ranks.rank, ranks.size)
        images = _Images(net.to(place), train, found, split, batch_size, max_samples, share)
        told.note(
            f"the images are normalized by the mean and standard deviation of the training images of "
            f"{found.info.name}, and not augmented"
        )
        # By a net of its own: one that counts its calls stays as it was read.
        before = _judged(ranks, own_net(file, model, dict(as_read))[0].to(place), found, images, place)
        told.started(_plan(str(model), found, split, images, options.method, place))
        held = _copies(net)
        record = recalibrate(net, images, **asdict(options), watcher=told)
        moved = {name: tensor for name, tensor in _copies(net).items() if not torch.equal(tensor, held[name])}
        written = {**as_read, **{taken + name: tensor for name, tensor in moved.items()}}
        after = _judged(ranks, net, found, images, place)
        said = RunRecalibration(
            run=str(path),
            data=found.info.name,
            split=split,
            augmented=False,
            batch_size=batch_size,
            judged_on="test" if after else None,
            judged=len(found.load("test")) if after else 0,
            before=before,
            after=after,
            written=None if target is None else str(target),
            sha256=None,
            kept=None,
            recalibration=record,
        )
        compare(said, told)
        content = b"" if target is None else state_dict_bytes(target, path, written, metadata)

        def write() -> RunRecalibration:
            return said if target is None else replace(said, sha256=write_new_file(target, content))

        return record_for_all(ranks, write)


class _Images:
    """The images of a split as the net takes them: normalized, and of its own dtype."""

    def __init__(
        self,
        net: nn.Module,
        train: Split,
        source: Source,
        split: SplitName,
        batch_size: int,
        most: int | None,
        share: Share,
    ) -> None:
        self.normalization = Normalization.of(train.images)
        self.dtype = next((one.dtype for one in net.parameters() if one.is_floating_point()), torch.float32)
        chosen = train if split == "train" else source.load(split)
        self._images = RecalibrationImages(
            chosen, self.normalization, batch_size=batch_size, max_images=most, share=share
        )
        self.count = self._images.count

    def __len__(self) -> int:
        return len(self._images)

    def __iter__(self) -> Iterator[Tensor]:
        return (batch.to(self.dtype) for batch in self._images)

    def with_labels(self, split: Split) -> Batches:
        """Give a split in order, to judge by."""
        return Batches(split, evaluation_batch(*split.shape[2:]), self.normalization)


def _source(path: Path, model: str | None, dataset: str | None, source: Source | str | None) -> Source:
    if model is None or (dataset is None and source is None):
        raise InputError(
            f"{path} is a state_dict of a net of your own",
            cure=("Say which net it is for (", Setting("model"), ") and by which images (", Setting("dataset"), ")."),
        )
    return source_of(str(dataset), "dataset") if source is None else source_of(source, "source")


def _check_shapes(inputs: Sequence[Sequence[int]], source: Source) -> None:
    info = source.info
    if len(inputs) > 1 or any(tuple(sizes[1:]) != info.image_shape for sizes in inputs):
        raise InputError(
            argument="inputs",
            expected=f"the shape of the images of {info.name}, Nx{'x'.join(map(str, info.image_shape))}",
            got=" and ".join("x".join(map(str, sizes)) for sizes in inputs),
        )


@torch.no_grad()
def _judged(ranks: Ranks, net: nn.Module, source: Source, images: _Images, place: torch.device) -> Judgement | None:
    """How the net does on the test images; `None` if its outputs are no scores of their classes."""
    test = source.load("test")
    few, _ = images.with_labels(test.subset(torch.arange(min(2, len(test))))).first()
    try:
        outputs = net.eval()(few.to(place, images.dtype))
    except Exception as error:  # the caller's own net may raise anything
        shape = "x".join(map(str, few.shape))
        raise InputError(
            f"the net cannot take images of {source.info.name}, an input of {shape}: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(outputs, Tensor) or outputs.shape != (len(few), len(source.info.classes)):
        return None
    return judge_together(ranks, net, images.with_labels(test), place, dtype=images.dtype)


def _copies(net: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().clone() for name, tensor in net.state_dict().items()}


def _plan(
    model: str, source: Source, split: str, images: _Images, method: str, device: torch.device
) -> RecalibrationPlan:
    return RecalibrationPlan(
        model, source.info.name, split, images.count, len(images), augmented=False, method=method, device=str(device)
    )
