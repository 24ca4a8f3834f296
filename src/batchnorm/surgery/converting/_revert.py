"""How do converted norms become again what they were?"""

from torch import nn

from ...norms import Filter, select
from ...records import ConvertedNorm, ConvertReport
from ...transaction import all_or_nothing, verb
from ._each import steps_of
from ._former import former_of
from ._given_back import give_back
from ._meant import is_convertible, named
from ._refuse import check_convertible, check_may_train_again


@verb
def revert(model: nn.Module, *, filter_fn: Filter | None = None) -> ConvertReport:
    """Undo `convert`: every norm is of exactly the class again that it was of before it was first converted."""
    chosen = select(model, filter_fn, is_convertible)
    check_convertible(chosen, "revert")
    check_may_train_again(chosen, chosen.norms.values(), "revert")
    with all_or_nothing() as undo:
        for norm in chosen.norms.values():
            undo.add(*steps_of(norm))
        done = [_reverted(name, norm) for name, norm in chosen.norms.items()]
    return ConvertReport("revert", tuple(done))


def _reverted(name: str, norm: nn.Module) -> ConvertedNorm:
    before = named(norm)
    if former_of(norm) is None:
        return ConvertedNorm(name, before, before, "already")
    give_back(norm)
    return ConvertedNorm(name, before, named(norm), "reverted")
