"""What does a norm do, so that one of another class can do the same?"""

from dataclasses import dataclass, replace

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ... import nn as ours
from ...norms import is_stock
from ._constants import constants_of
from ._former import former_of
from ._own_code import own_code

_TORCHS: dict[type[nn.Module], int | None] = {
    nn.BatchNorm1d: 1,
    nn.BatchNorm2d: 2,
    nn.BatchNorm3d: 3,
    nn.LazyBatchNorm1d: 1,
    nn.LazyBatchNorm2d: 2,
    nn.LazyBatchNorm3d: 3,
    nn.SyncBatchNorm: None,
}
_OURS: dict[type[nn.Module], int | None] = {
    ours.BatchNorm1d: 1,
    ours.BatchNorm2d: 2,
    ours.BatchNorm3d: 3,
    ours.LazyBatchNorm1d: 1,
    ours.LazyBatchNorm2d: 2,
    ours.LazyBatchNorm3d: 3,
    ours.GhostBatchNorm1d: 1,
    ours.GhostBatchNorm2d: 2,
    ours.GhostBatchNorm3d: 3,
    ours.SyncBatchNorm: None,
    ours.BatchNormAdd2d: 2,
    ours.BatchNormPool2d: 2,
}
_OTHERS: dict[str, int | None] = {
    "timm.layers.norm_act.BatchNormAct2d": 2,
    "timm.layers.norm_act.SyncBatchNormAct": None,
    "timm.layers.norm_act.FrozenBatchNormAct2d": 2,
    "torchvision.ops.misc.FrozenBatchNorm2d": 2,
}
"""Those of others who are not imported here, by their full names."""
_PATCHED = "somebody has given its class another forward"
_UNKNOWN = "nobody but its own class knows what it computes"


@dataclass(frozen=True, slots=True)
class Kind:
    """What a norm is.

    Attributes:
        known: the class whose code it runs.
        spatial: the axes of its inputs as torch counts them: 2 for `BatchNorm2d`; None where it takes any.
        is_ours: whether it is a layer of this library.
        is_lazy: whether it waits for its first batch.
        is_synchronized: whether it normalizes by the batches of all processes.
        is_constant: whether nothing moves its statistics, in no mode.
        eps: what it adds to the variance.
        steps: the names of the modules in it that it calls one after the other on what it has normalized.
    """

    known: type[nn.Module]
    spatial: int | None
    is_ours: bool
    is_lazy: bool
    is_synchronized: bool = False
    is_constant: bool = False
    eps: float = 0.0
    steps: tuple[str, ...] = ()


def kind_of(norm: nn.Module) -> Kind | str:
    """Find out what a norm is; the reason, if nobody but its own class can know what it does."""
    for known in type(norm).__mro__:
        name = f"{known.__module__}.{known.__qualname__}"
        if known in _TORCHS or known in _OURS or name in _OTHERS:
            reason = own_code(norm, known) or (None if is_stock(norm) else _PATCHED)
            return reason or _as_it_was(norm, _kind(norm, known, name))
    return _constant_or_unknown(norm)


def _constant_or_unknown(norm: nn.Module) -> Kind | str:
    """A norm that is derived from none whose code is known."""
    reason = own_code(norm, type(norm))
    found = None if reason or isinstance(norm, _BatchNorm) else constants_of(norm)
    if found is not None:
        return Kind(type(norm), found.spatial, is_ours=False, is_lazy=False, is_constant=True, eps=found.eps)
    return reason or own_code(norm, _BatchNorm if isinstance(norm, _BatchNorm) else nn.Module) or _UNKNOWN


def _kind(norm: nn.Module, known: type[nn.Module], name: str) -> Kind:
    is_other, is_act = name in _OTHERS, name.endswith(("Act", "Act2d"))
    is_constant = is_other and not issubclass(known, _BatchNorm)
    return Kind(
        known,
        _OTHERS[name] if is_other else {**_TORCHS, **_OURS}[known],
        is_ours=known in _OURS,
        is_lazy=issubclass(known, nn.modules.lazy.LazyModuleMixin),
        is_synchronized=issubclass(known, nn.SyncBatchNorm) or known is ours.SyncBatchNorm,
        is_constant=is_constant,
        eps=float(vars(norm).get("eps", 0.0)) if is_constant else 0.0,
        steps=("drop", "act") if is_other and is_act else (),
    )


def _as_it_was(norm: nn.Module, kind: Kind) -> Kind:
    """With the axes that it had before it was converted, if its class does not say."""
    former = former_of(norm)
    if kind.spatial is not None or former is None:
        return kind
    first = next((one for one in former.kind.__mro__ if one in _TORCHS or one in _OURS), None)
    return kind if first is None else replace(kind, spatial={**_TORCHS, **_OURS}[first])
