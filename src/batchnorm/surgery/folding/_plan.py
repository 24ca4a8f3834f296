"""What is to be done with each norm of a model, and what speaks against more?"""

from dataclasses import dataclass, field

from torch import Tensor, nn

from ._edit import Edit
from ._materialize import Before
from ._rest import Rest


@dataclass(slots=True, eq=False)
class Change:
    """What becomes of one norm.

    Attributes:
        norm: its name.
        module: the norm itself.
        rest: what it does besides normalizing; None where nobody knows.
        outcome: `"folded"`: nothing of its arithmetic is left; `"shift"`: its factors are gone, the shift stays in its
            place; `"scale-shifted"`: one multiply-add per element instead of it; `"left"`: as it was.
        into: the modules or norms that take it up.
        edits: what it changes in their weights.
        merged: norms that take it up, with their channels: BN after BN.
        reason: why not more.
    """

    norm: str
    module: nn.Module
    rest: Rest | None = None
    outcome: str = "left"
    into: tuple[str, ...] = ()
    edits: tuple[Edit, ...] = ()
    merged: tuple["Merge", ...] = ()
    reason: str | None = None

    def demote(self, reason: str) -> None:
        """Take the next best that can be done with it."""
        self.outcome = "left" if self.outcome in ("left", "scale-shifted") or self.rest is None else "scale-shifted"
        self.into, self.edits, self.merged, self.reason = (), (), (), reason


@dataclass(frozen=True, slots=True, eq=False)
class Merge:
    """A norm that takes up another one behind it: for each of its channels the other's."""

    norm: str
    channels: Tensor


@dataclass(slots=True)
class Plan:
    """What is to be done.

    Attributes:
        changes: of all norms of a model, in the order of `named_modules`.
        loose: where `F.batch_norm` runs without a module.
        plain: modules whose weight was computed in each call, as they were before it was made plain.
    """

    changes: list[Change] = field(default_factory=list)
    loose: list[str] = field(default_factory=list)
    plain: list[Before] = field(default_factory=list)

    def of(self, norm: str) -> Change:
        """The change of a norm."""
        return next(change for change in self.changes if change.norm == norm)

    @property
    def active(self) -> list[str]:
        """The norms with which something is to be done."""
        return [change.norm for change in self.changes if change.outcome != "left"]

    def demote(self, norm: str, reason: str) -> None:
        """Demote a norm, and those that it had taken up."""
        self.of(norm).demote(reason)
        for change in self.changes:
            if any(merge.norm == norm for merge in change.merged):
                self.demote(change.norm, f"the norm {norm}, into which it had gone, was put back")

    def leave_all(self, reason: str) -> None:
        """Do nothing with any norm, for one reason."""
        for change in self.changes:
            if change.outcome != "left":
                change.outcome, change.into, change.edits, change.merged, change.reason = "left", (), (), (), reason
