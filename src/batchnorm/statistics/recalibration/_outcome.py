"""What a recalibration has come to so far, and what was said on the way."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from ...errors import ForPython, InputError
from ...measuring import Distance, Pass, Passes
from ...progress import RecalibrationWatcher
from ...records import Round

NormState = Literal["exact", "average", "unsettled"]


@dataclass(slots=True)
class Outcome:
    """Filled step by step; `written`: the norms whose buffers hold something new; `early`: notes from before."""

    watcher: RecalibrationWatcher
    first: Pass | None = None
    last: Pass | None = None
    written: list[int] = field(default_factory=list)
    states: dict[int, NormState] = field(default_factory=dict)
    depths: dict[int, int] = field(default_factory=dict)
    rounds: list[Round] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    early: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)

    def note(self, sentence: str) -> None:
        """Keep a sentence for the record, and say it now."""
        self.notes.append(sentence)
        self.watcher.note(sentence)


def who_was_called(passes: Passes, outcome: Outcome, first: Pass) -> list[int]:
    """The norms that were called at all.

    Raises:
        InputError: none was.
    """
    called = [index for index, calls in enumerate(first.calls) if calls]
    if not called:
        names = ", ".join(norm.name for norm in passes.norms[:3])
        others = "; ".join(f"{name}: {reason}" for name, reason in [*outcome.skipped.items()][:3])
        left = f"; others are left unchanged ({others})" if others else ""
        raise InputError(
            argument="model",
            expected="a forward that calls the model's norms",
            got=f"one that calls none of the {len(passes.norms)} ({names} ...){left}",
            cure=(
                "A model of torch.export cannot be looked into",
                ForPython("; a forward_fn must call the model"),
                ".",
            ),
        )
    return called


def round_of(
    passes: Passes,
    done: Pass,
    kind: Literal["average", "front", "certificate"],
    depth: int | None,
    norms: Sequence[int],
    residual: Distance,
) -> Round:
    """The record of one pass."""
    return Round(
        number=done.number,
        kind=kind,
        depth=depth,
        norms=len(norms),
        residual_mean=finite(worst(passes.layout.largest(residual.mean), norms)),
        residual_var=finite(worst(passes.layout.largest(residual.var), norms)),
        seconds=done.seconds,
    )


def worst(values: Sequence[float], norms: Sequence[int]) -> float:
    """The largest of the values of some norms; NaN if one is NaN."""
    chosen = [values[norm] for norm in norms]
    return math.nan if any(math.isnan(value) for value in chosen) else max(chosen, default=0.0)


def finite(value: float) -> float | None:
    """The number, or None for what JSON has no word for."""
    return value if math.isfinite(value) else None
