"""How does an effect stand in a page: its number, its interval and its unit apart, so that each can be set as it is?"""

from typing import NamedTuple

from ...records import StudyComparison, effect_text


class Effect(NamedTuple):
    """The words of an effect; empty where there is nothing to be said."""

    value: str
    interval: str
    unit: str


def effect_words(one: StudyComparison) -> Effect:
    """Return the effect of a comparison in words; a difference has its sign, as it is one.

    Example:
        >>> from types import SimpleNamespace
        >>> effect_words(SimpleNamespace(effect=2.3, interval=(-1.0, 5.6), unit="points", scale="difference"))
        Effect(value='+2.3', interval='[−1.0, 5.6]', unit='points')
    """
    number, _, rest = effect_text(one.effect, one.interval, "").partition(" [")
    sign = "+" if one.scale == "difference" and (one.effect or 0.0) > 0 and float(number) > 0 else ""
    interval = f"[{rest}" if rest else ""
    return Effect(sign + _minus(number), _minus(interval), "" if one.effect is None else one.unit)


def _minus(text: str) -> str:
    return text.replace("-", "\N{MINUS SIGN}")
