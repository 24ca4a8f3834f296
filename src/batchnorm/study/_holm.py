"""Which verdicts remain where all claims of a study are to hold together? S. Holm, Scand. J. Statistics 6 (1979)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..records import StudyClaim, StudyComparison, Verdict
from ._estimate import LEVEL


def adjusted(ps: Sequence[float]) -> list[float]:
    """Return the p-values adjusted: the k-th smallest of m times m - k + 1, and never below one before it.

    Example:
        >>> adjusted([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(ps)), key=ps.__getitem__)
    result, largest = [1.0] * len(ps), 0.0
    for rank, place in enumerate(order):
        largest = max(largest, min(1.0, (len(ps) - rank) * ps[place]))
        result[place] = largest
    return result


def with_holm(claims: Sequence[StudyClaim]) -> tuple[StudyClaim, ...]:
    """Return the claims with Holm's p-values and verdicts: the family are the primary comparisons of all of them.

    One that has no p, for it could not be answered, counts as one of p = 1.
    """
    primaries = [one for claim in claims for one in claim.comparisons if one.primary]
    ps = iter(adjusted([1.0 if one.p is None else one.p for one in primaries]))
    return tuple(_with_holm(claim, ps) for claim in claims)


def _with_holm(claim: StudyClaim, ps: Iterator[float]) -> StudyClaim:
    comparisons = tuple(_adjusted(one, next(ps)) if one.primary else one for one in claim.comparisons)
    together = combined([one.holm_verdict for one in comparisons if one.holm_verdict is not None])
    return replace(claim, comparisons=comparisons, holm_verdict=together)


def _adjusted(one: StudyComparison, p: float) -> StudyComparison:
    return replace(one, holm_p=p, holm_verdict=one.verdict if p <= 1 - LEVEL else "undecided")


def combined(verdicts: Sequence[Verdict]) -> Verdict:
    """Return what the verdicts of a claim's primary comparisons come to: all must be supported, and one may refute.

    Example:
        >>> combined(["supported", "undecided"]), combined(["undecided", "not supported"])
        ('undecided', 'not supported')
    """
    if "not supported" in verdicts:
        return "not supported"
    return "undecided" if "undecided" in verdicts else "supported"
