"""How do the norms of a model become those of another class, in place?"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from ...calls import Call, Reader, check_device
from ...errors import InputError
from ...norms import Filter, check_together, is_frozen, select
from ...records import ConvertedNorm, ConvertProof, ConvertReport
from ...transaction import all_or_nothing, transaction, verb
from .._other_inputs import other_inputs
from ._asked import Asked, Target, asked
from ._each import converted, steps_of
from ._freezing import hold_together
from ._meant import is_convertible
from ._prove import Prover
from ._refuse import check_convertible, check_may_stop_training


@verb
def convert(
    model: nn.Module,
    to: Asked = None,
    *,
    filter_fn: Filter | None = None,
    example_inputs: object = None,
    **options: Any,
) -> ConvertReport:
    """Give the batch norms of a model another class, in place, so that everything else about them stays.

    Each norm remains the object that it is: with its parameters and buffers (an optimizer that was built before goes
    on), its keys in the `state_dict`, hooks, mode, momentum, what it ends with (an activation, say), and what has been
    frozen. Only its class is another one, and what goes with that. `revert` gives back exactly what each norm was.

    ==================  ================================================================================================
    to                  what a norm becomes
    ==================  ================================================================================================
    None, "batchnorm"   the layer of this library of the same kind: BatchNorm1d, 2d or 3d; SyncBatchNorm where it is
                        synchronized; frozen where it was made of constants
    "sync"              `batchnorm.nn.SyncBatchNorm`
    "ghost"             `batchnorm.nn.GhostBatchNorm1d`, 2d or 3d, for slices of `size` samples
    "frozen"            the layer of this library, frozen as by `batchnorm.freeze(affine=True)`
    "torch"             torch's layer of the same kind
    "group"             `torch.nn.GroupNorm`, for a comparison; see `num_groups`
    "identity"          `torch.nn.Identity`, for a comparison
    a class             that one: one of the above, for the norms that can be one
    ==================  ================================================================================================

    A norm is left as it is, and the report says why, where its class does more than its name says (it has a forward or
    another method of its own), where somebody has changed what it computes (a parametrization, a forward of its own),
    or where the new class would lose something, such as an activation. All or nothing: whatever is raised, Ctrl-C
    included, the model is as before.

    Args:
        model: any module; DistributedDataParallel, DataParallel and `torch.compile` are seen through.
        to: what the norms are to become.
        filter_fn: `filter_fn(module, name)` says of each batch norm whether it is meant, by any of its names if it has
            several; None: all are.
        example_inputs: as those of `fold`: what the model gives, its gradients and buffers are compared before and
            after, in both modes, in float64 and in the model's dtype, on these and on random inputs like them. A norm
            that makes a difference is left as it was. Where training is to differ (ghost, frozen, other moments, and
            synchronized in several processes), outputs in evaluation are compared.
        options: of the new layers: `activation` (a name or a function), `route`, `moments` with "batchnorm"; `size`
            with "ghost"; `process_group` with "sync"; `num_groups` with "group", where without it a norm has the most
            groups, 32 at most, of two or more channels each.

    Returns:
        What became of each norm; it can be printed.

    Raises:
        InputTypeError: no module, no function, or an option of the wrong type.
        InputError: there is no norm, or none that the filter takes; nothing that a norm can become, or an option that
            does not go with it; or examples where nothing is to stay the same.
        RefusedError: the weights are sharded; the model is inside a block such as `use_batch_statistics`; parameters
            would be frozen, or idle, inside DistributedDataParallel; or the model does not give the same twice.
        Exception: whatever the model raises with an example, in evaluation.

    Example:
        >>> from batchnorm import convert, revert
        >>> net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
        >>> optimizer = torch.optim.Adam(net.parameters())
        >>> convert(net, moments="ghost:16").summary()
        '1 of 1 norm converted to batchnorm.nn.BatchNorm1d'
        >>> net[1]
        batchnorm.nn.BatchNorm1d(2, eps=1e-05, momentum=0.1, ..., moments='ghost:16')
        >>> revert(net).summary(), net[1].weight is optimizer.param_groups[0]["params"][2]
        ('1 of 1 norm reverted to torch.nn.BatchNorm1d', True)

    Source: for "group" Wu and He, "Group normalization", 2018, section 4.1 (32 groups).
    """
    target = asked(to, options)
    chosen = select(model, filter_fn, is_convertible)
    check_convertible(chosen, "convert")
    if target.freezes:
        check_together(chosen.norms, {name: norm for name, norm in chosen.others.items() if not is_frozen(norm)})
    if target.idles is not None:
        check_may_stop_training(chosen, target.idles)
    examples = () if example_inputs is None else _examples(chosen.model, example_inputs, target)
    said: list[str] = []
    with torch.inference_mode(mode=False), torch.enable_grad(), all_or_nothing() as undo:
        for norm in chosen.norms.values():
            undo.add(*steps_of(norm))
        if examples:
            done, proof, doubts = _proved(chosen.model, examples, chosen.norms, target, said)
        else:
            done, proof, doubts = [converted(*one, target) for one in chosen.norms.items()], None, []
        if target.freezes:
            hold_together([chosen.norms[one.name] for one in done if one.outcome != "left"], chosen.others.values())
    return ConvertReport("convert", tuple(done), (*doubts, *said), proof)


def _proved(
    model: nn.Module, examples: Sequence[Call], norms: Mapping[str, nn.Module], target: Target, said: list[str]
) -> tuple[list[ConvertedNorm], ConvertProof, Sequence[str]]:
    with transaction(model, scripts=True) as change:
        change.evaluate()
        others, doubts = other_inputs(model, examples)
    return (*Prover(model, [*examples, *others], target, said).prove(norms), doubts)


def _examples(model: nn.Module, given: object, target: Target) -> Sequence[Call]:
    """Read the examples by which it is to be proved that a model computes the same.

    Raises:
        InputError: it is not to compute the same.
    """
    if not target.modes:
        raise InputError(
            argument="example_inputs",
            expected="None, for what the norms become computes something else, and there is nothing to prove",
            got="examples",
            cure="Leave it out.",
        )
    examples = Reader(model, "convert").examples(given)
    check_device(examples, model, "convert")
    return examples
