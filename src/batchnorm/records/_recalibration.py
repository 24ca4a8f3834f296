"""What did a recalibration do to every norm, and how well do the new statistics fit?

Sigma is what a norm divides by in evaluation, `sqrt(var + eps)`. The distance of two pairs of statistics is, per
channel, that of the means in sigmas and `|log|` of the ratio of `var + eps`. A number is `None` where it is not
finite: statistics that were NaN before, say.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from ..tables import Table
from ._numbers import Signed
from ._outcomes import Outcomes
from ._pictures import draw_drift
from ._recalibration_cells import STALE, channels_table, norms_table
from ._shown import Shown

Numbers = tuple[Signed | None, ...]
"""One number for each channel; None where it is not finite."""


@dataclass(frozen=True, slots=True)
class Round:
    """One pass over the data, or the front part of it.

    `kind`: `"average"` normalizes by each batch's own statistics, `"front"` evaluates and settles the norms of one
    `depth`, `"certificate"` evaluates and only measures. `norms` were written (measured, in a certificate). The
    residuals, the largest over these norms and their channels, say how far what was measured lay from what was
    stored while it was measured: of the first round the drift, of a front round what `average` would have left
    wrong, of a certificate what is wrong now.
    """

    number: int
    kind: Literal["average", "front", "certificate"]
    depth: int | None
    norms: int
    residual_mean: float | None
    residual_var: float | None
    seconds: float


@dataclass(frozen=True, slots=True, repr=False)
class NormRecalibration(Shown):
    """One norm that has new statistics; means and variances as they are stored, one number per channel.

    `state`: `"exact"`; `"average"` for a norm that has what one pass with batch statistics came to; `"unsettled"` for
    one that was to be exact, and is not. `depth`: 1 with no norm before it, else 1 more than the deepest norm that it
    reads from (`None` where it was not asked for).
    `calls`: per batch. `count`: values per channel. Drift: from the old to the new statistics, the largest and the
    average over the channels, in new sigmas. `standard_error`: of the new mean, in sigmas, from how the means of the
    batches scatter (`None` for one batch). `samples_enough`: so many samples would have brought it to 0.01 in the
    worst channel. The residuals are those of the certificate.
    """

    name: str
    kind: str
    state: Literal["exact", "average", "unsettled"]
    depth: int | None
    calls: float
    count: int
    old_mean: Numbers
    old_var: Numbers
    new_mean: Numbers
    new_var: Numbers
    drift_mean_max: float | None
    drift_mean_average: float | None
    drift_var_max: float | None
    drift_var_average: float | None
    standard_error: Numbers | None
    samples_enough: int | None
    residual_mean: float | None
    residual_var: float | None

    @property
    def is_stale(self) -> bool:
        """Whether mean or variance was off by more than `STALE`, averaged over the channels, or not a number."""
        drifts = (self.drift_mean_average, self.drift_var_average)
        return any(drift is None or drift > STALE for drift in drifts)

    def tables(self) -> dict[str, Table]:
        """Return `"channels"`: the statistics of each, before and after."""
        return {"channels": channels_table(self)}


@dataclass(frozen=True, slots=True)
class Certificate:
    """What one more evaluation of all data found after the statistics were written.

    `settled` of `norms` lie within `tolerance` of what is stored (and of what rounding to the stored `dtype` costs);
    the residuals are the largest over all these norms and channels. `fingerprint`: of the samples that were seen, in
    any order.
    """

    settled: int
    norms: int
    residual_mean: float | None
    residual_var: float | None
    tolerance: float
    dtype: str
    fingerprint: str
    samples: int


@dataclass(frozen=True, slots=True, repr=False)
class Recalibration(Outcomes, Shown):
    """What `batchnorm.recalibrate` did; `batchnorm recalibrate --json` prints it within what it says of the run.

    `samples` and `batches` are those of one pass, of all `ranks` together. `depth` is that of the deepest norm,
    `exact_depth` how deep the statistics are exact (`None` for `average`). `skipped` names the norms that were left
    alone, each with the reason. `notes` are sentences for the user. `outcome_of` a norm is its state, or "skipped".

    Example:
        >>> import torch
        >>> from batchnorm import recalibrate
        >>> record = recalibrate(torch.nn.BatchNorm1d(2), [torch.tensor([[1.0, 2.0], [3.0, 6.0]])])
        >>> print(record.table().csv().splitlines()[1])
        the model*,1.41 (1.41),1.39 (2.08),–,–
        >>> record
        Recalibration(method='average', variance='unbiased', samples=2, ..., norms=<1>, ...)
    """

    VERSION: ClassVar[int] = 1

    method: Literal["average", "exact"]
    variance: Literal["unbiased", "biased"]
    samples: int
    batches: int
    ranks: int
    depth: int | None
    exact_depth: int | None
    seconds: float
    dtype: str
    fingerprint: str
    norms: tuple[NormRecalibration, ...]
    skipped: dict[str, str]
    rounds: tuple[Round, ...]
    certificate: Certificate | None
    notes: tuple[str, ...] = field(default=())

    @property
    def proof(self) -> Certificate | None:
        """The certificate, by the name that every report has for what was found when it was looked again."""
        return self.certificate

    def outcomes(self) -> Iterable[tuple[str, str]]:
        """Return the name of each norm and its state; that of one that was left alone is "skipped"."""
        return (*((norm.name, norm.state) for norm in self.norms), *((name, "skipped") for name in self.skipped))

    def tables(self) -> dict[str, Table]:
        """Return `"norms"`: how far each was off, how sure the new statistics are, what is left."""
        return {"norms": norms_table(self)}

    def plot(self, path: Path | str) -> None:
        """Draw how far each norm's statistics were off, as `.svg` or `.png`; needs matplotlib."""
        draw_drift(self, path)
