"""Outside the storeys: records and tensors in, pictures out; never a model."""

from ._confusion import confusion_matrix_figure as confusion_matrix_figure
from ._contact_sheet import contact_sheet as contact_sheet
