"""Results of trainings, evaluations, recalibrations, folds and benchmarks: data to print, write and read back.

`print(record)` shows tables, `record.table()` is the first of them as data, `to_json` and `from_json` write and read.
The JSON object of a record begins with its name and version. When it is read, the name is looked up in `RECORDS`, so
that a file cannot choose which code runs. Nothing here imports torch.
"""

from ._benchmark import Benchmark as Benchmark
from ._benchmark import Conditions as Conditions
from ._benchmark import Errors as Errors
from ._benchmark import LayerRow as LayerRow
from ._benchmark import StepRow as StepRow
from ._benchmark import Timing as Timing
from ._benchmark_cells import layer_table as layer_table
from ._benchmark_cells import step_table as step_table
from ._benchmark_cells import summary_table as summary_table
from ._benchmark_words import LAYOUTS as LAYOUTS
from ._benchmark_words import STEP_KINDS as STEP_KINDS
from ._benchmark_words import family_name as family_name
from ._benchmark_words import with_spread as with_spread
from ._conversion import ConvertedNorm as ConvertedNorm
from ._conversion import ConvertProof as ConvertProof
from ._conversion import ConvertReport as ConvertReport
from ._fold import FoldedNorm as FoldedNorm
from ._fold import FoldProof as FoldProof
from ._fold import FoldReport as FoldReport
from ._freezing import Freezing as Freezing
from ._freezing import NormFreezing as NormFreezing
from ._history import RunHistory as RunHistory
from ._initialization import Initialization as Initialization
from ._initialization import InitialTensor as InitialTensor
from ._json import RECORDS as RECORDS
from ._json import Record as Record
from ._json import from_json as from_json
from ._json import make_record as make_record
from ._json import read_record as read_record
from ._json import to_dict as to_dict
from ._json import to_json as to_json
from ._lr_range_test import Ending as Ending
from ._lr_range_test import LRRangeTest as LRRangeTest
from ._lr_range_test import RangeTestStep as RangeTestStep
from ._lr_range_test_cells import rate_text as rate_text
from ._model_evaluation import ModelEvaluation as ModelEvaluation
from ._recalibration import Certificate as Certificate
from ._recalibration import NormRecalibration as NormRecalibration
from ._recalibration import Numbers as Numbers
from ._recalibration import Recalibration as Recalibration
from ._recalibration import Round as Round
from ._recalibration_cells import STALE as STALE
from ._run_conversion import RunConversion as RunConversion
from ._run_fold import RunFold as RunFold
from ._run_recalibration import Judgement as Judgement
from ._run_recalibration import RunRecalibration as RunRecalibration
from ._run_report import RunReport as RunReport
from ._run_report import SampleImage as SampleImage
from ._spread import quartiles_text as quartiles_text
from ._spread import why_rough as why_rough
from ._study import Study as Study
from ._study_claim import BySeed as BySeed
from ._study_claim import Rule as Rule
from ._study_claim import Scale as Scale
from ._study_claim import StudyAdvice as StudyAdvice
from ._study_claim import StudyArm as StudyArm
from ._study_claim import StudyClaim as StudyClaim
from ._study_claim import StudyComparison as StudyComparison
from ._study_claim import StudyFigure as StudyFigure
from ._study_claim import StudyFound as StudyFound
from ._study_claim import Verdict as Verdict
from ._study_claim import decisive as decisive
from ._study_plan import PlannedClaim as PlannedClaim
from ._study_plan import PlannedComparison as PlannedComparison
from ._study_plan import StudyPlan as StudyPlan
from ._study_run import StudyRun as StudyRun
from ._study_run import StudyRuns as StudyRuns
from ._study_run_cells import mean_text as mean_text
from ._study_words import advice_text as advice_text
from ._study_words import answer_text as answer_text
from ._study_words import asked_of as asked_of
from ._study_words import effect_text as effect_text
from ._study_words import power_text as power_text
from ._study_words import region_text as region_text
from ._study_words import verdict_text as verdict_text
from ._training import ClassScores as ClassScores
from ._training import EpochRecord as EpochRecord
from ._training import Evaluation as Evaluation
from ._training import Prediction as Prediction
from ._training import Scores as Scores
from ._training import TrainResult as TrainResult
from ._training_cells import epochs_table as epochs_table
from ._training_cells import predictions_table as predictions_table
from ._wiring import WiringOutcome as WiringOutcome
from ._wiring import WiringRecord as WiringRecord
from ._wiring import WiringRow as WiringRow
from ._wiring_cells import kind_of as kind_of
from ._wiring_words import HANDS_ON as HANDS_ON
from ._wiring_words import INPUT as INPUT
from ._wiring_words import KEPT as KEPT
from ._wiring_words import OUTCOMES as OUTCOMES
from ._wiring_words import RETURNED as RETURNED
from ._wiring_words import beside as beside
from ._wiring_words import circumstances as circumstances
from ._wiring_words import hands_on as hands_on
from ._wiring_words import headline as headline
from ._wiring_words import parent_of as parent_of
from ._wiring_words import what_to_do as what_to_do

__all__ = [
    "Benchmark",
    "Certificate",
    "ClassScores",
    "Conditions",
    "ConvertProof",
    "ConvertReport",
    "ConvertedNorm",
    "EpochRecord",
    "Errors",
    "Evaluation",
    "FoldProof",
    "FoldReport",
    "FoldedNorm",
    "Freezing",
    "InitialTensor",
    "Initialization",
    "Judgement",
    "LRRangeTest",
    "LayerRow",
    "ModelEvaluation",
    "NormFreezing",
    "NormRecalibration",
    "Numbers",
    "PlannedClaim",
    "PlannedComparison",
    "Prediction",
    "RangeTestStep",
    "Recalibration",
    "Round",
    "RunConversion",
    "RunFold",
    "RunHistory",
    "RunRecalibration",
    "RunReport",
    "Scores",
    "StepRow",
    "Study",
    "StudyAdvice",
    "StudyArm",
    "StudyClaim",
    "StudyComparison",
    "StudyFigure",
    "StudyFound",
    "StudyPlan",
    "StudyRun",
    "StudyRuns",
    "Timing",
    "TrainResult",
    "WiringOutcome",
    "WiringRecord",
    "WiringRow",
    "epochs_table",
    "from_json",
    "predictions_table",
    "read_record",
    "to_dict",
    "to_json",
]


def __dir__() -> list[str]:
    return __all__
