"""What does a recalibration come to, for a reader at a terminal?"""

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from ..records import Judgement, NormRecalibration, Numbers, Recalibration, RunRecalibration
from ..report import is_stale

NONE = "–"  # noqa: RUF001 - a dash, not a minus


LEGEND = (
    "drift: average over the channels (and the worst); means in sigmas, variances as |log ratio|; red: stale",
    "error: standard error of the new mean, worst channel; enough: so many samples would bring it to 0.01",
)


def norms_table(record: Recalibration) -> Table:
    """Return a row per norm: how far its statistics were off, how sure the new ones are, what is left."""
    batches = "1 batch" if record.batches == 1 else f"{record.batches:,} batches"
    title = f"{record.method}, {record.variance} variance, {record.samples:,} samples in {batches}"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column("norm", overflow="fold", ratio=1)
    for heading in _headings(record):
        table.add_column(heading, justify="right", no_wrap=True)
    for norm in record.norms:
        table.add_row(*_row(norm, record), style="red" if is_stale(norm) else None)
    return table


def _headings(record: Recalibration) -> Iterator[str]:
    if record.depth is not None:
        yield "depth"
    yield from ("mean drift", "var. drift", "error", "enough")
    if record.certificate is not None:
        yield "residual"


def _row(norm: NormRecalibration, record: Recalibration) -> Iterator[str]:
    name = norm.name or "(the model)"
    yield escape(name if norm.state == record.method else f"{name} ({norm.state})")
    if record.depth is not None:
        yield NONE if norm.depth is None else str(norm.depth)
    yield _drift(norm.drift_mean_average, norm.drift_mean_max)
    yield _drift(norm.drift_var_average, norm.drift_var_max)
    yield _number(_largest(norm.standard_error))
    yield NONE if norm.samples_enough is None else f"{norm.samples_enough:,}"
    if record.certificate is not None:
        yield _number(_worse(norm.residual_mean, norm.residual_var))


def lines(said: RunRecalibration) -> Iterator[str]:
    """Yield what stands below the table: what was left alone, the certificate, how the net does, where it is."""
    record = said.recalibration
    for name, reason in record.skipped.items():
        yield f"left alone: {name or 'the model'} ({reason})"
    yield certificate_line(record)
    if said.before is not None and said.after is not None:
        yield f"{said.judged:,} {said.judged_on} images of {said.data}: {_change(said.before, said.after)}"
    if said.written is not None:
        yield f"written: {said.written}" + (f"; as it was: {said.kept}" if said.kept else "")


def certificate_line(record: Recalibration) -> str:
    """Return one sentence about how exact the statistics are, as measured."""
    found = record.certificate
    if found is None:
        return f"no certificate: --certify measures what is left; data {record.fingerprint}, {record.dtype}"
    deep = "" if record.exact_depth is None else f", exact down to depth {record.exact_depth} of {record.depth}"
    return (
        f"certificate: {found.settled} of {found.norms} norms within {found.tolerance:g}{deep}; residual "
        f"{_number(found.residual_mean)} sigmas (mean), {_number(found.residual_var)} (variance); "
        f"{found.samples:,} samples, data {found.fingerprint}, {found.dtype}"
    )


def _change(before: Judgement, after: Judgement) -> str:
    losses = [NONE if one.loss is None else f"{one.loss:.4f}" for one in (before, after)]
    return f"loss {losses[0]} -> {losses[1]}, accuracy {before.accuracy:.4f} -> {after.accuracy:.4f}"


def _drift(average: float | None, largest: float | None) -> str:
    # Two places: so the name of a layer has room beside them on a terminal of 80 columns.
    first, second = (NONE if one is None else f"{one:.2f}" if one < 100 else f"{one:.0e}" for one in (average, largest))
    return f"{first} ({second})"


def _number(value: float | None) -> str:
    if value is None:
        return NONE
    return f"{value:.0e}" if value and not 1e-3 <= value < 100 else f"{value:.2g}"


def _largest(values: Numbers | None) -> float | None:
    return max((value for value in values or () if value is not None), default=None)


def _worse(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else max(one, other)
