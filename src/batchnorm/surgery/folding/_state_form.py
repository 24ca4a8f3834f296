"""In which form is a folded model written down, and is what a file says of that form?"""

from collections.abc import Iterable, Iterator
from typing import Literal, NotRequired, TypedDict

from torch import Tensor

from ...errors import InputError

VERSION = 2
"""Of a state that says what the first version cannot: `plain`, `hidden`, `trained`. Others are still written as 1."""
PREFIX = "unfold."
BUFFERS = "buffers."
"""Behind the prefix, before the names of the folded model's buffers that are not in its `state_dict`."""
PLAIN = "plain."
"""Behind the prefix, before a fold's number and the names of what modules held before they were made plain."""


class NormState(TypedDict):
    """A replaced norm: all its names, what became of it, and what it did besides (`Rest`)."""

    names: list[str]
    outcome: Literal["folded", "shift", "scale-shifted"]
    is_nothing: bool
    is_own: bool
    children: list[str]


class OneFold(TypedDict):
    """One fold, everything by all its names: the folded module, the changed tensors, the new biases, the norms.

    `plain`: the modules whose weight had been computed in each call; `hidden`: what of the tensors that were replaced
    was in no `state_dict`, by first names.
    """

    modules: list[str]
    changed: list[list[str]]
    made: list[list[str]]
    norms: list[NormState]
    plain: NotRequired[list[list[str]]]
    hidden: NotRequired[list[str]]


class FoldState(TypedDict):
    """All folds. `trained`: tensors that had been trained since, when the model was written."""

    version: int
    prefix: str
    folds: list[OneFold]
    trained: NotRequired[list[str]]


def own_tensors(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in tensors.items() if not name.startswith(prefix)}


def behind(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def by_owner(tensors: dict[str, Tensor], owners: Iterable[str]) -> dict[str, dict[str, Tensor]]:
    """For each of some modules the tensors that lie in it, by their names there."""
    found: dict[str, dict[str, Tensor]] = {owner: {} for owner in owners}
    for name, tensor in tensors.items():
        for owner in owners_of(name):
            if owner in found:
                found[owner][name[len(owner) + 1 :]] = tensor
    return found


def owners_of(name: str) -> Iterator[str]:
    """The modules in which a tensor of that name lies, the innermost last."""
    place = name.find(".")
    while place >= 0:
        yield name[:place]
        place = name.find(".", place + 1)


def is_of_kind(given: Tensor, present: Tensor) -> bool:
    """Whether the numbers of one tensor can stand for those of another, and a layer computes with them."""
    if given.is_floating_point():
        return present.is_floating_point() and given.dtype.itemsize > 1
    return given.is_complex() == present.is_complex() and not present.is_floating_point()


def read_state(state: object, tensors: dict[str, Tensor]) -> FoldState:
    """Check that a state has the form that `fold_state` gives it, and speaks of no more than the tensors can bear."""
    from typeguard import CollectionCheckStrategy, TypeCheckError, check_type

    if isinstance(state, dict) and state.get("version", VERSION) not in (1, VERSION):
        raise misfit(
            f"the state has version {str(state['version'])[:40]}, this batchnorm reads versions 1 and {VERSION}"
        )
    try:
        read = check_type(state, FoldState, collection_check_strategy=CollectionCheckStrategy.ALL_ITEMS)
    except TypeCheckError as error:
        raise misfit(f"the state is damaged ({error})") from None
    if not read["prefix"].endswith(PREFIX) or read["prefix"].strip("_") != PREFIX:
        raise misfit("the state is damaged (a prefix that is never given)")
    for fold in read["folds"]:
        _check_names(fold)
    if (work := sum(_work(fold, len(tensors)) for fold in read["folds"])) > MOST_WORK:
        raise misfit(f"the state is damaged (it takes {work:,} steps to read, of {MOST_WORK:,} at most)")
    return read


MOST_WORK = 5 * 10**6
"""Names looked at: a fold of a model with ten thousand tensors takes a hundredth."""


def _work(fold: OneFold, tensors: int) -> int:
    things = [*fold["changed"], *fold["made"], *fold.get("plain", ()), *(norm["names"] for norm in fold["norms"])]
    names = sum(map(len, things))
    return (len(fold["modules"]) + 1) * (tensors + names)


def _check_names(fold: OneFold) -> None:
    """Raise if two things have one name."""
    modules = [*fold.get("plain", ()), *(norm["names"] for norm in fold["norms"])]
    kinds = ([fold["modules"]], [*fold["changed"], *fold["made"]], modules)
    for things in kinds:
        names = [name for thing in things for name in thing]
        if len(set(names)) < len(names):
            raise misfit("the state is damaged (a name that is there twice)")
    if any(len({*norm["children"]}) < len(norm["children"]) for norm in fold["norms"]):
        raise misfit("the state is damaged (a child that is there twice)")


class MisfitError(InputError):
    """State, tensors and model do not fit each other."""


def misfit(
    reason: object, cure: str = "Use a complete copy of the file, and the model that was folded."
) -> MisfitError:
    return MisfitError(
        verb="restore_fold",
        problem=f"expected the state and the tensors of one folded model, and a model of its kind, but {reason}",
        cure=cure,
    )
