"""What do a model's outputs come to by its running statistics, by each batch's own, and by recalibrated ones?"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import torch
from torch import nn
from torch.utils.data import Dataset

from ..calls import ForwardFn, Reader
from ..errors import FaultError, InputError, InputTypeError, Setting, in_verb, its_type
from ..norms import is_norm, without_statistics
from ..records import ModelEvaluation
from ..statistics import recalibrate
from ..transaction import original, verb
from ._examples import Examples, TargetFn, as_loader
from ._metric import Metric, finite, tally_of
from ._pass import Judged, NoBatchStatisticsError, Passes, check_norms

Method = Literal["average", "exact"]

_BY_ITSELF = " evaluate passes no such options on: recalibrate a copy of the model with them, and evaluate the copy."
_OTHER_SAMPLES = (
    "the loader gave other values for the samples in each pass, by random numbers of its own: the rows are of "
    "different data, and differ for that, too"
)


@verb
def evaluate_model(
    model: nn.Module,
    loader: Iterable[Any] | Dataset[Any],
    *,
    metric: Metric | None = None,
    recalibrated: bool | Method = False,
    recalibration_loader: Iterable[Any] | None = None,
    forward_fn: ForwardFn | None = None,
    target_fn: TargetFn | None = None,
    batch_size: int | None = None,
) -> ModelEvaluation:
    """Judge a model on the same data by its running statistics, by each batch's own, and, if asked, by new ones.

    See `batchnorm.evaluate`, which passes its arguments on.

    Raises:
        InputError, InputTypeError: an argument cannot be used.
        RefusedError: the loader does not give the same samples again.
        Exception: whatever the loader, the model or the metric raises.

    Example:
        >>> net = nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 3))
        >>> x, labels = torch.randn(60, 2), torch.arange(60) % 3
        >>> said = evaluate_model(net, [(x[:32], labels[:32]), (x[32:], labels[32:])])
        >>> said.samples, [*said.running], said.norms
        (60, ['loss', 'accuracy'], 1)
    """
    with in_verb("evaluate"):
        return _evaluated(
            _Asked(model, as_loader(loader, batch_size), metric, _method(recalibrated, recalibration_loader)),
            recalibration_loader,
            forward_fn,
            target_fn,
        )


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is to be judged, by what."""

    model: nn.Module
    loader: Iterable[Any]
    metric: Metric | None
    method: Method | None


def _evaluated(
    asked: _Asked, recalibration_loader: Iterable[Any] | None, forward_fn: ForwardFn | None, target_fn: TargetFn | None
) -> ModelEvaluation:
    from ..surgery import is_folded

    model, notes = original(asked.model)
    folded = is_folded(model)
    norms, without = sum(map(is_norm, model.modules())), [*without_statistics(model)]
    tracked = norms - len(without)
    if tracked:
        _check_again(asked.loader)
    _check_function("forward_fn", forward_fn, "(model, batch)")
    _check_function("target_fn", target_fn, "(batch)")
    device = next((tensor.device for tensor in (*model.parameters(), *model.buffers())), torch.device("cpu"))
    examples = Examples(asked.loader, Reader(model, "evaluate", forward_fn), device, target_fn)
    passes = Passes(asked.model, examples, asked.loader, tally_of(asked.metric), device)
    with torch.inference_mode(mode=False), torch.no_grad():
        running = passes.run()
        batch, why_not = _by_batch(passes, model) if tracked else (None, ())
        recalibrated = None
        if tracked and asked.method:
            data = asked.loader if recalibration_loader is None else as_loader(recalibration_loader, None)
            recalibrated = passes.run(
                before=partial(_recalibrate, loader=data, method=asked.method, forward_fn=forward_fn)
            )
    by_itself = recalibrated is not None and recalibration_loader is None
    return ModelEvaluation(
        model=type(model).__name__,
        samples=running.samples,
        batches=running.batches,
        batch_size=running.largest,
        norms=norms,
        tracked=tracked,
        running=finite(running.numbers),
        batch=None if batch is None else finite(batch.numbers),
        recalibrated=None if recalibrated is None else finite(recalibrated.numbers),
        method=asked.method if recalibrated else None,
        folded=folded,
        notes=(
            *notes,
            *_about_norms(norms, without, folded=folded),
            *why_not,
            *(() if batch is None else _about_batches(running, batch)),
            *(("recalibrated by the very samples that judge: on others the model may do worse",) if by_itself else ()),
            *((_OTHER_SAMPLES,) if passes.samples_differ else ()),
            *_about_outputs(running, asked.metric),
        ),
    )


