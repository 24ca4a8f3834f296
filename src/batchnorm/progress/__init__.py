"""What long work tells while it goes on, and how that looks: a bar on a terminal or in a notebook, lines in a file.

`progress=True` of a verb and the command line draw the same bars.
"""

from ._command_line import watch_fold as watch_fold
from ._command_line import watch_rates as watch_rates
from ._command_line import watch_rounds as watch_rounds
from ._command_line import watch_study as watch_study
from ._command_line import watch_training as watch_training
from ._durations import duration_text as duration_text
from ._in_python import fold_shown as fold_shown
from ._in_python import recalibration_shown as recalibration_shown
from ._in_python import run_recalibration_shown as run_recalibration_shown
from ._in_python import training_shown as training_shown
from ._lines import silence as silence
from ._lines import tell as tell
from ._lines import warn as warn
from ._plans import FreezingPlan as FreezingPlan
from ._plans import PartsPlan as PartsPlan
from ._plans import Plan as Plan
from ._plans import PopulationPlan as PopulationPlan
from ._plans import RecalibrationPlan as RecalibrationPlan
from ._plans import StepReport as StepReport
from ._study_watcher import ClaimStanding as ClaimStanding
from ._study_watcher import StudyStanding as StudyStanding
from ._study_watcher import StudyWatcher as StudyWatcher
from ._watchers import FoldWatcher as FoldWatcher
from ._watchers import RecalibrationWatcher as RecalibrationWatcher
from ._watchers import RunRecalibrationWatcher as RunRecalibrationWatcher
from ._watchers import Watcher as Watcher
from ._watchers import together as together
