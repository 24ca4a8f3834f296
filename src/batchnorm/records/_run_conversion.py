"""What came of converting the norms in a file?"""

from dataclasses import dataclass, replace
from typing import ClassVar

from ..tables import Table
from ._conversion import ConvertReport
from ._conversion_cells import norms_table
from ._shown import Shown


@dataclass(frozen=True, slots=True, repr=False)
class RunConversion(Shown):
    """What `batchnorm convert --json` prints.

    Attributes:
        run: the file, or the run whose model it was.
        report: what became of each norm. Where nothing but tensors is known, classes are named by what they hold.
        written: the new file.
        sha256: the digest of its bytes.
    """

    VERSION: ClassVar[int] = 1

    run: str
    report: ConvertReport
    written: str
    sha256: str

    def tables(self) -> dict[str, Table]:
        """Return `"norms"`: what each was and is, or why it was left."""
        table = norms_table(self.report)
        return {"norms": replace(table, notes=(*table.notes, f"written: {self.written}"))}

    def summary(self) -> str:
        """Return one line: how many norms were converted, and where the file is."""
        return f"{self.report.summary()}; written: {self.written}"