def _recalibrate(model: nn.Module, **options: Any) -> None:
    """Recalibrate, for a while; a remedy that only `recalibrate` itself takes is told as one of its own."""
    try:
        recalibrate(model, **options)
    except FaultError as error:
        cure = error.fault.cure
        if isinstance(cure, tuple) and any(isinstance(part, Setting) for part in cure):
            error.fault = replace(error.fault, verb="recalibrate", cure=(*cure, _BY_ITSELF))
        raise


def _by_batch(passes: Passes, model: nn.Module) -> tuple[Judged | None, tuple[str, ...]]:
    """Judge by the batches' own statistics, or say why that cannot be."""
    try:
        check_norms(model)
        done = passes.run(by_batch=True)
    except NoBatchStatisticsError as reason:
        return None, (f"not judged by each batch's own statistics: {reason}",)
    if not done.samples:
        return None, (
            "not judged by each batch's own statistics: no batch has more than one value per channel; give a loader "
            "with larger batches",
        )
    return done, ()


def _method(recalibrated: object, loader: object) -> Method | None:
    if recalibrated is True or (recalibrated is False and loader is not None):
        return "average"
    if recalibrated is False:
        return None
    if recalibrated in ("average", "exact"):
        return recalibrated
    raise InputError(argument="recalibrated", expected="True, 'average' or 'exact'", got=repr(recalibrated))


def _check_again(loader: Iterable[Any]) -> None:
    """Refuse a loader that gives its batches once where they are needed again."""
    if isinstance(loader, Iterator):
        raise InputError(
            argument="loader",
            expected="a loader that can be read several times, for each kind of statistics judges the same samples",
            got=f"{its_type(loader)}, which gives its batches once",
            cure="Give the loader itself, or a list of its batches.",
        )


def _check_function(argument: str, given: object, takes: str) -> None:
    if given is not None and not callable(given):
        raise InputTypeError(argument=argument, expected=f"a function of {takes}", got=its_type(given))


def _about_norms(norms: int, without: list[str], *, folded: bool) -> Iterator[str]:
    if folded:
        yield "the norms are folded into the weights: nothing is normalized by statistics any more"
    if not norms and not folded:
        yield "the model has no batch norm layers: there are no statistics by which it could be judged in another way"
    if without:
        names = ", ".join(without[:3]) + (" ..." if len(without) > 3 else "")
        yield f"{names}: keeps no running statistics, and normalizes by each batch in evaluation, too"


def _about_batches(running: Judged, batch: Judged) -> Iterator[str]:
    if batch.single:
        counted = "1 sample" if batch.single == 1 else f"{batch.single} samples"
        yield f"{counted} in batches of one value per channel, which have no statistics, are left out of that row"
    if running.first is not None and batch.first is not None and torch.equal(running.first, batch.first):
        yield "the outputs are the same by both: these norms take no batch's statistics, or nothing reads them"


def _about_outputs(running: Judged, metric: Metric | None) -> Iterator[str]:
    if running.not_finite:
        yield f"the outputs for {running.not_finite} of {running.samples} samples are not finite"
    if metric is None and running.like_probabilities:
        yield (
            "the outputs look like probabilities; cross entropy takes them for logits. If the model ends with a "
            f"softmax, judge it by {Setting('metric').name}=lambda outputs, targets: F.nll_loss(outputs.log(), targets)"
        )
