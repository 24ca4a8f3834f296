"""In which mode is what stands around a norm?"""

from collections.abc import Iterator

from torch import nn

from ..norms import asked_of, has_own_train, is_frozen


class Parents:
    """The modules of a model by what they hold; a shared one by the first that holds it."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._holder = {child: module for module in [*model.modules()][::-1] for child in module.children()}

    def mode_of(self, norm: nn.Module) -> bool:
        """The mode of a frozen norm once it is released.

        It is that of the nearest module around it. Where a module around it has a `train` of its own, which may keep
        norms in evaluation, and where there is none, it is the mode that the norm was last asked for.
        """
        around = [*self._around(norm)]
        if not around or any(has_own_train(module) for module in around):
            return asked_of(norm)
        return around[0].training

    def _around(self, norm: nn.Module) -> Iterator[nn.Module]:
        """The modules that hold a norm, the nearest first; not those whose mode is that of the norm itself."""
        module = norm
        while module is not self._model:
            module = self._holder[module]
            if not is_frozen(module) and "_orig_mod" not in module._modules:
                yield module
