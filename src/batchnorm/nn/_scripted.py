"""How does torch.jit.script compile a layer? By the other branch of its `forward`, which is written in its language."""

from typing import TYPE_CHECKING, Any

from torch import Tensor
from torch.jit import is_scripting  # type: ignore[attr-defined]  # torch's gap
from torch.nn import Module

from batchnorm.functional import activate_in_script

__all__ = ["Scripted", "is_scripting"]


class CallsFunction:
    """Whether the activation of a layer is a function. TorchScript can call one, but not ask what it is."""

    def __get__(self, layer: Any, owner: type[Module] | None = None) -> bool:
        return layer is not None and callable(layer.activation) and not isinstance(layer.activation, Module)


class Scripted(Module):
    """The activation of a layer in TorchScript.

    What a layer holds is not annotated in its class: TorchScript would take the annotations at their word, and it has
    no type for what is a name, a module, a function or None. It asks the values.
    """

    __constants__ = ["calls_function"]  # noqa: RUF012  # torch's convention
    calls_function = CallsFunction()
    if TYPE_CHECKING:
        activation: Any

    def _activated(self, y: Tensor) -> Tensor:
        if not self.calls_function:
            if self.activation is None:
                return y
            if isinstance(self.activation, str):
                return activate_in_script(y, self.activation)
        result: Tensor = self.activation(y)
        return result
