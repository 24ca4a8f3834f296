"""Training, evaluation and use of a net: one config, one loop, one folder per run."""

from ._config import MAY_DIFFER as MAY_DIFFER
from ._config import ModelArgument as ModelArgument
from ._config import TrainConfig as TrainConfig
from ._config import differences as differences
from ._config import read_config as read_config
from ._config import write_config as write_config
from ._evaluate import evaluate as evaluate
from ._evaluate import load_run as load_run
from ._fit import DivergenceError as DivergenceError
from ._fit import Trained as Trained
from ._fit import fit as fit
from ._fit import resume as resume
from ._model_file import ModelCard as ModelCard
from ._model_file import load_model as load_model
from ._model_file import save_model as save_model
from ._predict import predict as predict
from ._predict import read_image as read_image
from ._recalibrate_run import RecalibrationPlan as RecalibrationPlan
from ._recalibrate_run import RunRecalibrationWatcher as RunRecalibrationWatcher
from ._recalibrate_run import recalibrate_run as recalibrate_run
from ._recalibration_images import RECALIBRATION_BATCH as RECALIBRATION_BATCH
from ._run_folder import RunFolder as RunFolder
from ._stopping import TrainingInterrupted as TrainingInterrupted
from ._watcher import Plan as Plan
from ._watcher import StepReport as StepReport
from ._watcher import Watcher as Watcher
