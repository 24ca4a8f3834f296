"""What did a study come to: which claims are supported on this machine, data and model?"""

from dataclasses import dataclass
from typing import ClassVar

from ..tables import Table
from ._shown import Shown
from ._study_cells import claims_table
from ._study_claim import StudyClaim
from ._study_words import study_summary


@dataclass(frozen=True, slots=True, repr=False)
class Study(Shown):
    """The answers of a study; `batchnorm study run --json` prints it, and `result.json` in its folder holds it.

    Attributes:
        claims: each with its verdict.
        budget: `"quick"`, `"standard"` or `"thorough"`.
        data: which data set.
        model: the net in the place of each claim's own; None: the claim's own.
        seeds: how many of each arm were asked for; None: as many as the budget says.
        versions: of batchnorm, torch, Python and so on, by name.
        machine: the processor and how many cores it has.
        threads: of each process.
        processes: how many runs went on at once.
        seconds: how long all of it took, over all resumptions.
        notes: what else is to be known.
    """

    VERSION: ClassVar[int] = 1

    claims: tuple[StudyClaim, ...]
    budget: str
    data: str
    model: str | None
    seeds: int | None
    versions: dict[str, str]
    machine: str
    threads: int
    processes: int
    seconds: float
    notes: tuple[str, ...] = ()

    def summary(self) -> str:
        """Return one line: how many claims are supported, not supported, and undecided."""
        return study_summary(self)

    def tables(self) -> dict[str, Table]:
        """Return `"claims"`, a row for each claim; and by the id of each claim what was compared for it."""
        return {"claims": claims_table(self), **{claim.id: claim.table() for claim in self.claims}}
