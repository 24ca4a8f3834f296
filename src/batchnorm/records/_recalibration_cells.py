"""What does a recalibration come to, in cells and words?"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..tables import NONE, Cell, Column, Mark, Table, counted, decimals, two_digits

if TYPE_CHECKING:
    from ._recalibration import NormRecalibration, Numbers, Recalibration
    from ._run_recalibration import Judgement, RunRecalibration

STALE = 0.1
"""The drift, averaged over a norm's channels, from which on its statistics count as stale."""

LEGEND = (
    "drift: average over the channels (and the worst); means in sigmas, variances as |log ratio|; "
    f"*: stale, an average beyond {STALE:g}",
    "error: standard error of the new mean, worst channel; enough: so many samples would bring it to 0.01",
)


def norms_table(record: "Recalibration", *more: str) -> Table:
    """Return a row per norm: how far its statistics were off, how sure the new ones are, what is left.

    Args:
        record: the recalibration.
        more: notes that stand below its own.
    """
    has_depth, has_residual = record.depth is not None, record.certificate is not None
    columns = (
        Column("norm", "left", wrap=True),
        *((Column("depth", drop=4),) if has_depth else ()),
        Column("mean drift"),
        Column("var. drift"),
        Column("error", drop=2),
        Column("enough", drop=3),
        *((Column("residual", drop=1),) if has_residual else ()),
    )
    rows = tuple(tuple(_row(norm, record)) for norm in record.norms)
    batches = counted(record.batches, "batch", "batches")
    title = f"{record.method}, {record.variance} variance, {counted(record.samples, 'sample')} in {batches}"
    return Table(columns, rows, title, (*LEGEND, *_notes(record), *more))


def _row(norm: "NormRecalibration", record: "Recalibration") -> Iterator[Cell]:
    mark: Mark = "bad" if norm.is_stale else ""
    yield Cell(_name(norm, record), mark)
    if record.depth is not None:
        yield Cell(NONE if norm.depth is None else str(norm.depth), mark)
    yield Cell(_drift(norm.drift_mean_average, norm.drift_mean_max), mark)
    yield Cell(_drift(norm.drift_var_average, norm.drift_var_max), mark)
    yield Cell(two_digits(_largest(norm.standard_error)), mark)
    yield Cell(NONE if norm.samples_enough is None else f"{norm.samples_enough:,}", mark)
    if record.certificate is not None:
        yield Cell(two_digits(_worse(norm.residual_mean, norm.residual_var)), mark)


def _name(norm: "NormRecalibration", record: "Recalibration") -> str:
    name = (norm.name or "(the model)") + ("*" if norm.is_stale else "")
    return name if norm.state == record.method else f"{name} ({norm.state})"


def _notes(record: "Recalibration") -> Iterator[str]:
    yield from (f"left alone: {name or 'the model'} ({reason})" for name, reason in record.skipped.items())
    yield from (f"note: {note}" for note in record.notes)
    yield certificate_line(record)


def certificate_line(record: "Recalibration") -> str:
    """Return one sentence about how exact the statistics are, as measured."""
    found = record.certificate
    if found is None:
        return f"no certificate: the residual was not measured; data {record.fingerprint}, {record.dtype}"
    deep = "" if record.exact_depth is None else f", exact down to depth {record.exact_depth} of {record.depth}"
    return (
        f"certificate: {found.settled} of {found.norms} norms within {found.tolerance:g}{deep}; residual "
        f"{two_digits(found.residual_mean)} sigmas (mean), {two_digits(found.residual_var)} (variance); "
        f"{found.samples:,} samples, data {found.fingerprint}, {found.dtype}"
    )


def run_table(said: "RunRecalibration") -> Table:
    """Return the table of what was done, with how the net does and where it is below it."""
    return norms_table(said.recalibration, *_run_notes(said))


def _run_notes(said: "RunRecalibration") -> Iterator[str]:
    if said.before is not None and said.after is not None:
        yield f"{said.judged:,} {said.judged_on} images of {said.data}: {_change(said.before, said.after)}"
    if said.written is not None:
        yield f"written: {said.written}" + (f"; as it was: {said.kept}" if said.kept else "")


def summary_line(said: "RunRecalibration") -> str:
    """Return one line for a training that ends with a recalibration."""
    record = said.recalibration
    stale = sum(norm.is_stale for norm in record.norms)
    line = f"recalibrated ({record.method}) by {record.samples:,} images in {record.seconds:.1f} s: "
    line += f"{stale} of {len(record.norms)} norms were stale"
    if record.certificate is not None:
        line += f", {record.certificate.settled} are settled within {record.certificate.tolerance:g}"
    if said.before is not None and said.after is not None:
        line += f"; {said.judged_on} {_change(said.before, said.after)}"
    return line


def _change(before: "Judgement", after: "Judgement") -> str:
    return (
        f"loss {decimals(before.loss)} -> {decimals(after.loss)}, "
        f"accuracy {before.accuracy:.4f} -> {after.accuracy:.4f}"
    )


def _drift(average: float | None, largest: float | None) -> str:
    # Two places: so the name of a layer has room beside them on a terminal of 80 columns.
    first, second = (NONE if one is None else f"{one:.2f}" if one < 100 else f"{one:.0e}" for one in (average, largest))
    return f"{first} ({second})"


def channels_table(norm: "NormRecalibration") -> Table:
    """Return a row per channel of one norm: its statistics before and after."""
    columns = (
        Column("channel"),
        Column("old mean"),
        Column("new mean"),
        Column("old var."),
        Column("new var."),
        *((Column("error", drop=1),) if norm.standard_error is not None else ()),
    )
    pairs = (norm.old_mean, norm.new_mean, norm.old_var, norm.new_var)
    numbers = pairs if norm.standard_error is None else (*pairs, norm.standard_error)
    rows = tuple((str(number), *map(_four_digits, row)) for number, row in enumerate(zip(*numbers, strict=True)))
    return Table(columns, rows, f"{norm.name or '(the model)'} ({norm.kind}), {norm.count:,} values per channel")


def _four_digits(value: float | None) -> str:
    return NONE if value is None else f"{value:.4g}"


def _largest(values: "Numbers | None") -> float | None:
    return max((value for value in values or () if value is not None), default=None)


def _worse(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else max(one, other)
