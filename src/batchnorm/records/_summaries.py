"""What does a recalibration or a fold come to, in one line for a training that ends with it?"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._recalibration import NormRecalibration
    from ._run_fold import RunFold
    from ._run_recalibration import Judgement, RunRecalibration

STALE = 0.1
"""The drift, averaged over a norm's channels, from which on its statistics count as stale."""
NONE = "–"  # noqa: RUF001 - a dash, not a minus


def recalibration_line(said: "RunRecalibration") -> str:
    """Return one line for a training that ends with a recalibration."""
    record = said.recalibration
    stale = sum(map(_is_stale, record.norms))
    line = f"recalibrated ({record.method}) by {record.samples:,} images in {record.seconds:.1f} s: "
    line += f"{stale} of {len(record.norms)} norms were stale"
    if record.certificate is not None:
        line += f", {record.certificate.settled} are settled within {record.certificate.tolerance:g}"
    if said.before is not None and said.after is not None:
        line += f"; {said.judged_on} {_change(said.before, said.after)}"
    return line


def _change(before: "Judgement", after: "Judgement") -> str:
    losses = [NONE if one.loss is None else f"{one.loss:.4f}" for one in (before, after)]
    return f"loss {losses[0]} -> {losses[1]}, accuracy {before.accuracy:.4f} -> {after.accuracy:.4f}"


def _is_stale(norm: "NormRecalibration") -> bool:
    drifts = (norm.drift_mean_average, norm.drift_var_average)
    return any(drift is None or drift > STALE for drift in drifts)


def fold_line(said: "RunFold") -> str:
    """Return one line for a training that ends with a fold."""
    counts = {outcome: len(said.report.named(outcome)) for outcome in ("folded", "shift", "scale-shifted", "left")}
    line = "folded: " + ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count)
    if said.before is not None and said.after is not None:
        line += f"; test accuracy {said.before.accuracy:.4f} -> {said.after.accuracy:.4f}"
    line += f"; {said.milliseconds_before:.3g} -> {said.milliseconds_after:.3g} ms for a batch of {said.batch_size}"
    return line + (f"; written: {said.written}" if said.written else "")
