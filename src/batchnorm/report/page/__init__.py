"""Pages: one HTML file each that holds all it shows, the script that draws it and the records that it was made of."""

from ._run_page import run_page as run_page
from ._study_page import study_page as study_page
