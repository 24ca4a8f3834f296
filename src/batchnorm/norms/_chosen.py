"""Which norms of a model are meant, by a function of the caller's?"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import nn

from ..errors import ForPython, InputError, InputTypeError, RefusedError, its_type
from ..transaction import original
from ._find import check_called, check_usable, is_norm

Filter = Callable[[nn.Module, str], bool]
"""Says of a norm and its name whether it is meant."""

FOLDS = "_batchnorm_folds"
"""The attribute of a folded model that holds what `unfold` needs: then its norms are in its weights."""
_FEW = 4


@dataclass(frozen=True, slots=True)
class Chosen:
    """The norms that are meant, and those that are not, by their names.

    Attributes:
        given: the model as it came, in whatever wrapper.
        model: the module inside.
        norms: those of it that are meant.
        others: those that are not.
    """

    given: nn.Module
    model: nn.Module
    norms: dict[str, nn.Module]
    others: dict[str, nn.Module]


def choose(model: nn.Module, filter_fn: Filter | None) -> Chosen:
    """Find the norms that are meant, and look whether they can be looked into.

    Raises:
        InputTypeError: no module, or no function.
        InputError: there are none, or a norm is of torch.jit.
        RefusedError: a lazy norm has seen no batch yet; one is of an exported graph, which does not call it.
    """
    chosen = select(model, filter_fn)
    for name, norm in chosen.norms.items():
        check_usable(name, norm)
        check_called(name, norm)
    return chosen


def select(model: nn.Module, filter_fn: Filter | None, counts: Callable[[nn.Module], bool] = is_norm) -> Chosen:
    """Find the norms that are meant, of whatever kind; a shared one is meant if it is by any of its names.

    Args:
        model: any module.
        filter_fn: the caller's; None: all are meant.
        counts: which modules are norms.

    Raises:
        InputTypeError: no module, or no function.
        InputError: there are none.
    """
    module, _ = original(model)
    if filter_fn is not None and not callable(filter_fn):
        raise InputTypeError(
            argument="filter_fn", expected="a function of a norm and its name", got=its_type(filter_fn)
        )
    names = _names(module, counts)
    if not names:
        raise _without(module)
    meant = {norm for norm, known in names.items() if filter_fn is None or any(filter_fn(norm, name) for name in known)}
    if not meant:
        raise InputError(
            argument="filter_fn",
            expected="a function that takes at least one of the batch norms",
            got=f"one that takes none of {_listed([known[0] for known in names.values()])}",
            cure=ForPython("filter_fn(norm, name) is asked for each of them."),
        )
    return Chosen(
        model,
        module,
        {known[0]: norm for norm, known in names.items() if norm in meant},
        {known[0]: norm for norm, known in names.items() if norm not in meant},
    )


def _without(module: nn.Module) -> InputError:
    expected = "a model with batch norms"
    if any(FOLDS in vars(inner) for inner in module.modules()):
        got = "a folded one, whose norms are part of its weights"
        return InputError(argument="model", expected=expected, got=got, cure="Call batchnorm.unfold before.")
    return InputError(argument="model", expected=expected, got="one that has none")


def check_keeps_statistics(norms: Mapping[str, nn.Module]) -> None:
    """Raise RefusedError where a norm has no running statistics."""
    for name, norm in norms.items():
        if not _statistics(norm):
            raise RefusedError(
                argument="model",
                expected="norms that keep running statistics",
                got=f"{name} ({type(norm).__name__}), which has neither running_mean nor running_var",
                cure=("Build it with track_running_stats=True", ForPython(", or leave it out by filter_fn"), "."),
            )


def check_together(norms: Mapping[str, nn.Module], others: Mapping[str, nn.Module]) -> None:
    """Raise RefusedError where one of the norms has the running statistics of one of the others."""
    held = {buffer: name for name, norm in others.items() for buffer in _statistics(norm)}
    for name, norm in norms.items():
        for other in (held[buffer] for buffer in _statistics(norm) if buffer in held):
            raise RefusedError(
                argument="filter_fn",
                expected="a function that takes all norms that share running statistics, or none of them",
                got=f"one that takes {name}, but not {other}, which has the same",
            )


def _names(model: nn.Module, counts: Callable[[nn.Module], bool]) -> dict[nn.Module, list[str]]:
    """All names of each norm, in the order of `named_modules`."""
    names: dict[nn.Module, list[str]] = {}
    for name, module in model.named_modules(remove_duplicate=False):
        if counts(module):
            names.setdefault(module, []).append(name or "the model")
    return names


def _statistics(norm: nn.Module) -> list[int]:
    held = (norm._buffers.get(name) for name in ("running_mean", "running_var"))
    return [id(buffer) for buffer in held if buffer is not None]


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_FEW]) + (f" ... ({len(names)} in all)" if len(names) > _FEW else "")
