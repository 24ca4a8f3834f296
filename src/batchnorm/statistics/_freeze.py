"""How do norms become constants in training, and how do they become what they were again?"""

from torch import nn

from ..errors import ForPython, InputError, InputTypeError, RefusedError, Setting, its_type
from ..norms import (
    Chosen,
    Filter,
    check_keeps_statistics,
    check_together,
    choose,
    has_own_train,
    held_parameters,
    hold_statistics,
    is_frozen,
    is_stock,
    let_statistics_go,
    moves_alone,
    own_parameters,
    remember_held,
)
from ..records import Freezing, NormFreezing
from ..transaction import Undo, all_or_nothing, all_steps, attribute_steps, check_not_held, gradient_steps, verb
from ._affine import Named, to_return, to_take
from ._parents import Parents


@verb
def freeze(
    model: nn.Module, *, statistics: bool = True, affine: bool = False, filter_fn: Filter | None = None
) -> Freezing:
    """Keep batch norms at their running statistics in training, too, whatever `model.train()` says.

    A frozen norm computes in training what it computes in evaluation,

        y = (x - running_mean) / sqrt(running_var + eps) * weight + bias,

    and `running_mean`, `running_var` and `num_batches_tracked` do not move. Its `training` reads False after
    `model.train()`; its children (an activation, say) follow the model. Nothing else is changed: its class, the keys of
    its `state_dict`, `momentum` and every tensor are what they were. What is frozen stays so in a `deepcopy`, a pickle
    and a model saved whole by `torch.save`, and under `torch.compile`; a `state_dict` does not carry it. Freezing what
    is frozen changes nothing. `unfreeze` is the inverse.

    All or nothing: whatever is raised, Ctrl-C included, the model is as before.

    Args:
        model: any module; DistributedDataParallel, DataParallel and `torch.compile` are seen through.
        statistics: freeze the running statistics.
        affine: freeze the norms' own parameters, weight and bias: `requires_grad` is False, and `grad` None, so that an
            optimizer leaves them alone.
        filter_fn: `filter_fn(module, name)` says of each batch norm whether it is meant, by any of its names if it has
            several; None: all are.

    Returns:
        What was changed in which norm; it can be printed.

    Raises:
        InputTypeError: no module, no bool, or no function.
        InputError: there is nothing to freeze: no norm, none that the filter takes, neither statistics nor affine; or a
            norm is of torch.jit.
        RefusedError: a norm that is meant keeps no running statistics, moves them in evaluation, too, shares them with
            one that is not meant, is lazy and has seen no batch, or is of an exported graph, which does not call it;
            the model is inside `use_batch_statistics`; or `affine=True` inside DistributedDataParallel, or with sharded
            weights.

    Example:
        >>> import torch
        >>> net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
        >>> freeze(net).statistics
        ('1',)
        >>> _ = net.train()(torch.randn(4, 2))
        >>> net[1].training, net[1].running_mean
        (False, tensor([0., 0.]))
    """
    _check_asked(statistics=statistics, affine=affine)
    chosen = choose(model, filter_fn)
    check_not_held(chosen.model)
    if statistics:
        check_keeps_statistics(chosen.norms)
        check_together(chosen.norms, {name: norm for name, norm in chosen.others.items() if not is_frozen(norm)})
    elif not any(map(own_parameters, chosen.norms.values())):
        raise InputError(
            argument="affine", expected="norms with parameters", got="only norms without weight and bias (affine=False)"
        )
    taken = to_take(chosen) if affine else {}
    with all_or_nothing() as undo:
        _remember(undo, chosen)
        done = tuple(_freeze(*named, taken.get(named[0], {}), statistics=statistics) for named in chosen.norms.items())
    return Freezing("freeze", done)


