"""Which parameters does freezing take out of training, and which does unfreezing give back?"""

from collections.abc import Iterable, Iterator, Mapping

from torch import nn
from torch.nn.parallel import DistributedDataParallel

from ..errors import RefusedError
from ..norms import Chosen, held_parameters, own_parameters
from ..transaction import check_holds_weights

Named = Mapping[str, nn.Parameter]


def to_take(chosen: Chosen) -> dict[str, Named]:
    """Of each norm those that are trained, or would be, were they not frozen with another norm that has them, too."""
    frozen = _held({**chosen.norms, **chosen.others}.values())
    taken: dict[str, Named] = {name: dict(_to_take(norm, frozen)) for name, norm in chosen.norms.items()}
    _check_may_switch(chosen, taken, "freeze")
    return taken


def to_return(chosen: Chosen) -> dict[str, Named]:
    """Of each norm those that were trained before they were frozen, but for those that are frozen elsewhere, too."""
    kept = _held(chosen.others.values())
    returned: dict[str, Named] = {
        name: {which: one for which, one in held_parameters(norm).items() if id(one) not in kept}
        for name, norm in chosen.norms.items()
    }
    _check_may_switch(chosen, returned, "unfreeze")
    return returned


def _to_take(norm: nn.Module, frozen: set[int]) -> Iterator[tuple[str, nn.Parameter]]:
    held = held_parameters(norm)
    for name, parameter in own_parameters(norm).items():
        if name not in held and (parameter.requires_grad or id(parameter) in frozen):
            yield name, parameter


def _held(norms: Iterable[nn.Module]) -> set[int]:
    return {id(parameter) for norm in norms for parameter in held_parameters(norm).values()}


def _check_may_switch(chosen: Chosen, switched: Mapping[str, Named], verb: str) -> None:
    """Raise where somebody has made books of which parameters are trained.

    DistributedDataParallel waits for the gradients of those that were when it was built, and exchanges no others.
    """
    ids = {id(parameter): f"{norm}.{name}" for norm, named in switched.items() for name, parameter in named.items()}
    if not ids:
        return
    check_holds_weights(chosen.given, verb)
    wrappers = (module for module in chosen.given.modules() if isinstance(module, DistributedDataParallel))
    for name in (ids[id(one)] for wrapper in wrappers for one in wrapper.parameters() if id(one) in ids):
        raise RefusedError(
            argument="model",
            expected="a model whose parameters nobody else keeps books of",
            got=f"{name} inside DistributedDataParallel, which knows of what was trained when it was built",
            cure=f"Call {verb} on the model before it is wrapped.",
        )
