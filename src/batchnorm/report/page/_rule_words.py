"""How is a rule put into words: where must an effect lie?"""

from ...records import StudyComparison


def rule_text(one: StudyComparison) -> str:
    """Return where the effect must lie for the comparison to be supported.

    Example:
        >>> from dataclasses import replace
        >>> one = StudyComparison(
        ...     "a", "More?", "accuracy", "batch", "none", "greater", 1.0, "points", "difference", True, 2.0,
        ...     (1.5, 2.5), None, 6, (2.0,) * 6, "supported", 0.01, None, None, None, None,
        ... )
        >>> rule_text(one), rule_text(replace(one, rule="equivalent"))
        ('above 1 point', 'between −1 and 1 points')
        >>> rule_text(replace(one, rule="less", scale="ratio", margin=1.25, unit="times"))
        'below 0.8 times'
    """
    low, high = region(one)
    unit = one.unit.removesuffix("s") if one.margin == 1 and one.unit != "times" else one.unit
    if low is None:
        return f"below {_number(high)} {unit}".rstrip()
    if high is None:
        return f"above {_number(low)} {unit}".rstrip()
    return f"between {_number(low)} and {_number(high)} {one.unit}".rstrip()


def region(one: StudyComparison) -> tuple[float | None, float | None]:
    """Return the ends of the region that the rule names, in the comparison's unit; None where it has none."""
    above = one.margin
    below = 1 / one.margin if one.scale == "ratio" and one.margin else -one.margin
    return {
        "greater": (above, None),
        "less": (None, below),
        "equivalent": (below, above),
        "not worse": (below, None),
    }[one.rule]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}".replace("-", "\N{MINUS SIGN}")
