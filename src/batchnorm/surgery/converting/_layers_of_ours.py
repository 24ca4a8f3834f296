"""Which layer of this library does a norm become?"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch.distributed as dist
from torch import nn

from ... import nn as ours
from ...functional import BATCH, Source
from ...nn import ACTIVATED_BY, Forward, Ghost, Sync
from ._becoming import Becoming
from ._constants import AFFINE, COUNTER, widens
from ._kinds import Kind
from ._loading_as_before import LOADS, LoadsAsBefore

PLAIN: dict[int, type[Forward]] = {1: ours.BatchNorm1d, 2: ours.BatchNorm2d, 3: ours.BatchNorm3d}
GHOST: dict[int, type[Forward]] = {1: ours.GhostBatchNorm1d, 2: ours.GhostBatchNorm2d, 3: ours.GhostBatchNorm3d}
_LAZY: dict[int, type[Forward]] = {1: ours.LazyBatchNorm1d, 2: ours.LazyBatchNorm2d, 3: ours.LazyBatchNorm3d}
_MORE = (ours.BatchNormAdd2d, ours.BatchNormPool2d)
_MOMENTUM = 0.1
"""Of a norm that had none, for it never moved; whoever releases it may set another."""
_NEW = {"activation": None, "route": "auto", "_source": None, "_tracking": None}
"""What a new layer keeps in its `__dict__` besides what torch's do."""
_WIDENS = "its outputs have the dtype of its inputs now, under autocast, too"
UNSEEN = "it has seen no batch yet, and does not know its number of channels"


@dataclass(frozen=True, slots=True)
class Ours:
    """Layers of this library.

    Attributes:
        variant: "same": as the norm is, plain or synchronized; else which.
        spatial: the axes of the one class that is asked for; None: each norm's own.
        options: what the new layers are given.
        freezes: whether they are to be frozen.
    """

    variant: Literal["same", "plain", "ghost", "sync"] = "same"
    spatial: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    freezes: bool = False

    @property
    def modes(self) -> tuple[bool, ...]:
        """The modes in which they compute what the norms did: True for training."""
        if self.options.get("activation") is not None:
            return ()
        others = self.variant == "sync" and dist.is_available() and dist.is_initialized()
        changes = self.freezes or others or self.variant == "ghost" or self.options.get("moments", BATCH) is not BATCH
        return (False,) if changes else (False, True)

    @property
    def idles(self) -> str | None:
        """What gets no gradients any more."""
        return "a frozen norm" if self.freezes else None

    def is_met(self, norm: nn.Module) -> bool:
        """Whether what stands in for a norm is what is asked for."""
        return False

    def of(self, norm: nn.Module, kind: Kind) -> Becoming | str:
        """What a norm becomes, or why it cannot."""
        layer = self._layer(norm, kind)
        if isinstance(layer, str):
            return layer
        gives = self._given(norm, kind, layer)
        takes = ("process_group",) if "process_group" in vars(norm) else ()
        becoming = as_constants(Becoming(layer, gives, takes, freezes="all" if self.freezes else "nothing"), norm, kind)
        return _cannot(norm, kind, becoming) or becoming

    def _layer(self, norm: nn.Module, kind: Kind) -> type[nn.Module] | str:
        """The class."""
        if kind.is_ours and self._stays(kind):
            return type(norm)
        if kind.known in _MORE:
            return f"a {kind.known.__name__} does more than a {PLAIN[2].__name__}"
        variant = self.variant
        if variant == "same":
            variant = "sync" if kind.is_synchronized and "moments" not in self.options else "plain"
        if variant == "sync" and not kind.is_lazy:
            return ours.SyncBatchNorm
        spatial = kind.spatial or self.spatial
        if spatial is None:
            return f"a {type(norm).__name__} does not say how many axes its inputs have; ask for one class"
        if self.spatial not in (None, spatial):
            return f"it is for other inputs than a {PLAIN[self.spatial or 0].__name__}"
        if kind.is_lazy:
            return _LAZY[spatial]
        return (GHOST if variant == "ghost" else PLAIN)[spatial]

    def _stays(self, kind: Kind) -> bool:
        """Whether a layer of ours is of the right class already."""
        is_ghost, is_plain = kind.known in GHOST.values(), kind.known not in (*GHOST.values(), ours.SyncBatchNorm)
        if self.variant == "same":
            return is_plain or "moments" not in self.options
        if self.spatial not in (None, kind.spatial) or (kind.known in _MORE and self.variant == "plain"):
            return False
        if kind.is_lazy or kind.known in _MORE:
            return True
        return is_plain if self.variant == "plain" else is_ghost if self.variant == "ghost" else kind.is_synchronized

    def _given(self, norm: nn.Module, kind: Kind, layer: type[nn.Module]) -> dict[str, Any]:
        """The attributes of the layer: what was asked for, and what a new one has by itself."""
        given: dict[str, Any] = {} if kind.is_ours else dict(_NEW)
        if kind.steps:
            del given["activation"]
            given[ACTIVATED_BY] = kind.steps
        given |= {name: self.options[name] for name in ("activation", "route") if name in self.options}
        source = self._source(norm, kind, layer)
        if source is not None:
            given["_source"] = None if source is BATCH else source
        return given

    def _source(self, norm: nn.Module, kind: Kind, layer: type[nn.Module]) -> Source | None:
        """Whose moments are to normalize; None: as now."""
        if self.variant == "ghost":
            return Ghost(self.options["size"])
        if layer is ours.SyncBatchNorm or self.variant == "sync":
            if kind.known is ours.SyncBatchNorm and "process_group" not in self.options:
                return None
            group = self.options.get("process_group", getattr(norm, "process_group", None))
            return Sync(group)
        if "moments" in self.options:
            asked: Source = self.options["moments"]
            return asked
        return BATCH if layer is not type(norm) and kind.is_ours else None


def as_constants(becoming: Becoming, norm: nn.Module, kind: Kind) -> Becoming:
    """What a norm of constants is to have, too, so that one with statistics can compute the same."""
    if not kind.is_constant:
        return becoming
    has_affine = any(getattr(norm, name, None) is not None for name in AFFINE)
    numbers = {"num_features": len(norm.get_buffer("running_mean")), "eps": kind.eps, "momentum": _MOMENTUM}
    loads = {LOADS: LoadsAsBefore(norm)}
    gives = {**numbers, "affine": has_affine, "track_running_stats": True, **loads, **becoming.gives}
    freezes: Literal["statistics", "all"] = "all" if becoming.freezes == "all" else "statistics"
    details = [becoming.detail, "its statistics were constants: it is frozen", _WIDENS if widens(norm) else ""]
    detail = "; ".join(filter(None, details))
    return replace(becoming, gives=gives, buffers=(COUNTER, *AFFINE), freezes=freezes, detail=detail)


def _cannot(norm: nn.Module, kind: Kind, becoming: Becoming) -> str | None:
    source, freezes = becoming.gives.get("_source"), becoming.freezes != "nothing"
    if freezes and norm._buffers.get("running_mean") is None:
        return "it keeps no running statistics, by which a frozen norm normalizes"
    if freezes and kind.is_lazy:
        return UNSEEN
    if source is not None and source.reads_running and not getattr(norm, "track_running_stats", True):
        return f"moments={str(source)!r} reads running statistics, and it keeps none"
    if source is not None and source.takes_mask and getattr(norm, "own_step", None) is not None:
        return f"moments={str(source)!r} cannot be combined with what else a {kind.known.__name__} does"
    if becoming.gives.get("activation") is not None and ("activation" in norm._modules or kind.steps):
        return "it has an activation of its own"
    return None
