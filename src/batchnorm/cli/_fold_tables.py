"""What does a fold come to, for a reader at a terminal?"""

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from ..records import FoldedNorm, FoldReport, Judgement, RunFold
from ._recalibration_tables import NONE


def norms_table(said: RunFold) -> Table:
    """Return a row per norm: what became of it, and into what it went, or why not."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column("norm", overflow="fold")
    table.add_column("kind", no_wrap=True)
    table.add_column("outcome", no_wrap=True)
    table.add_column("into / why not", overflow="fold", ratio=1)
    for norm in said.report.norms:
        style = {"left": "red", "folded": None}.get(norm.outcome, "yellow")
        table.add_row(escape(norm.name or "(the model)"), escape(norm.kind), norm.outcome, _where(norm), style=style)
    return table


def _where(norm: FoldedNorm) -> str:
    parts = [", ".join(norm.into), norm.reason or ""]
    return escape("; ".join(part for part in parts if part))


def stages_table(said: RunFold) -> Table:
    """Return a row for each stage of the net: as trained, recalibrated, folded."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column("net", no_wrap=True)
    if said.after is not None:
        table.add_column("accuracy", justify="right")
        table.add_column("loss", justify="right")
    table.add_column(f"ms for a batch of {said.batch_size}", justify="right")
    for name, judged, milliseconds in _stages(said):
        table.add_row(name, *_scores(judged), f"{milliseconds:.3g}")
    return table


def _stages(said: RunFold) -> Iterator[tuple[str, Judgement | None, float]]:
    if said.milliseconds_trained is not None:
        yield "as trained", said.trained, said.milliseconds_trained
        yield "recalibrated", said.before, said.milliseconds_before
    else:
        yield "as it was", said.before, said.milliseconds_before
    yield "folded", said.after, said.milliseconds_after


def _scores(judged: Judgement | None) -> Iterator[str]:
    if judged is not None:
        yield f"{judged.accuracy:.4f}"
        yield NONE if judged.loss is None else f"{judged.loss:.4f}"


def lines(said: RunFold) -> Iterator[str]:
    """Yield what stands below the tables: how it was measured, the proof, what else is to be known, where it is."""
    images = f"{said.judged:,} {said.judged_on} images of {said.data}; " if said.data is not None else ""
    yield (
        f"{images}milliseconds: median of {said.calls} calls each, in turn, on {said.device} "
        f"with {said.threads} {'thread' if said.threads == 1 else 'threads'}"
    )
    yield from said.timing_notes()
    yield proof_line(said.report)
    yield from (
        f"F.batch_norm runs in {name or 'the model'}, where no module could be replaced" for name in said.report.loose
    )
    yield from (f"note: {note}" for note in said.report.notes)
    if said.written is not None:
        yield f"written: {said.written}; batchnorm unfold gives back what it was"


def proof_line(report: FoldReport) -> str:
    """Return one sentence about how far the outputs are from what they were."""
    proof = report.proof
    if proof is None:
        return "not proved: --no-verify"
    fine = "not proved in float64" if proof.error_float64 is None else f"{proof.error_float64:.1e} in float64"
    line = f"proof: outputs of {proof.inputs} inputs differ by at most {fine}"
    if proof.dtype != "float64":
        line += f", {proof.error:.1e} in {proof.dtype}"
    if proof.rounding is not None and proof.dtype != "float64":
        line += f", whose rounding alone makes {proof.rounding:.1e}"
    return line
