"""Work with finished runs: their config and files; evaluate, recalibrate, fold and use the trained model."""

from ..progress import FoldWatcher as FoldWatcher
from ..progress import RecalibrationPlan as RecalibrationPlan
from ..progress import RunRecalibrationWatcher as RunRecalibrationWatcher
from ._as_trained import augmentation_of as augmentation_of
from ._as_trained import evaluation_batch as evaluation_batch
from ._as_trained import evaluation_batches as evaluation_batches
from ._as_trained import put as put
from ._config import MAY_DIFFER as MAY_DIFFER
from ._config import TrainConfig as TrainConfig
from ._config import differences as differences
from ._config import read_config as read_config
from ._config import write_config as write_config
from ._confusion_picture import confusion_picture as confusion_picture
from ._convert_checkpoint import convert_checkpoint as convert_checkpoint
from ._convert_checkpoint import revert_checkpoint as revert_checkpoint
from ._convert_run import convert_run as convert_run
from ._convert_run import revert_run as revert_run
from ._data_of_model import fitting_source as fitting_source
from ._environment import pick_device as pick_device
from ._environment import torch_settings as torch_settings
from ._evaluate import evaluate as evaluate
from ._evaluate import find_model_file as find_model_file
from ._evaluate import load_run as load_run
from ._finite import first_nonfinite as first_nonfinite
from ._finite import nonfinite_entry as nonfinite_entry
from ._fold_checkpoint import fold_checkpoint as fold_checkpoint
from ._fold_net import FOLD_BATCH as FOLD_BATCH
from ._fold_net import fold_and_judge as fold_and_judge
from ._fold_run import fold_run as fold_run
from ._folded_file import load_folded as load_folded
from ._folded_file import save_folded as save_folded
from ._for_all import file_for_all as file_for_all
from ._for_all import outputs_of_all as outputs_of_all
from ._frozen_names import FrozenNames as FrozenNames
from ._given_options import check_options as check_options
from ._image_options import image_options as image_options
from ._initial_file import Initial as Initial
from ._initial_file import read_initial as read_initial
from ._initial_file import settled_init as settled_init
from ._initialize import initialize as initialize
from ._initialize import take_initial as take_initial
from ._known_names import AUTO_MODEL as AUTO_MODEL
from ._known_names import OwnData as OwnData
from ._late_freezing import FreezeRule as FreezeRule
from ._misfits import ModelArgument as ModelArgument
from ._model_file import TRAINING_FORMAT as TRAINING_FORMAT
from ._model_file import ModelCard as ModelCard
from ._model_file import load_model as load_model
from ._model_file import model_bytes as model_bytes
from ._model_file import save_model as save_model
from ._new_file import write_new_file as write_new_file
from ._new_file import write_together as write_together
from ._option_names import near_option as near_option
from ._output_file import check_output as check_output
from ._own_data import ANY_SOURCE as ANY_SOURCE
from ._own_data import check_data_in_file as check_data_in_file
from ._own_data import is_named as is_named
from ._own_data import is_path as is_path
from ._own_data import source_in_file as source_in_file
from ._own_data import source_of as source_of
from ._own_net import foreign_net as foreign_net
from ._own_net import name_of as name_of
from ._own_norm import norm_in_file as norm_in_file
from ._own_norm import trusting_norm as trusting_norm
from ._pickle_file import pickle_bytes as pickle_bytes
from ._pickle_file import read_pickle as read_pickle
from ._predict import device_of as device_of
from ._predict_run import classify_files as classify_files
from ._predict_run import finite as finite
from ._predict_run import predict as predict
from ._predict_run import refuse_if_all as refuse_if_all
from ._read_history import read_history as read_history
from ._recalibrate_checkpoint import recalibrate_checkpoint as recalibrate_checkpoint
from ._recalibrate_run import recalibrate_run as recalibrate_run
from ._recalibrated_files import Destination as Destination
from ._recalibration_images import RECALIBRATION_BATCH as RECALIBRATION_BATCH
from ._recalibration_images import RecalibrationImages as RecalibrationImages
from ._replaced_run import in_place_of as in_place_of
from ._replaced_run import plan_in_place_of as plan_in_place_of
from ._report_of_run import report_of_run as report_of_run
from ._run_folder import SPLIT as SPLIT
from ._run_folder import RunFolder as RunFolder
from ._scores import collect_outputs as collect_outputs
from ._scores import judge as judge
from ._scores import loss_and_accuracy as loss_and_accuracy
from ._state_dict import is_state_dict as is_state_dict
from ._stopping import StopRequest as StopRequest
from ._stopping import TrainingInterrupted as TrainingInterrupted
from ._stopping import listen_for_stop as listen_for_stop
from ._timing import load_and_cpus as load_and_cpus
from ._timing import times_in_turn as times_in_turn
from ._unfold_file import unfold_file as unfold_file
from ._wiring_checkpoint import wiring_of_checkpoint as wiring_of_checkpoint
from ._wiring_run import wiring_of_run as wiring_of_run

__all__ = [
    "FoldWatcher",
    "ModelCard",
    "OwnData",
    "RunFolder",
    "RunRecalibrationWatcher",
    "TrainConfig",
    "TrainingInterrupted",
    "convert_checkpoint",
    "convert_run",
    "evaluate",
    "fold_checkpoint",
    "fold_run",
    "initialize",
    "load_folded",
    "load_model",
    "load_run",
    "predict",
    "read_config",
    "read_history",
    "recalibrate_checkpoint",
    "recalibrate_run",
    "report_of_run",
    "revert_checkpoint",
    "revert_run",
    "save_folded",
    "save_model",
    "trusting_norm",
    "unfold_file",
    "wiring_of_checkpoint",
    "wiring_of_run",
    "write_config",
]


def __dir__() -> list[str]:
    return __all__
