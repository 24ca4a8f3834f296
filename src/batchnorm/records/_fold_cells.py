"""What does a fold come to, in cells and words?"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..tables import Cell, Column, Mark, Table, counted, decimals, milliseconds

if TYPE_CHECKING:
    from ._fold import FoldedNorm, FoldProof, FoldReport
    from ._run_fold import RunFold
    from ._run_recalibration import Judgement

MARKS: dict[str, Mark] = {"folded": "", "shift": "warning", "scale-shifted": "warning", "left": "bad"}
_REST = {
    "shift": ("folded but for its shift", "folded but for their shift"),
    "scale-shifted": ("made a scale-shift", "made scale-shifts"),
    "left": ("left as it was", "left as they were"),
}
"""What is said of one norm, and of several."""


def report_tables(report: "FoldReport") -> dict[str, Table]:
    """Return the norms, under what it came to in one line."""
    notes = (proof_line(report.proof), *_notes(report), _costs(report))
    return {"norms": norms_table(report, notes)}


def norms_table(report: "FoldReport", notes: tuple[str, ...] = ()) -> Table:
    """Return a row per norm: what became of it, and into what it went, or why not."""
    columns = (
        Column("norm", "left", wrap=True),
        Column("kind", "left", drop=1),
        Column("outcome", "left"),
        Column("into / why not", "left", wrap=True),
    )
    rows = tuple(tuple(_row(norm)) for norm in report.norms)
    return Table(columns, rows, summary(report), notes)


def _row(norm: "FoldedNorm") -> Iterator[Cell]:
    into = "; ".join(part for part in (", ".join(norm.into), norm.reason or "") if part)
    for text in (norm.name or "(the model)", norm.kind, norm.outcome, into):
        yield Cell(text, MARKS.get(norm.outcome, "warning"))


def summary(report: "FoldReport") -> str:
    """Return one line: how many norms folded, and how far the outputs are from what they were."""
    if not report.norms:
        return "no batch norm is a module of the model: nothing was folded"
    return f"{counts(report)}; {'not proved' if report.proof is None else _equal(report.proof)}"


def counts(report: "FoldReport") -> str:
    """Return how many norms folded, and what became of the others."""
    folded = f"{len(report.named('folded'))} of {counted(len(report.norms), 'norm')} folded"
    rest = ((len(report.named(outcome)), words) for outcome, words in _REST.items())
    return ", ".join([folded, *(f"{count} {words[count > 1]}" for count, words in rest if count)])


def _equal(proof: "FoldProof") -> str:
    fine, own = proof.error_float64, power(proof.error)
    if proof.dtype == "float64":
        return f"outputs equal to {own} in float64"
    if fine is None:
        return f"outputs equal to {own} in {proof.dtype} (not proved in float64)"
    return f"outputs equal to {power(fine)} in float64 ({own} in {proof.dtype})"


def power(error: float) -> str:
    """One digit that counts: `6e-7`."""
    return f"{error:.0e}".replace("e-0", "e-") if error else "0"


def _notes(report: "FoldReport") -> Iterator[str]:
    for name in report.loose:
        yield f"F.batch_norm runs in {name or 'the model'}, where no module could be replaced"
    yield from (f"note: {note}" for note in report.notes)


def _costs(report: "FoldReport") -> str:
    before, after = report.milliseconds_before, report.milliseconds_after
    time = "" if before is None or after is None else f"; one call: {milliseconds(before)} -> {milliseconds(after)} ms"
    return f"parameters and statistics: {report.parameters_before:,} -> {report.parameters_after:,}{time}"


def proof_line(proof: "FoldProof | None") -> str:
    """Return one sentence about how far the outputs are from what they were."""
    if proof is None:
        return "not proved: the outputs were not compared"
    fine = "not proved in float64" if proof.error_float64 is None else f"{proof.error_float64:.1e} in float64"
    line = f"proof: outputs of {counted(proof.inputs, 'input')} differ by at most {fine}"
    if proof.dtype != "float64":
        line += f", {proof.error:.1e} in {proof.dtype}"
    if proof.rounding is not None and proof.dtype != "float64":
        line += f", whose rounding alone makes {proof.rounding:.1e}"
    return line


def run_tables(said: "RunFold") -> dict[str, Table]:
    """Return the norms, and the net's stages."""
    return {"norms": norms_table(said.report), "stages": _stages_table(said)}


def _stages_table(said: "RunFold") -> Table:
    """Return a row for each stage of the net: as trained, recalibrated, folded."""
    judged = said.after is not None
    columns = (
        Column("net", "left"),
        *((Column("accuracy"), Column("loss")) if judged else ()),
        Column(f"ms for a batch of {said.batch_size}"),
    )
    rows = tuple(
        (name, *(_scores(scores) if judged else ()), milliseconds(time)) for name, scores, time in _stages(said)
    )
    return Table(columns, rows, notes=tuple(_run_notes(said)))


def _stages(said: "RunFold") -> "Iterator[tuple[str, Judgement | None, float]]":
    if said.milliseconds_trained is not None:
        yield "as trained", said.trained, said.milliseconds_trained
        yield "recalibrated", said.before, said.milliseconds_before
    else:
        yield "as it was", said.before, said.milliseconds_before
    yield "folded", said.after, said.milliseconds_after


def _scores(judged: "Judgement | None") -> tuple[str, str]:
    return ("", "") if judged is None else (decimals(judged.accuracy), decimals(judged.loss))


def _run_notes(said: "RunFold") -> Iterator[str]:
    """Yield how it was measured, the proof, what else is to be known, where it is."""
    images = f"{said.judged:,} {said.judged_on} images of {said.data}; " if said.data is not None else ""
    yield (
        f"{images}milliseconds: median of {said.calls} calls each, in turn, on {said.device} "
        f"with {counted(said.threads, 'thread')}"
    )
    yield from said.timing_notes()
    yield proof_line(said.report.proof)
    yield from _notes(said.report)
    if said.written is not None:
        yield f"written: {said.written}; batchnorm unfold gives back what it was"


def summary_line(said: "RunFold") -> str:
    """Return one line for a training that ends with a fold."""
    line = counts(said.report)
    if said.before is not None and said.after is not None:
        line += f"; test accuracy {said.before.accuracy:.4f} -> {said.after.accuracy:.4f}"
    before, after = milliseconds(said.milliseconds_before), milliseconds(said.milliseconds_after)
    line += f"; {before} -> {after} ms for a batch of {said.batch_size}"
    return line + (f"; written: {said.written}" if said.written else "")
