"""What does a training step do with each norm's statistics, and which numbers does the norm normalize?"""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from ..calls import Call
from ..transaction import Transaction
from ._find import Norm, are_stock
from ._forwards import evaluate, train
from ._look import Seen
from ._modes import Modes
from ._reading import UnknownError, reading_of
from ._still import still_of
from ._wrapped import acting_module


@dataclass(frozen=True, slots=True)
class Habits:
    """What is known of one norm.

    Attributes:
        still: why a training step leaves its statistics as they are; None if it moves them.
        reads: the axis of its first argument along which its channels lie, `BY_OPERATOR`, or `VALID`.
        unknown: why nobody knows what it normalizes; None if that is known.
    """

    still: str | None = None
    reads: int | str = 1
    unknown: str | None = None


def habits_of(
    change: Transaction, norms: Sequence[Norm], call: Call | None, *, alone: bool = True
) -> tuple[list[Habits], tuple[str, ...]]:
    """Look at one training forward of a model, and at one in evaluation where that does not tell all.

    Whether a norm's statistics move is not read from names or modes but seen: a class may freeze them, a parent may
    keep its norms in evaluation, a forward may set them so. What they move to is compared with the moments of what
    the norm was given, unless its forward is torch's or ours. Everything is put back.

    Args:
        change: the transaction that the model is in.
        norms: of the model.
        call: how the model is called with a batch; None where there is none: then modes and classes tell what they can.
        alone: whether no other process runs the same: a norm that is synchronized stores what all of them have.

    Returns:
        The habits of each norm, and notes for the user.
    """
    modes = Modes(acting_module(change, call))
    trained = train(change, norms, call, modes)
    # Where the forward in training came to no end, or a norm is somebody's own, evaluation is looked at, too.
    needed = trained.note is not None or not are_stock(norms) or _have_own_train(norms)
    evaluated = evaluate(change, norms, call, trained.part) if call and needed else [Seen() for _ in norms]
    still = still_of(change, norms, modes, trained)
    pairs = zip(norms, trained.seen, evaluated, still, strict=True)
    found = [_habits(norm, seen, later, reason, alone=alone) for norm, seen, later, reason in pairs]
    return found, (trained.note,) if trained.note else ()


def _habits(norm: Norm, trained: Seen, evaluated: Seen, still: str | None, *, alone: bool) -> Habits:
    if trained.exchanged or evaluated.exchanged:
        still = None  # what a training step moves are the others
    try:
        return Habits(still, reading_of(norm, trained, evaluated, alone=alone))
    except UnknownError as reason:
        return Habits(still, unknown=str(reason))


def _have_own_train(norms: Sequence[Norm]) -> bool:
    return any(type(module).train is not nn.Module.train for norm in norms for module in norm.modules)
