"""Which norms does the user, or the model itself, keep out of training?"""

from collections.abc import Sequence

from torch import nn

from ..transaction import Transaction
from ._find import Norm
from ._frozen import is_frozen
from ._wrapped import has_mixed_modes


class Modes:
    """The modes that a model is in, and those that it has while it trains.

    Modes that are mixed are somebody's choice, and hold: norms in evaluation inside a model that trains, or one part in
    training inside a model that is evaluated. A model that is wholly in one mode is asked by its own `train()`.

    Args:
        model: the module whose modes count (`acting_module`).
    """

    def __init__(self, model: nn.Module) -> None:
        self._root = model
        self._training = [name or "the model" for name, module in self._root.named_modules() if module.training]
        self.chosen = has_mixed_modes(model)

    def train(self, change: Transaction) -> None:
        """Bring the model into the modes of its training."""
        if not self.chosen:
            change.train()

    def reason(self, norm: Norm) -> str | None:
        """Why a norm that trains in none of its modules does not move, once the model is in these modes."""
        if any(module.training for module in norm.modules):
            return None
        if any(map(is_frozen, norm.modules)):
            return "frozen by batchnorm.freeze"
        if not self.chosen:
            return "frozen: the model's train() leaves it in evaluation mode"
        if self._root.training:
            return "frozen: it is in evaluation mode, and the model in training mode"
        return f"frozen: it is in evaluation mode, and only a part of the model in training mode ({self._named()})"

    def _named(self) -> str:
        return ", ".join(self._training[:2]) + (" ..." if len(self._training) > 2 else "")


def reasons(modes: Modes, norms: Sequence[Norm]) -> list[str | None]:
    """Those of all norms."""
    return [modes.reason(norm) for norm in norms]
