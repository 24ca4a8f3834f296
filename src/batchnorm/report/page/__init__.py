"""Pages: one HTML file each that holds all it shows, the script that draws it and the records that it was made of."""

from ._study_page import study_page as study_page
from ._template import LARGEST as LARGEST
from ._template import page_text as page_text
