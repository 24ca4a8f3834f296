"""What can be done with every norm of a model that has been watched?"""

import torch
from torch import nn
from torch.nn.modules.lazy import LazyModuleMixin

from ...functional import RUNNING, Source
from ...norms import has_hooks
from ...wiring import NormCall, Wiring, innermost
from ._ahead import fold_ahead
from ._behind import fold_behind
from ._elsewhere import held_elsewhere
from ._neighbours import Neighbours
from ._pair import pair_of
from ._plan import Change, Plan
from ._rest import rest_of
from ._sources import Arrivals

_PARTS = ("running_mean", "running_var", "weight", "bias")
_NUMBERS = {"numpy", "tolist", "__array__", "__dlpack__", "__repr__", "__format__"}
"""Ways out of torch by which the data can decide what a model does."""


def make_plan(wiring: Wiring) -> Plan:
    """Decide about every norm: into a neighbour, else one multiply-add, else nothing, and why."""
    elsewhere = held_elsewhere(wiring.model)
    changes = {name: _seen_as(wiring, name, module, elsewhere) for name, module in wiring.norms().items()}
    ready = {name: change for name, change in changes.items() if change.outcome != "left"}
    blocked = _decides_by_data(wiring)
    arrivals, neighbours = Arrivals.of(wiring), Neighbours(wiring)
    for name in _last_first(wiring):
        if name in ready:
            _decide(wiring, arrivals, neighbours, changes[name], ready, blocked)
    return Plan([*changes.values()], _loose(wiring))


def _seen_as(wiring: Wiring, name: str, module: nn.Module, elsewhere: dict[int, str]) -> Change:
    """A change that is at best a multiply-add, with what is known of the norm."""
    change = Change(name, module)
    calls = [unit for _, unit in wiring.norm_calls(name)]
    change.reason = _must_stay(wiring, name, module, calls)
    if change.reason is None and id(module) in elsewhere:
        change.reason = (
            f"the model holds it at {elsewhere[id(module)]}, too, and may call it there: remove it from there"
        )
    if change.reason is None:
        rest = rest_of(calls)
        if isinstance(rest, str):
            change.reason = rest
        else:
            change.rest, change.outcome = rest, "scale-shifted"
    return change


def _must_stay(wiring: Wiring, name: str, module: nn.Module, calls: list[NormCall]) -> str | None:
    if isinstance(module, torch.jit.ScriptModule):
        return "it is part of a torch.jit script: fold the model before you script it"
    if not name:
        return "it is the whole model, in which nothing can take its place: fold the model that it belongs to"
    if module.training:
        return "it is in training mode: call eval() on it"
    mean, var = (module._buffers.get(part) for part in ("running_mean", "running_var"))
    if mean is None or var is None:
        return "it has no running statistics, so that it normalizes by the batch"
    source = getattr(module, "moments", None)
    if isinstance(source, Source) and source.at(training=False) is not RUNNING:
        return f"moments={str(source)!r}, by which it does not normalize by its running statistics alone"
    if hasattr(module, "parametrizations"):
        return "its own parameters are parametrized: remove that first"
    if type(module).__call__ is not nn.Module.__call__:
        return "its class has a __call__ of its own"
    if isinstance(module, LazyModuleMixin):
        return "it is lazy and has not been called yet: run one batch through the model first"
    if _is_hooked(module):
        return "it has hooks: remove them first"
    unfollowed = _not_followed(wiring, name, calls)
    if unfollowed is not None:
        return unfollowed
    try:
        positive = bool((var + float(getattr(module, "eps", 0.0)) > 0).all())
        finite = all(bool(values.isfinite().all()) for values in pair_of(module))
    except (TypeError, ValueError, RuntimeError):
        return "its parameters and statistics are not those of a batch norm"
    if not positive or not finite:
        return "one of its variances is not positive" if not positive else "its scale or shift is not finite"
    return _exchanged(wiring, name) or _given_away(wiring, name)


