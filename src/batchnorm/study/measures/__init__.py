"""What is measured of batch norm in a study, where a loss and an accuracy do not say it."""

from ._course import Course as Course
from ._course import gap_at as gap_at
from ._dropout import dropout_before_last_layer as dropout_before_last_layer
from ._effective_rate import effective_rate as effective_rate
from ._effective_rate import lengths as lengths
from ._effective_rate import mean_length as mean_length
from ._effective_rate import scale_invariant_weights as scale_invariant_weights
from ._effective_rate import set_lengths as set_lengths
from ._evaluated_by import by_batch as by_batch
from ._evaluated_by import by_measured as by_measured
from ._population import Population as Population

__all__ = [
    "Course",
    "Population",
    "by_batch",
    "by_measured",
    "dropout_before_last_layer",
    "effective_rate",
    "gap_at",
    "lengths",
    "mean_length",
    "scale_invariant_weights",
    "set_lengths",
]
