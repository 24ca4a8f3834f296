"""How large must an effect be so that so many seeds find it?"""

from ._estimate import LEVEL, Estimate
from ._scipy import special_functions

POWER = 0.8
"""How often an effect of the size that `detectable` returns is found."""


def detectable(estimate: Estimate) -> float:
    """Return how far beyond a border an effect must lie to be found in 80 % of studies of the same size and spread.

    That is where Student's t, not central by `effect / error`, exceeds the quantile of the interval in 80 %. The spread
    is the one that was measured, which few seeds tell only roughly.

    Example:
        >>> round(detectable(Estimate(mean=0.0, error=1.0, df=5)), 2)
        3.51
    """
    special = special_functions()
    quantile = special.stdtrit(estimate.df, (1 + LEVEL) / 2)
    return float(special.nctdtrinc(estimate.df, 1 - POWER, quantile)) * estimate.error
