"""Which models cannot be converted as they are?"""

from collections.abc import Iterable

from torch import nn
from torch.nn.parallel import DistributedDataParallel

from ...errors import RefusedError
from ...nn import Forward, Tracking, given_to, tracking_of
from ...norms import Chosen, blend_of, is_norm
from ...transaction import check_holds_weights, check_not_held
from ._former import former_of
from ._freezing import held_among


def check_convertible(chosen: Chosen, verb: str) -> None:
    """Raise where somebody else keeps books of the norms that are meant.

    Raises:
        RefusedError: the weights are sharded, or the model is inside one of the blocks that move statistics in another
            way for a while.
    """
    check_holds_weights(chosen.given, verb)
    check_not_held(chosen.model, "a model whose norms normalize as usual")
    # A GroupNorm that was a norm is in no block itself, and would be out of the one that the others are in.
    is_all = all(map(is_norm, chosen.norms.values()))
    for name, norm in (chosen.norms if is_all else chosen.norms | chosen.others).items():
        # Somebody's own norm may have attributes of these names, which mean something else.
        tracking = tracking_of(norm)
        is_tracked = isinstance(tracking, Tracking) and not tracking.only_lasts
        source = given_to(norm) if isinstance(norm, Forward) else None
        if is_tracked or blend_of(norm) is not None or (source is not None and source.lent):
            raise RefusedError(
                argument="model",
                expected="a model whose statistics move as usual",
                got=f"{name} inside a block that says for a while how its statistics move, or what it normalizes by",
                cure=f"Call {verb} before or after the `with` block.",
            )


def check_may_stop_training(chosen: Chosen, what: str) -> None:
    """Raise where parameters are in DistributedDataParallel that would get no gradients from now on.

    Raises:
        RefusedError: it waits for the gradients of those that were trained when it was built.
    """
    if any(isinstance(module, DistributedDataParallel) for module in chosen.given.modules()):
        raise RefusedError(
            argument="model",
            expected="a model whose parameters nobody else keeps books of",
            got=f"one in DistributedDataParallel, which waits for gradients that {what} does not have",
            cure="Convert the model before it is wrapped.",
        )


def check_may_train_again(chosen: Chosen, norms: Iterable[nn.Module], verb: str) -> None:
    """Raise where norms in DistributedDataParallel would be given back, and parameters with them be trained again.

    Raises:
        RefusedError: their gradients would not be exchanged, and the processes would drift apart without a word.
    """
    wrappers = [module for module in chosen.given.modules() if isinstance(module, DistributedDataParallel)]
    formers = ((norm, former_of(norm)) for norm in norms)
    if wrappers and any(former is not None and held_among(norm, former.frozen) for norm, former in formers):
        raise RefusedError(
            argument="model",
            expected="a model whose parameters nobody else keeps books of",
            got="one in DistributedDataParallel, which exchanges no gradients of parameters that were frozen before",
            cure=f"Call {verb} on the model before it is wrapped.",
        )
