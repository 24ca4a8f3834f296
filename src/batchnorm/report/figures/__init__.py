"""Figures of studies and trainings: described for Vega-Lite by altair, drawn by Vega, and by vl-convert in files."""

from ._chart import Chart as Chart
from ._drawn import chart_png as chart_png
from ._drawn import chart_svg as chart_svg
from ._drawn import drawing_script as drawing_script
from ._drawn import write_charts as write_charts
from ._effect import effect_svg as effect_svg
from ._run_charts import run_charts as run_charts
from ._study_charts import study_charts as study_charts
from ._theme import PALETTE as PALETTE
from ._theme import Theme as Theme
from ._theme import vega_config as vega_config
