"""Whose batches move the running statistics? All do, but for a while, or for good, not these."""

from ._accumulate import accumulate_statistics as accumulate_statistics
from ._blended import blended_statistics as blended_statistics
from ._blended import check_not_blended as check_not_blended
from ._checkpoint_safe import checkpoint_safe as checkpoint_safe
from ._no_update import no_statistics_update as no_statistics_update
from ._skip_nonfinite import skip_nonfinite as skip_nonfinite
