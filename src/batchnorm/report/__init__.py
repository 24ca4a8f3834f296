"""Records and tensors in, pictures and tables out; never a model."""

from ._bench import DIRECTIONS as DIRECTIONS
from ._bench import benchmark_page as benchmark_page
from ._bench import speed_section as speed_section
from ._bench import summary_cells as summary_cells
from ._bench_tables import Cells as Cells
from ._bench_tables import case_cells as case_cells
from ._bench_tables import family_name as family_name
from ._bench_tables import layer_cells as layer_cells
from ._bench_tables import shape_name as shape_name
from ._bench_tables import step_cells as step_cells
from ._confusion import confusion_matrix_figure as confusion_matrix_figure
from ._contact_sheet import contact_sheet as contact_sheet
from ._drift_chart import STALE as STALE
from ._drift_chart import drift_chart as drift_chart
from ._drift_chart import is_stale as is_stale
from ._speed_chart import digest as digest
from ._speed_chart import speed_chart as speed_chart
from ._wiring_chart import wiring_chart as wiring_chart
from ._wiring_words import beside as beside
from ._wiring_words import circumstances as circumstances
from ._wiring_words import hands_on as hands_on
from ._wiring_words import headline as headline
from ._wiring_words import parent_of as parent_of
from ._wiring_words import shape_of as shape_of
from ._wiring_words import what_to_do as what_to_do

__all__ = [
    "benchmark_page",
    "confusion_matrix_figure",
    "contact_sheet",
    "drift_chart",
    "speed_chart",
    "wiring_chart",
]


def __dir__() -> list[str]:
    return __all__
