"""What is the average of several models? The verb."""

from ._average_models import average_models as average_models
