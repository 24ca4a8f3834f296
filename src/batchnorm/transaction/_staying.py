"""How does a module stay in the mode that it is in, whatever `eval()` and `train()` of the model say?"""

from collections.abc import Callable

from torch import nn

from ..errors import RefusedError


class Staying:
    """Takes the place of a module's `train`, which `eval()` calls, too: its children are switched, it is not.

    Example:
        >>> norm = nn.BatchNorm1d(3)
        >>> norm.train = Staying(norm)
        >>> norm.eval().training
        True
    """

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self._former = vars(module).get("train")

    def __call__(self, mode: bool = True) -> nn.Module:  # noqa: FBT001  # as `train` has it
        for child in self._module.children():
            child.train(mode)
        return self._module

    def __reduce__(self) -> tuple[Callable[..., object], tuple[nn.Module, object]]:
        """Give a copy of the module the `train` that it had before: it is not held by anybody."""
        return _former_of, (self._module, self._former)


def _former_of(module: nn.Module, former: object) -> object:
    return module.train if former is None else former


def check_not_held(model: nn.Module, expected: str = "a model that can be switched to evaluation") -> None:
    """Raise if a part of the model would not follow its `eval()`.

    Args:
        model: the model.
        expected: what the caller needs, in words.

    Raises:
        RefusedError: it stays in training, for all of it runs inside `use_batch_statistics`.
    """
    for name, module in model.named_modules():
        if isinstance(vars(module).get("train"), Staying):
            raise RefusedError(
                argument="model",
                expected=expected,
                got=f"one inside `with use_batch_statistics(...)`, where {name or 'it'} normalizes by each batch",
                cure="Call this before or after that block.",
            )
