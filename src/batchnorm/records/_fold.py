"""What was done with the norms of a model that was folded."""

from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import InputError


@dataclass(frozen=True)
class FoldedNorm:
    """What became of one norm.

    Attributes:
        name: its path in the model.
        kind: its class.
        outcome: `"folded"`: nothing of its arithmetic runs any more; `"shift"`: its factors are in a weight, its shift
            stays in its place; `"scale-shifted"`: one multiply-add with constants instead of it; `"left"`: as it was.
        into: the modules and norms that took it up.
        reason: why not more was done, if it was not.
    """

    name: str
    kind: str
    outcome: str
    into: tuple[str, ...] = ()
    reason: str | None = None


@dataclass(frozen=True)
class FoldProof:
    """How far the outputs of the folded model are from those before, on the examples and on random inputs like them.

    A difference is in units of the largest number of its output; of whole numbers it is the share that differs.

    Attributes:
        inputs: how many inputs were compared.
        error_float64: the largest difference where everything is computed in float64; None if the model cannot be.
        error: the largest difference in the model's dtype.
        rounding: how far the model was from float64 before it was folded; None if that is not known.
        dtype: the model's.
    """

    inputs: int
    error_float64: float | None
    error: float
    rounding: float | None
    dtype: str


@dataclass(frozen=True)
class FoldReport:
    """What `fold` has done.

    Attributes:
        norms: every norm of the model, in its order.
        loose: the modules whose forward calls `F.batch_norm`: there is no module that could be replaced.
        notes: what else is to be known.
        proof: None if none was asked for.
        parameters_before: numbers that were trained, and statistics.
        parameters_after: those of the folded model.
        milliseconds_before: of one call with the first example, the mean of three before anything was changed; None
            without a proof.
        milliseconds_after: the same of the folded model, afterwards: no comparison in turn.
    """

    norms: tuple[FoldedNorm, ...]
    loose: tuple[str, ...]
    notes: tuple[str, ...]
    proof: FoldProof | None
    parameters_before: int
    parameters_after: int
    milliseconds_before: float | None = None
    milliseconds_after: float | None = None

    def outcome_of(self, name: str) -> str:
        """What became of a norm.

        Raises:
            ValueError: the model has no norm of that name.
        """
        for norm in self.norms:
            if norm.name == name:
                return norm.outcome
        known = ", ".join(norm.name for norm in self.norms) or "none"
        raise InputError(argument="name", expected="the name of a norm", got=repr(name), cure=f"The model has {known}.")

    def named(self, outcome: str) -> tuple[str, ...]:
        """The names of the norms with that outcome."""
        return tuple(norm.name for norm in self.norms if norm.outcome == outcome)

    def __str__(self) -> str:
        """One line, and one for each norm of which something is left."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        counts = {outcome: len(self.named(outcome)) for outcome in ("folded", "shift", "scale-shifted", "left")}
        yield ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count) or "no norm"
        for norm in self.norms:
            if norm.reason is not None:
                yield f"{norm.name or 'the model'} ({norm.kind}) {norm.outcome}: {norm.reason}"
