"""What is claimed of batch norm, measured on one's own machine, data and model, with verdicts by rules fixed before."""

from ._arm import Arm as Arm
from ._claim import Advice as Advice
from ._claim import Claim as Claim
from ._comparison import Comparison as Comparison
from ._figure import Figure as Figure
from ._folder import is_study as is_study
from ._folder import read_study as read_study
from ._listed import claim_data as claim_data
from ._listed import claim_table as claim_table
from ._listed import claims_table as claims_table
from ._measured import Measured as Measured
from ._options import StudyOptions as StudyOptions
from ._own_claim import find_claim as find_claim
from ._run import Run as Run
from ._scope import Scope as Scope
from ._search import Search as Search
from ._study import run_study as run_study
from .claims import CLAIMS as CLAIMS

__all__ = [
    "CLAIMS",
    "Advice",
    "Arm",
    "Claim",
    "Comparison",
    "Figure",
    "Measured",
    "Run",
    "Scope",
    "Search",
    "read_study",
    "run_study",
]


def __dir__() -> list[str]:
    return __all__
