"""How does what was done become the record that is returned?"""

import math

import torch
from torch import Tensor

from ...measuring import Distance, Pass, Passes, Statistics
from ...records import Certificate, NormRecalibration, Recalibration
from ._options import RecalibrationOptions
from ._outcome import Outcome, finite, worst
from ._state import State

ENOUGH = 0.01
"""The standard error, in sigmas, that counts as enough samples."""


def record_of(
    passes: Passes,
    state: State,
    outcome: Outcome,
    options: RecalibrationOptions,
    *,
    seconds: float,
) -> Recalibration:
    """Make the record, after everything is written."""
    first = _first(outcome)
    norms = _norms(passes, state, outcome)
    return Recalibration(
        method=options.method,
        variance=options.variance,
        samples=first.samples,
        batches=first.batches,
        ranks=passes.ranks.size,
        depth=max(outcome.depths.values()) if outcome.depths else None,
        exact_depth=_exact_depth(outcome) if options.method == "exact" else None,
        seconds=seconds,
        dtype=_dtype(passes, outcome),
        fingerprint=first.fingerprint,
        norms=norms,
        skipped=outcome.skipped,
        rounds=tuple(outcome.rounds),
        certificate=_certificate(passes, state, outcome, options.tolerance),
        notes=tuple(outcome.notes),
    )


def _norms(passes: Passes, state: State, outcome: Outcome) -> tuple[NormRecalibration, ...]:
    first = _first(outcome)
    latest = outcome.last or first
    drift, now = state.drift(), state.read()
    residual = state.residual(outcome.last.measured) if outcome.last else None
    error = latest.measured.standard_error() / (now.var + state.eps).sqrt()
    return tuple(_norm(passes, state, outcome, index, latest, drift, now, error, residual) for index in outcome.written)


def _norm(
    passes: Passes,
    state: State,
    outcome: Outcome,
    index: int,
    latest: Pass,
    drift: Distance,
    now: Statistics,
    error: Tensor,
    residual: Distance | None,
) -> NormRecalibration:
    part = passes.layout.slices[index]
    norm, first = passes.norms[index], _first(outcome)
    shift, left = drift.on(part), residual.on(part) if residual else None
    known = bool((latest.measured.batches[part] > 1).all())
    return NormRecalibration(
        name=norm.name,
        kind=norm.kind,
        state=outcome.states[index],
        depth=outcome.depths.get(index),
        calls=first.calls[index] / first.batches,
        count=int(torch.as_tensor(first.measured.moments.count)[part.start]),
        old_mean=_numbers(state.old.mean[part]),
        old_var=_numbers(state.old.var[part]),
        new_mean=_numbers(now.mean[part]),
        new_var=_numbers(now.var[part]),
        drift_mean_max=finite(float(shift.mean.max())),
        drift_mean_average=finite(float(shift.mean.mean())),
        drift_var_max=finite(float(shift.var.max())),
        drift_var_average=finite(float(shift.var.mean())),
        standard_error=_numbers(error[part]) if known else None,
        samples_enough=_samples_enough(error[part], latest.samples) if known else None,
        residual_mean=finite(float(left.mean.max())) if left else None,
        residual_var=finite(float(left.var.max())) if left else None,
    )


def _samples_enough(error: Tensor, samples: int) -> int | None:
    """A standard error falls with the root of the number of samples."""
    needed = samples * (float(error.max()) / ENOUGH) ** 2
    return math.ceil(needed) if math.isfinite(needed) else None


def _certificate(passes: Passes, state: State, outcome: Outcome, tolerance: float) -> Certificate | None:
    if outcome.last is None:
        return None
    measured = outcome.last.measured
    residual, settled = state.residual(measured), state.settled(measured, tolerance)
    return Certificate(
        settled=sum(settled[norm] for norm in outcome.written),
        norms=len(outcome.written),
        residual_mean=finite(worst(passes.layout.largest(residual.mean), outcome.written)),
        residual_var=finite(worst(passes.layout.largest(residual.var), outcome.written)),
        tolerance=tolerance,
        dtype=_dtype(passes, outcome),
        fingerprint=_first(outcome).fingerprint,
        samples=outcome.last.samples,
    )


def _exact_depth(outcome: Outcome) -> int:
    """The depth down to which every norm is exact."""
    open_depths = [depth for norm, depth in outcome.depths.items() if outcome.states.get(norm) != "exact"]
    return min(open_depths) - 1 if open_depths else max(outcome.depths.values())


def _dtype(passes: Passes, outcome: Outcome) -> str:
    found = {str(passes.norms[index].var.dtype).removeprefix("torch.") for index in outcome.written}
    return ", ".join(sorted(found))


def _first(outcome: Outcome) -> Pass:
    if outcome.first is None:
        raise RuntimeError("a record is made after the first pass")
    return outcome.first


def _numbers(values: Tensor) -> tuple[float | None, ...]:
    return tuple(map(finite, values.tolist()))
