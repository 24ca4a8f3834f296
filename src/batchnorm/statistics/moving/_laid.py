"""How does a block lay a policy on all norms of a model, and take it away whatever is raised?"""

from functools import partial

from torch import nn

from ...errors import InputError, InputTypeError
from ...nn import Gatherer, Policy
from ...norms import Norm, check_called, find_norms, lay, lift
from ...transaction import Attributes


def lay_on_all(change: Attributes, norms: list[Norm], policy: Policy | Gatherer) -> None:
    """Put a policy on norms until the block ends."""
    for norm in norms:
        for module in norm.modules:
            change.afterwards(partial(lift, module, policy))
            lay(module, policy)


def norms_of(model: object, verb: str) -> list[Norm]:
    """The norms of a model that keep running statistics.

    Raises:
        InputTypeError: no module.
        InputError: there are none.
        RefusedError: a lazy norm has seen no batch yet; one is of an exported graph, which does not call it.
    """
    if not isinstance(model, nn.Module):
        raise InputTypeError(verb=verb, argument="model", expected="a torch.nn.Module", got=type(model).__name__)
    norms = find_norms(model, verb)
    if not norms:
        raise InputError(
            verb=verb,
            argument="model",
            expected="a model with batch norm that keeps running statistics",
            got=f"{type(model).__name__}, which has none",
            cure="Pass the model that has them, or leave the block out.",
        )
    for norm in norms:
        for module in norm.modules:
            check_called(norm.name, module, verb)
    return norms
