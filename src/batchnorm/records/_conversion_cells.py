"""What does a conversion come to, in cells and words?"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..tables import Cell, Column, Mark, Table, counted
from ._fold_cells import power

if TYPE_CHECKING:
    from ._conversion import ConvertedNorm, ConvertProof, ConvertReport

_MARKS: dict[str, Mark] = {"left": "bad"}


def norms_table(report: "ConvertReport") -> Table:
    """Return a row per norm: what it was and is, and why it was left."""
    columns = (
        Column("norm", "left", wrap=True),
        Column("was", "left", drop=1),
        Column("is", "left"),
        Column("outcome", "left"),
        Column("why / how", "left", wrap=True),
    )
    proof = () if report.proof is None else (_proof_line(report.proof),)
    notes = (*proof, *(f"note: {note}" for note in report.notes))
    return Table(columns, tuple(tuple(_row(norm)) for norm in report.norms), summary(report), notes)


def _row(norm: "ConvertedNorm") -> Iterator[Cell]:
    for text in (norm.name, norm.kind, norm.becomes, norm.outcome, norm.reason or norm.detail or ""):
        yield Cell(text, _MARKS.get(norm.outcome, ""))


def summary(report: "ConvertReport") -> str:
    """Return one line: how many norms were changed, and into what."""
    outcome = "converted" if report.verb == "convert" else "reverted"
    done = [norm for norm in report.norms if norm.outcome == outcome]
    kinds = " and ".join(dict.fromkeys(norm.becomes for norm in done))
    parts = [f"{len(done)} of {counted(len(report.norms), 'norm')} {outcome}{f' to {kinds}' if kinds else ''}"]
    already, left = len(report.named("already")), len(report.named("left"))
    so = "so" if report.verb == "convert" else f"what {_was(already)}"
    parts += [f"{already} already {so}"] if already else []
    parts += [f"{left} left as {_was(left)}"] if left else []
    return f"{', '.join(parts)}{_proved(report)}"


def _was(count: int) -> str:
    return "it was" if count == 1 else "they were"


def _proved(report: "ConvertReport") -> str:
    if report.proof is None:
        return ""
    return f"; equal in {' and '.join(report.proof.modes)} to {power(report.proof.error)}"


def _proof_line(proof: "ConvertProof") -> str:
    what = "outputs, gradients and buffers" if "training" in proof.modes else "outputs"
    fine = "" if proof.error_float64 is None else f", {proof.error_float64:.1e} in float64"
    return (
        f"proof: {what} of {counted(proof.inputs, 'input')} in {' and '.join(proof.modes)} differ by at most "
        f"{proof.error:.1e} in {proof.dtype}{fine}"
    )
