"""How do the norms of a model become synchronized ones? By a layer in all of their places that holds what they held."""

from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parameter import is_lazy

from batchnorm.functional import Sync

from ..errors import RefusedError
from ._forward import Forward
from ._moments_of import check_moments, given_to

_VERB = "convert_sync_batchnorm"


def synchronized(module: nn.Module, kind: type[Forward], group: Any) -> nn.Module:
    """The model with its norms replaced, or the layer of `kind` that replaces the module.

    Raises:
        TypeError: `module` is no module.
        RefusedError: a norm computes something else. Nothing has been changed.
    """
    if not isinstance(module, nn.Module):
        raise TypeError(
            f"{_VERB}: module must be a torch.nn.Module, got {type(module).__name__}. Pass a model or a norm."
        )
    source = Sync(group)
    norms = {name: norm for name, norm in module.named_modules() if isinstance(norm, _BatchNorm)}
    for name, norm in norms.items():
        _check(name or "the module", norm, source)
    new = {id(norm): _made(norm, kind, source) for norm in norms.values()}
    for parent in list(module.modules()):
        for name, child in parent._modules.items():
            if id(child) in new:
                parent._modules[name] = new[id(child)]
    return new.get(id(module), module)


def _made(norm: nn.Module, kind: type[Forward], source: Sync) -> nn.Module:
    """A layer that holds what a norm held; ours that do more become synchronized as they are."""
    if isinstance(norm, Forward) and (type(norm).own_step is not None or _is_lazy(norm)):
        norm.moments = source
        return norm
    group = getattr(norm, "process_group", None) if source.group is None else source.group
    made = kind(0, process_group=group, affine=False, track_running_stats=False)
    for name, held in vars(norm).items():
        if name not in ("_source", "process_group"):
            made.__dict__[name] = held.copy() if name in ("_parameters", "_buffers", "_modules") else held
    for name in norm._modules:  # an activation that is a module, before which None would be found
        made.__dict__.pop(name, None)
    return made


def _is_lazy(norm: Any) -> bool:
    """Whether a norm has seen no batch yet, and will become another class when it does."""
    return any(is_lazy(tensor) for tensor in (*norm.parameters(recurse=False), *norm.buffers(recurse=False)))


def _check(name: str, norm: Any, source: Sync) -> None:
    if isinstance(norm, Forward):
        check_moments(norm, source)
        given = given_to(norm)
        lost = None if given is None or isinstance(given, Sync) else f"moments={str(given)!r}"
        plain = type(norm).forward is Forward.forward or type(norm).own_step is not None
    else:
        lost = "its being lazy" if _is_lazy(norm) else None
        plain = type(norm).forward in (_BatchNorm.forward, nn.SyncBatchNorm.forward)
    if lost is None and plain and "forward" not in vars(norm):
        return
    raise RefusedError(
        verb=_VERB,
        problem=f"{name} ({type(norm).__name__}) would lose {lost or 'its forward, which is its own'}",
        cure=_cure(lost),
    )


def _cure(lost: str | None) -> str:
    if lost is None:
        return "Convert it by batchnorm.convert(model, 'sync')."
    return "Run one batch through the model first." if "lazy" in lost else "Call set_moments(model, 'batch') first."
