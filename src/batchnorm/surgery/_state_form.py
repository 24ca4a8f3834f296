"""In which form is a folded model written down, and is what a file says of that form?"""

from collections.abc import Iterator
from typing import Literal, TypedDict

from torch import Tensor, nn

VERSION = 1
PREFIX = "unfold."


class NormState(TypedDict):
    """A replaced norm: all its names, what became of it, and what it did besides (`Rest`)."""

    names: list[str]
    outcome: Literal["folded", "shift", "scale-shifted"]
    is_nothing: bool
    is_own: bool
    children: list[str]


class OneFold(TypedDict):
    """One fold, everything by all its names: the folded module, the changed tensors, the new biases, the norms."""

    modules: list[str]
    changed: list[list[str]]
    made: list[list[str]]
    norms: list[NormState]


class FoldState(TypedDict):
    version: int
    prefix: str
    folds: list[OneFold]


def named_tensors(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from module.named_parameters(remove_duplicate=False)
    yield from module.named_buffers(remove_duplicate=False)


def own_tensors(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in tensors.items() if not name.startswith(prefix)}


def behind(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def read_state(state: object) -> tuple[str, list[OneFold]]:
    """Check that a state has the form that `fold_state` gives it."""
    from typeguard import CollectionCheckStrategy, TypeCheckError, check_type

    if isinstance(state, dict) and state.get("version", VERSION) != VERSION:
        raise misfit(f"the state has version {state['version']}, this batchnorm reads version {VERSION}")
    try:
        read = check_type(state, FoldState, collection_check_strategy=CollectionCheckStrategy.ALL_ITEMS)
    except TypeCheckError as error:
        raise misfit(f"the state is damaged ({error})") from None
    return read["prefix"], read["folds"]


def misfit(reason: object) -> ValueError:
    return ValueError(
        f"restore_fold: expected the state and the tensors of one folded model, and a model of its kind, but {reason}. "
        "Take a whole copy of the file, and the net that was folded."
    )