def _not_followed(wiring: Wiring, name: str, calls: list[NormCall]) -> str | None:
    """Why it is not known what went into a norm and out of it whenever it was called."""
    known = {id(unit.call) for unit in calls}
    others = [call for seen in wiring.passes for call in seen.calls if call.name == name and id(call) not in known]
    if not others:
        return None if calls else "it was not called with the examples: give one with which it is"
    given = next((call.opaque_input for call in others if call.opaque_input is not None), None)
    if given is not None:
        return f"it was called with {given.kind}, which cannot be followed"
    if any(call.input for call in others):
        return "it was called inside another norm, or without a result"
    return "it was called without a tensor"


def _exchanged(wiring: Wiring, name: str) -> str | None:
    """Whether the norm normalized by other numbers than those that it holds."""
    for seen, unit in wiring.norm_calls(name):
        own = {seen.values[f"{name}.{part}"].storage for part in _PARTS if f"{name}.{part}" in seen.values}
        if not own <= seen.read_in(unit.call):
            return "it was called with parameters or statistics that are not its own"
        for norm in unit.norms:
            if norm.training or norm.given.get("eps") != getattr(unit.call.module, "eps", None):
                return "it was in training mode, or had another eps, while it was called"
    return None


def _given_away(wiring: Wiring, name: str) -> str | None:
    """Who else reads the norm's own numbers: they would not be there any more."""
    own = {tensor for tensor in wiring.passes[0].values if tensor.rpartition(".")[0] == name}
    for seen in wiring.passes:
        inside = {index for unit in wiring.units(seen) if isinstance(unit, NormCall) for index in unit.events}
        for part in own & seen.values.keys():
            storage = seen.values[part].storage
            if any(operation.index not in inside for operation in seen.readers(storage)):
                return f"its {part.rpartition('.')[2]} is also read outside of it"
            if storage in seen.results:
                return f"its {part.rpartition('.')[2]} is returned by the model"
    return None


def _is_hooked(module: nn.Module) -> bool:
    tables = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    everywhere = (f"_global{table}" for table in tables)
    return has_hooks(module, *tables) or any(getattr(torch.nn.modules.module, table, None) for table in everywhere)


def _decide(
    wiring: Wiring,
    arrivals: Arrivals,
    neighbours: Neighbours,
    change: Change,
    ready: dict[str, Change],
    blocked: str | None,
) -> None:
    if blocked is not None:
        change.reason = blocked
        return
    reason = fold_behind(wiring, arrivals, change, ready)
    other = None if reason is None else fold_ahead(wiring, change)
    if reason is not None and other is not None:
        change.reason = neighbours.sentence(change.norm, reason, other)


def _decides_by_data(wiring: Wiring) -> str | None:
    """Why the model may do, with other data, what it has not done here."""
    if not wiring.complete:
        return "the data decide between more ways through the model than could be tried"
    if wiring.unseen:
        return (
            f"the example holds {wiring.unseen[0]}, which Python may read, and decide by, unseen: give it as a tensor"
        )
    for seen in wiring.passes:
        if seen.draws_outside_torch:
            return "the model draws random numbers outside torch, which may decide what it does: draw them by torch"
        if seen.unread:
            return f"the model goes on computing while its output is read: {seen.unread[0]}"
        for operation in seen.operations:
            if operation.scalar_of_data:
                return _read_by_python(operation.name)
        for escape in seen.escapes:
            if escape.of_data and escape.how in _NUMBERS:
                return _read_by_python(escape.how)
    return None


def _read_by_python(how: str) -> str:
    return f"Python reads numbers of the data ({how}), which may decide what the model does: keep them in tensors"


def _last_first(wiring: Wiring) -> list[str]:
    """The names of the norms that were called, those that ran last first."""
    order: dict[str, None] = {}
    for seen in wiring.passes:
        for unit in wiring.units(seen):
            if isinstance(unit, NormCall):
                order.setdefault(unit.name)
    return [*order][::-1]


def _loose(wiring: Wiring) -> list[str]:
    """Where `F.batch_norm`, or ours, ran outside every norm."""
    found = ((seen, norm) for seen in wiring.passes for norm in wiring.loose_norms(seen))
    return [*dict.fromkeys(innermost(seen, norm) or "the model" for seen, norm in found)]
