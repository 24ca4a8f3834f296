"""What does a norm do, so that one of another class can do the same?"""

from dataclasses import dataclass, replace

from torch import nn

from ... import nn as ours
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
    ours.BatchNormAdd2d: 2,
    ours.BatchNormPool2d: 2,
}
_OTHERS: dict[str, int | None] = {
    "timm.layers.norm_act.BatchNormAct2d": 2,
    "timm.layers.norm_act.SyncBatchNormAct": None,
}
"""Those of others who are not imported here, by their full names."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a norm is.

    Attributes:
        known: the class whose code it runs.
        spatial: the axes of its inputs as torch counts them: 2 for `BatchNorm2d`; None where it takes any.
        is_ours: whether it is a layer of this library.
        is_lazy: whether it waits for its first batch.
        is_synchronized: whether it normalizes by the batches of all processes.
        steps: the names of the modules in it that it calls one after the other on what it has normalized.
    """

    known: type[nn.Module]
    spatial: int | None
    is_ours: bool
    is_lazy: bool
    is_synchronized: bool
    steps: tuple[str, ...] = ()


def kind_of(norm: nn.Module) -> Kind | str:
    """Find out what a norm is; the reason, if nobody but its own class can know what it does."""
    for known in type(norm).__mro__:
        name = f"{known.__module__}.{known.__qualname__}"
        if known in _TORCHS or known in _OURS or name in _OTHERS:
            return own_code(norm, known) or _as_it_was(norm, _kind(known, name))
    return own_code(norm, nn.Module) or f"nobody but {type(norm).__name__} itself knows what it computes"


def _kind(known: type[nn.Module], name: str) -> Kind:
    is_other = name in _OTHERS
    return Kind(
        known,
        _OTHERS[name] if is_other else {**_TORCHS, **_OURS}[known],
        is_ours=known in _OURS,
        is_lazy=issubclass(known, nn.modules.lazy.LazyModuleMixin),
        is_synchronized=issubclass(known, nn.SyncBatchNorm),
        steps=("drop", "act") if is_other else (),
    )


def _as_it_was(norm: nn.Module, kind: Kind) -> Kind:
    """With the axes that it had before it was converted, if its class does not say."""
    former = former_of(norm)
    if kind.spatial is not None or former is None:
        return kind
    first = next((one for one in former.kind.__mro__ if one in _TORCHS or one in _OURS), None)
    return kind if first is None else replace(kind, spatial={**_TORCHS, **_OURS}[first])
