"""Plain data that is written to files and read back: what a training, a recalibration, a prediction came to.

Nothing here knows torch. A record is written as one JSON object that begins with its own name and version,
so that a reader knows what it holds; reading looks the name up in `RECORDS`, so a file cannot name code.
"""

from ._fold import FoldedNorm as FoldedNorm
from ._fold import FoldProof as FoldProof
from ._fold import FoldReport as FoldReport
from ._json import RECORDS as RECORDS
from ._json import from_json as from_json
from ._json import make_record as make_record
from ._json import to_dict as to_dict
from ._json import to_json as to_json
from ._recalibration import Certificate as Certificate
from ._recalibration import NormRecalibration as NormRecalibration
from ._recalibration import Numbers as Numbers
from ._recalibration import Recalibration as Recalibration
from ._recalibration import Round as Round
from ._run_fold import RunFold as RunFold
from ._run_recalibration import Judgement as Judgement
from ._run_recalibration import RunRecalibration as RunRecalibration
from ._spread import Quartiles as Quartiles
from ._spread import quartiles_text as quartiles_text
from ._spread import why_rough as why_rough
from ._training import ClassScores as ClassScores
from ._training import EpochRecord as EpochRecord
from ._training import Evaluation as Evaluation
from ._training import Prediction as Prediction
from ._training import Scores as Scores
from ._training import TrainResult as TrainResult
from ._wiring import HANDS_ON as HANDS_ON
from ._wiring import INPUT as INPUT
from ._wiring import KEPT as KEPT
from ._wiring import RETURNED as RETURNED
from ._wiring import WiringOutcome as WiringOutcome
from ._wiring import WiringRecord as WiringRecord
from ._wiring import WiringRow as WiringRow
