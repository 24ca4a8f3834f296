"""A net, folded beside the one that stays: refused in plain words, judged and timed against what it was."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ..data import Batches, Split
from ..errors import FaultError, InputError, RefusedError
from ..files import one_line
from ..progress import FoldWatcher
from ..records import FoldReport, Judgement, RunFold
from ..transaction import copied, transaction
from ._as_trained import evaluation_batches
from ._config import TrainConfig
from ._finite import nonfinite_entry
from ._given_options import check_options
from ._model_file import ModelCard
from ._scores import judge
from ._timing import TIMED_CALLS, load_and_cpus, times_in_turn

if TYPE_CHECKING:  # it takes a while to import, and most of what is done with runs needs none of it
    from ..surgery import FoldOptions

FOLD_BATCH = 16
"""Images per batch of the proof and of the clock: a few, as where a net is used."""


def folded_copy(
    net: nn.Module, inputs: tuple[Tensor, ...], options: "FoldOptions | None"
) -> tuple[nn.Module, FoldReport]:
    """Return a folded copy of a net in evaluation mode.

    Args:
        net: stays as it is.
        inputs: the arguments of a call.
        options: of `batchnorm.fold`.

    Raises:
        InputTypeError: the options are no `FoldOptions`.
        InputError: the net does not take the inputs, has no batch norm, or is refused by `batchnorm.fold`.
        RefusedError: it raises meanwhile, or does not give the same for the same input.
    """
    from ..surgery import NOT_FINITE, FoldOptions, fold

    options = FoldOptions() if options is None else options
    check_options(options, FoldOptions)
    folded = copied(net)
    _check_runs(folded, inputs)
    try:
        report = fold(folded, inputs, **asdict(options))
    except FaultError:
        raise
    except (TypeError, ValueError, RuntimeError) as error:
        raise RefusedError(f"the net raised {type(error).__name__} while it was folded: {error}") from error
    if not report.norms:
        loose = f", though F.batch_norm is called in {', '.join(report.loose)}" if report.loose else ""
        raise InputError(f"the net has no batch norm that could be folded{loose}")
    if any(norm.reason == NOT_FINITE for norm in report.norms):
        raise _not_finite(net)
    return folded, report


def fold_and_judge(
    net: nn.Module,
    card: ModelCard,
    test: Split,
    config: TrainConfig,
    device: torch.device,
    *,
    run: str,
    options: "FoldOptions | None" = None,
    batch_size: int = FOLD_BATCH,
    trained: nn.Module | None = None,
    watcher: FoldWatcher | None = None,
) -> tuple[nn.Module, RunFold]:
    """Fold a copy of a trained net, and judge and time both by test images.

    Args:
        net: in evaluation mode, on the device.
        card: its card.
        test: the images.
        config: says in which layout they come.
        device: of the net.
        run: what the record calls it.
        options: of `batchnorm.fold`.
        batch_size: images of the proof and of the clock.
        trained: what the net was before it was recalibrated.
        watcher: hears what is done.

    Raises:
        InputError: as `folded_copy`.
        RefusedError: as `folded_copy`, or the folded net gives what is not finite.
    """
    watcher = watcher or FoldWatcher()
    few = Batches(test, batch_size, card.normalization, channels_last=config.channels_last)
    inputs = (few.first()[0].to(device),)
    watcher.doing("folding")
    folded, report = folded_copy(net, inputs, options)
    nets = [net, folded] if trained is None else [net, folded, trained]
    watcher.doing(f"judging by {len(test):,} test images")
    batches = evaluation_batches(test, card.normalization, config)
    judged = [judge(one, batches, device) for one in nets]
    if judged[1].loss is None and judged[0].loss is not None:
        raise RefusedError("the folded net's outputs are not finite; nothing was written")
    watcher.doing("timing")
    return folded, timed(run, report, nets, inputs, judged, data=card.data, images=len(test))


def timed(
    run: str,
    report: FoldReport,
    nets: Sequence[nn.Module],
    inputs: tuple[Tensor, ...],
    judged: Sequence[Judgement] = (),
    *,
    data: str | None = None,
    images: int = 0,
) -> RunFold:
    """Time the nets and put the record together.

    Args:
        run: what was folded.
        report: of `fold`.
        nets: before, after, and, if that is known, as it was trained.
        inputs: the arguments of a call.
        judged: for each net, if there are images.
        data: their name.
        images: how many.
    """
    before, after, trained = [*judged, None, None, None][:3]
    load, cpus = load_and_cpus()
    times = times_in_turn(nets, inputs)
    quartiles = [(time.lower, time.upper) for time in times]
    return RunFold(
        run=run,
        data=data,
        report=report,
        judged_on="test" if judged else None,
        judged=images,
        before=before,
        after=after,
        batch_size=len(inputs[0]) if inputs[0].dim() else 1,
        milliseconds_before=times[0].median,
        milliseconds_after=times[1].median,
        calls=TIMED_CALLS,
        device=str(inputs[0].device),
        threads=torch.get_num_threads(),
        trained=trained,
        milliseconds_trained=times[2].median if len(nets) > 2 else None,
        quartiles_before=quartiles[0],
        quartiles_after=quartiles[1],
        quartiles_trained=quartiles[2] if len(nets) > 2 else None,
        load=load,
        cpus=cpus,
    )


def _check_runs(net: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    shapes = ", ".join("x".join(map(str, tensor.shape)) for tensor in inputs)
    try:
        with torch.no_grad(), transaction(net, scripts=True):
            net(*inputs)
    except Exception as error:  # the caller's own net may raise anything
        said = f"{type(error).__name__}: {one_line(str(error), 500)}"
        raise InputError(f"the net cannot take an input of {shapes}: {said}") from error


def _not_finite(net: nn.Module) -> InputError:
    """Refuse a net whose outputs say nothing: a file of it would look as if its norms could not be folded."""
    entry = nonfinite_entry(net)
    where = f", and {entry!r} of its state_dict is not finite either" if entry else ""
    problem = f"none of the net's outputs is finite{where}"
    return InputError(problem, cure="Take the weights of before the training diverged.")
