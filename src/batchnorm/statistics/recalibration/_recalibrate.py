"""What are the statistics of a trained model on the data that it will meet?"""

import time
from collections.abc import Iterable
from typing import Any, Literal

import torch
import torch.distributed as dist
from torch import nn

from ...calls import ForwardFn, Reader
from ...measuring import Batches, Passes, Question
from ...norms import Norm, find_norms
from ...progress import RecalibrationWatcher, recalibration_shown
from ...ranks import Ranks
from ...records import Recalibration
from ...transaction import check_not_held, original, rng_state, transaction, verb
from ..moving import check_not_blended
from ._agreement import agree, prove_equal
from ._average import average
from ._choose import choose
from ._exact import exact
from ._options import RecalibrationOptions, check_given, check_whole
from ._outcome import Outcome, round_of
from ._record import record_of
from ._state import State


@verb
def recalibrate(
    model: nn.Module,
    loader: Iterable[Any],
    *,
    method: Literal["average", "exact"] = "average",
    variance: Literal["unbiased", "biased"] = "unbiased",
    max_samples: int | None = None,
    max_rounds: int | None = None,
    keep_partial: bool = False,
    include_frozen: bool = False,
    forward_fn: ForwardFn | None = None,
    tolerance: float = 1e-4,
    certify: bool = False,
    group: dist.ProcessGroup | None = None,
    watcher: RecalibrationWatcher | None = None,
    progress: bool = False,
) -> Recalibration:
    """Recompute the running statistics of every norm layer from the data of a loader, with the weights as they are now.

    Use it where running statistics do not fit the weights: after averaging, merging, pruning or quantizing them, after
    training with small batches or for a short time, or for data of another kind.

    average:  mean, var of the input of each norm layer, while the layers before it normalize by the current batch
    exact:    mean, var of the input of each norm layer, while the layers before it normalize by their new statistics

    Both merge all batches in float64, each weighted by its count, with the variance between the batches. `average`
    reads the data once. Its statistics are those of inputs that were normalized by batches: right for large batches,
    and worse than none for tiny ones. `exact` does not depend on the batch size: evaluation then gives what training
    mode gives for all data as a single batch (up to rounding, with `variance="biased"`). It reads the data once for
    each depth of the model, each time only up to the layers that it settles, and once more to measure the error that is
    left, for the certificate in the record.

    In place, all or nothing: if the loader or the model raises, or Ctrl-C is pressed, the model, its modes, its
    gradients and the random state are as before; otherwise only the statistics change. Dropout is off, nothing is
    trained, and `num_batches_tracked` stays. A norm layer is any module with `running_mean` and `running_var`:
    PyTorch's, this library's, torchvision's, timm's. Frozen ones, those that are never called, those without
    statistics, and those whose input cannot be identified are left alone and named in the record.

    Args:
        model: in any mode. DistributedDataParallel, DataParallel and `torch.compile` are seen through.
        loader: an iterable of batches: tensors, objects with tensors in them, tuples or lists, of which the model gets
            as many members as its forward needs, or dicts, which it gets as keyword arguments. It should give what
            training gave: augmented, if the model was trained so.
        method: `"average"` or `"exact"`. `"exact"` needs a loader that gives the same samples every time.
        variance: what is stored: `"unbiased"`, as training does, or `"biased"`.
        max_samples: stop after so many, on each rank; a last batch is cut (not with `forward_fn`).
        max_rounds: the most passes over the data, the first and the last one included; at least 2.
        keep_partial: keep what is exact when the rounds run out, or the certificate fails, instead of raising.
        include_frozen: give frozen norms new statistics, too.
        forward_fn: `forward_fn(model, batch)` calls the model; tensors in the batch are on its device.
        tolerance: the largest residual of a norm that counts as settled, beyond rounding to the buffers' dtype.
        certify: measure the residual after `average`, too, at the price of one more pass.
        group: the processes that share the data, each with its own part; None: all, where torch.distributed runs.
        watcher: hears of rounds, batches and notes.
        progress: show a bar on a terminal or in a notebook, in the first of several processes.

    Raises:
        InputError: no norm, no batch, data that are not finite, one value per channel (average), a loader that can
            be read once (exact), an argument out of range. It is a ValueError.
        InputTypeError: an argument or a batch of another type. It is a TypeError.
        RefusedError: the loader does not repeat, `max_rounds` do not suffice, the certificate fails, a norm has seen
            no batch yet, or another process failed. It is a RuntimeError.

    Example:
        >>> from batchnorm import recalibrate
        >>> net = nn.Sequential(nn.BatchNorm1d(1), nn.ReLU(), nn.BatchNorm1d(1))
        >>> data = torch.tensor([[0.0], [2.0], [4.0]])
        >>> record = recalibrate(net, data.split(1), method="exact", variance="biased")
        >>> net[0].running_mean, net[0].running_var
        (tensor([2.]), tensor([2.6667]))
        >>> (net.eval()(data) - net.train()(data)).abs().max() < 1e-6
        tensor(True)
        >>> record.certificate.settled, record.certificate.norms
        (2, 2)

    Source: Wu and Johnson, "Rethinking 'Batch' in BatchNorm", 2021, section 3 (population statistics); Ioffe and
    Szegedy, 2015, algorithm 2.
    """
    start = time.perf_counter()
    device = _device(model)
    ranks = Ranks(group, device, "recalibrate")
    with (
        ranks.telling(),
        recalibration_shown(watcher, progress=progress and ranks.rank == 0) as told,
        torch.inference_mode(mode=False),
        torch.no_grad(),
    ):
        options = RecalibrationOptions(method, variance, max_rounds, keep_partial, include_frozen, tolerance, certify)
        check_whole("max_samples", max_samples, least=1)
        check_given(model, loader, options, forward_fn)
        check_not_held(model)
        check_not_blended(model)
        find_norms(model)  # a lazy one is named before anything begins
        batches = Batches(loader, Reader(original(model)[0], "recalibrate", forward_fn), max_samples, device)
        with transaction(model) as change:
            outcome = Outcome(told)
            rng = rng_state([device], batches.generators)
            norms, habits = choose(change, batches, rng, ranks, outcome, include_frozen=options.include_frozen)
            change.evaluate()
            passes = Passes(change, norms, habits, batches, ranks, rng, told.batch)
            state = State(norms, passes.layout, options.variance)
            for note in (*change.notes, *outcome.early):
                outcome.note(note)
            agree(passes, state, outcome, options)
            if options.method == "exact":
                exact(passes, state, outcome, options)
            else:
                average(passes, state, outcome)
                if options.certify:
                    _measure(passes, state, outcome)
            _name_uncalled(norms, outcome)
            record = record_of(
                passes,
                state,
                outcome,
                options,
                seconds=time.perf_counter() - start,
            )
            prove_equal(passes, state, outcome)
            for index in outcome.written:
                change.keep(norms[index].mean, norms[index].var)
            ranks.finish()
    return record


def _device(model: object) -> torch.device:
    if isinstance(model, nn.Module):
        for tensor in (*model.parameters(), *model.buffers()):
            return tensor.device
    return torch.device("cpu")


def _measure(passes: Passes, state: State, outcome: Outcome) -> None:
    done = passes.run(Question(outcome.written))
    outcome.last = done
    residual = state.residual(done.measured)
    outcome.rounds.append(round_of(passes, done, "certificate", None, outcome.written, residual))


def _name_uncalled(norms: list[Norm], outcome: Outcome) -> None:
    for index, norm in enumerate(norms):
        if index not in outcome.written and norm.name not in outcome.skipped:
            outcome.skipped[norm.name] = "no batch reached it"