@verb
def unfreeze(model: nn.Module, *, filter_fn: Filter | None = None) -> Freezing:
    """Undo `freeze`: norms follow the model's `train()` and `eval()` again, and parameters are trained as before.

    A norm takes the mode of the module that holds it. Where a module around it has a `train()` of its own, which may
    keep norms in evaluation, it takes the mode that it was last asked for while it was frozen; so does a norm that is
    itself the model. A parameter is trained again if it was before, and no other norm that is still frozen has it.
    All or nothing. Where nothing is frozen, nothing is changed, and the result says so.

    Args:
        model: a model, or a part of one, that `freeze` has frozen, or that has such parts.
        filter_fn: as that of `freeze`.

    Returns:
        What was changed in which norm; it can be printed.

    Raises:
        InputTypeError: no module, or no function.
        InputError: there is no norm, or none that the filter takes.
        RefusedError: a norm that is meant shares its running statistics with one that is not; the model is inside
            `use_batch_statistics`; or parameters are inside DistributedDataParallel, or sharded.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
        >>> _ = freeze(net, affine=True)
        >>> unfreeze(net).parameters
        ('1.weight', '1.bias')
        >>> net[1].training, unfreeze(net).already
        (True, ('1',))
    """
    chosen = choose(model, filter_fn)
    check_not_held(chosen.model)
    frozen = {name: norm for name, norm in chosen.norms.items() if is_frozen(norm)}
    check_together(frozen, {name: norm for name, norm in chosen.others.items() if is_frozen(norm)})
    returned, parents = to_return(chosen), Parents(chosen.model)
    with all_or_nothing() as undo:
        _remember(undo, chosen)
        done = tuple(_unfreeze(*named, returned[named[0]], parents) for named in chosen.norms.items())
    return Freezing("unfreeze", done)


def _freeze(name: str, norm: nn.Module, taken: Named, *, statistics: bool) -> NormFreezing:
    is_new = statistics and not is_frozen(norm)
    if is_new:
        hold_statistics(norm)
        _check_holds(name, norm)
    remember_held(norm, (*held_parameters(norm), *taken))
    for parameter in taken.values():
        parameter.requires_grad_(False)
        parameter.grad = None
    return NormFreezing(name, type(norm).__name__, is_new, tuple(taken))


def _unfreeze(name: str, norm: nn.Module, returned: Named, parents: Parents) -> NormFreezing:
    was_frozen = is_frozen(norm)
    if was_frozen:
        let_statistics_go(norm, mode=parents.mode_of(norm))
    remember_held(norm, ())
    for parameter in returned.values():
        parameter.requires_grad_(True)
    return NormFreezing(name, type(norm).__name__, was_frozen, tuple(returned))


def _remember(undo: Undo, chosen: Chosen) -> None:
    for norm in chosen.norms.values():
        # A train() of its own may do anything; else the attributes are all, and weights may be sharded.
        undo.add(*(all_steps(norm) if has_own_train(norm) else attribute_steps(norm)))
        undo.add(*gradient_steps(own_parameters(norm).values()))


def _check_holds(name: str, norm: nn.Module) -> None:
    """Raise where a norm of somebody's own class moves its statistics in evaluation, too."""
    if not is_stock(norm) and moves_alone(norm):
        raise RefusedError(
            argument="model",
            expected="norms that keep their running statistics in evaluation",
            got=f"{name} ({type(norm).__name__}), whose forward moves them in evaluation, too",
            cure=("Freeze it in its class", ForPython(", and leave it out by filter_fn"), "."),
        )


def _check_asked(*, statistics: bool, affine: bool) -> None:
    for argument, value in (("statistics", statistics), ("affine", affine)):
        if not isinstance(value, bool):
            raise InputTypeError(argument=argument, expected="True or False", got=its_type(value))
    if not statistics and not affine:
        raise InputError(
            argument="statistics",
            expected="something to freeze",
            got="neither statistics nor affine",
            cure=("Pass ", Setting("affine", True), " to freeze weight and bias alone."),
        )
