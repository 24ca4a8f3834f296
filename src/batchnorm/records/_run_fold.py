"""What came of folding a trained run, or a checkpoint of one's own?"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from ..tables import Table
from ._fold import FoldReport
from ._fold_cells import run_tables, summary_line
from ._run_recalibration import Judgement
from ._shown import Shown
from ._spread import Quartiles, quartiles_text, why_rough


@dataclass(frozen=True, slots=True, repr=False)
class RunFold(Shown):
    """What `batchnorm fold --json` prints.

    `before` and `after` judge the same `judged` images of `data` (`None` for a checkpoint of one's own, of which no
    images are known). The milliseconds are those of a batch of `batch_size`, medians of `calls` calls each, taken in
    turn in one process on `device` with `threads` threads, each with its quartiles; `load` is how many processes wanted
    to run on the `cpus` before (`None`: not known). `trained` is the net before it was recalibrated, where its
    file still lies beside the model's. `written` is the folded net's file, whose bytes have the digest `sha256`.
    """

    VERSION: ClassVar[int] = 1

    run: str
    data: str | None
    report: FoldReport
    judged_on: Literal["test"] | None
    judged: int
    before: Judgement | None
    after: Judgement | None
    batch_size: int
    milliseconds_before: float
    milliseconds_after: float
    calls: int
    device: str
    threads: int
    written: str | None = None
    sha256: str | None = None
    trained: Judgement | None = None
    milliseconds_trained: float | None = None
    quartiles_before: Quartiles | None = None
    quartiles_after: Quartiles | None = None
    quartiles_trained: Quartiles | None = None
    load: float | None = None
    cpus: int | None = None

    def tables(self) -> dict[str, Table]:
        """Return `"norms"` (what became of each) and `"stages"` (how good and how fast the net is at each)."""
        return run_tables(self)

    def summary(self) -> str:
        """Return one line: how many norms folded, how the net did before and does now."""
        return summary_line(self)

    def timing_notes(self) -> tuple[str, ...]:
        """Return lines about how sure the milliseconds are: the quartiles, and why they are rough, if they are."""
        stages = (
            ("as trained", self.milliseconds_trained, self.quartiles_trained),
            (
                "as it was" if self.milliseconds_trained is None else "recalibrated",
                self.milliseconds_before,
                self.quartiles_before,
            ),
            ("folded", self.milliseconds_after, self.quartiles_after),
        )
        known = [(name, median, around) for name, median, around in stages if median is not None and around is not None]
        if not known:
            return ()
        rough = why_rough([(median, around) for _, median, around in known], self.load, self.cpus)
        texts = (f"{quartiles_text(around)} ({name})" for name, _, around in known)
        return (f"quartiles: {', '.join(texts)}", *((f"note: {rough}",) if rough else ()))
