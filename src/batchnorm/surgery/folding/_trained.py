"""May a fold be taken back, or would be lost what the model has learned since?"""

from collections.abc import Sequence

from torch import nn

from ...errors import RefusedError, Setting
from ._marks import changed_since
from ._stash import Stash

_MOST_NAMED = 3


def check_untrained(folded: object) -> None:
    """Raise if a folded model had been trained when it was written down.

    Args:
        folded: a state of `fold_state`, which `unfolded_tensors` has read.

    Raises:
        RefusedError: it had.
    """
    if isinstance(folded, dict):
        _refuse(folded.get("trained", ()))


def check_unchanged(model: nn.Module, stash: Stash) -> None:
    """Raise if a model has been trained since it was folded, or had been when it was saved.

    Raises:
        RefusedError: it has.
    """
    _refuse(stash.trained or changed_since(model, stash.marks))


def _refuse(changed: Sequence[str]) -> None:
    if changed:
        more = f" and {len(changed) - _MOST_NAMED} more" if len(changed) > _MOST_NAMED else ""
        raise RefusedError(
            expected="a model as it was when it was folded",
            got=f"one that was trained since: {', '.join(changed[:_MOST_NAMED])}{more} changed",
            cure=(
                "What folded weights have learned cannot be taken apart again. Keep the model folded, or pass ",
                Setting("discard", True),
                " to lose it.",
            ),
        )
