"""Which parameters of a norm are frozen by us, and were trained before?"""

from torch import nn

_NAMES = "_frozen_parameters"
"""The attribute of a norm in which their names are: plain data, which is copied and pickled with it."""


def own_parameters(norm: nn.Module) -> dict[str, nn.Parameter]:
    """Weight and bias, whatever a norm calls them, or what these are made of where they are parametrized."""
    own = dict(norm.named_parameters(recurse=False))
    parametrized = getattr(norm, "parametrizations", None)
    if isinstance(parametrized, nn.Module):
        own |= {f"parametrizations.{name}": parameter for name, parameter in parametrized.named_parameters()}
    return own


def held_parameters(norm: nn.Module) -> dict[str, nn.Parameter]:
    """Those that were trained before `freeze` took them."""
    names: tuple[str, ...] = vars(norm).get(_NAMES, ())
    own = own_parameters(norm)
    return {name: parameter for name, parameter in own.items() if name in _present(names, own)}


def remember_held(norm: nn.Module, names: tuple[str, ...]) -> None:
    """Note which parameters of a norm were trained before they were frozen; () forgets it."""
    if names:
        vars(norm)[_NAMES] = names
    else:
        vars(norm).pop(_NAMES, None)


def _present(names: tuple[str, ...], own: dict[str, nn.Parameter]) -> set[str]:
    """The names that parameters have now: a parametrization may have come, or gone, since they were noted."""
    found = set()
    for name in names:
        base = name.removeprefix("parametrizations.").partition(".")[0]
        alike = {other for other in own if other == base or other.startswith(f"parametrizations.{base}.")}
        found |= {name} if name in own else alike
    return found
