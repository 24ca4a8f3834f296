"""How are some of a model's norms as they have become, and the others as they were, so that a culprit can be found?"""

from collections.abc import Collection, Mapping

from torch import nn

from ._asked import Target
from ._each import converted, run, steps_of


class Trial:
    """The conversion of norms, of which any can be taken back.

    Attributes:
        model: the model that has them.
        done: what became of each.
    """

    def __init__(self, model: nn.Module, norms: Mapping[str, nn.Module], target: Target) -> None:
        self.model = model
        before = {name: steps_of(norm) for name, norm in norms.items()}
        self.done = [converted(name, norm, target) for name, norm in norms.items()]
        after = {name: steps_of(norm) for name, norm in norms.items()}
        self._states = {norm.name: (before[norm.name], after[norm.name]) for norm in self.done}

    def show(self, active: Collection[str]) -> None:
        """Let these norms be what they have become, and all others what they were."""
        for name, (before, after) in self._states.items():
            run(after if name in active else before)
