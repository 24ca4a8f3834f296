"""How do converted norms become again what they were?"""

from torch import nn

from ...norms import Filter, select
from ...records import ConvertedNorm, ConvertReport
from ...transaction import all_or_nothing, verb
from ._each import steps_of
from ._former import former_of
from ._freezing import held_by
from ._given_back import give_back
from ._meant import is_convertible, named
from ._refuse import check_convertible, check_may_train_again


@verb
def revert(model: nn.Module, *, filter_fn: Filter | None = None) -> ConvertReport:
    """Undo `convert`: every norm is of exactly the class again that it was of before it was first converted.

    So are the attributes that a conversion has changed. What was trained, loaded, moved or frozen meanwhile stays as it
    is now; a parameter that a conversion has frozen is trained again, unless another norm that is still frozen has it.
    Copies and pickles of a converted model can be reverted, too. All or nothing, as `convert`.

    Args:
        model: a model that was converted, or a part of one; wrappers are seen through.
        filter_fn: as that of `convert`.

    Returns:
        What became of each norm; it can be printed.

    Raises:
        InputTypeError: no module, or no function.
        InputError: there is no norm, or none that the filter takes.
        RefusedError: the weights are sharded; the model is inside a block such as `use_batch_statistics`; or parameters
            that a conversion has frozen are inside DistributedDataParallel, which would not exchange their gradients.

    Example:
        >>> from batchnorm import convert, revert
        >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8))
        >>> _ = convert(net, "group")
        >>> revert(net).summary(), revert(net).outcome_of("1")
        ('1 of 1 norm reverted to torch.nn.BatchNorm2d', 'already')
    """
    chosen = select(model, filter_fn, is_convertible)
    check_convertible(chosen, "revert")
    check_may_train_again(chosen, chosen.norms.values(), "revert")
    with all_or_nothing() as undo:
        for norm in chosen.norms.values():
            undo.add(*steps_of(norm))
        held = held_by(chosen.norms.values(), chosen.others.values())
        done = [_reverted(name, norm, held) for name, norm in chosen.norms.items()]
    return ConvertReport("revert", tuple(done))


def _reverted(name: str, norm: nn.Module, held: set[int]) -> ConvertedNorm:
    before = named(norm)
    if former_of(norm) is None:
        return ConvertedNorm(name, before, before, "already")
    give_back(norm, held)
    return ConvertedNorm(name, before, named(norm), "reverted")
