"""Draw results: curves, learning rates, drift, speed, confusion matrices, contact sheets, wirings; and write pages."""

from ._bench import DIRECTIONS as DIRECTIONS
from ._bench import benchmark_page as benchmark_page
from ._bench import speed_section as speed_section
from ._confusion import confusion_matrix_figure as confusion_matrix_figure
from ._contact_sheet import contact_sheet as contact_sheet
from ._drift_chart import drift_chart as drift_chart
from ._lr_range_chart import lr_range_chart as lr_range_chart
from ._speed_chart import digest as digest
from ._speed_chart import speed_chart as speed_chart
from ._training_chart import training_chart as training_chart
from ._wiring_chart import wiring_chart as wiring_chart
from ._wiring_chart import wiring_svg as wiring_svg
from .figures import Chart as Chart
from .figures import run_charts as run_charts
from .figures import study_charts as study_charts
from .figures import write_charts as write_charts
from .page import run_page as run_page
from .page import study_page as study_page

__all__ = [
    "benchmark_page",
    "confusion_matrix_figure",
    "contact_sheet",
    "drift_chart",
    "lr_range_chart",
    "run_page",
    "speed_chart",
    "study_page",
    "training_chart",
    "wiring_chart",
    "wiring_svg",
]


def __dir__() -> list[str]:
    return __all__
