"""Which layer of this library does a norm become?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from torch import nn

from ... import nn as ours
from ...functional import BATCH, Source
from ...nn import Forward, Ghost
from ._becoming import Becoming
from ._kinds import Kind

PLAIN: dict[int, type[Forward]] = {1: ours.BatchNorm1d, 2: ours.BatchNorm2d, 3: ours.BatchNorm3d}
GHOST: dict[int, type[Forward]] = {1: ours.GhostBatchNorm1d, 2: ours.GhostBatchNorm2d, 3: ours.GhostBatchNorm3d}
_LAZY: dict[int, type[Forward]] = {1: ours.LazyBatchNorm1d, 2: ours.LazyBatchNorm2d, 3: ours.LazyBatchNorm3d}
_NEW = {"activation": None, "route": "auto", "_source": None, "_tracking": None}
"""What a new layer keeps in its `__dict__` besides what torch's do."""
UNSEEN = "it has seen no batch yet, and does not know its number of channels"


def synchronized() -> type[Forward] | None:
    """The layer that normalizes by the batches of all processes; None where this version has none."""
    found: type[Forward] | None = getattr(ours, "SyncBatchNorm", None)
    return found


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
        changes = self.freezes or self.variant == "ghost" or self.options.get("moments", BATCH) is not BATCH
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
        gives = dict(self._given(norm, kind))
        reason = _cannot(norm, kind, gives)
        if self.freezes and norm._buffers.get("running_mean") is None:
            reason = "it keeps no running statistics, by which a frozen norm normalizes"
        return reason or Becoming(layer, gives, freezes=self.freezes)

    def _layer(self, norm: nn.Module, kind: Kind) -> type[nn.Module] | str:
        """The class."""
        if kind.is_ours and self._stays(kind):
            return type(norm)
        if kind.known in (ours.BatchNormAdd2d, ours.BatchNormPool2d):
            return f"a {kind.known.__name__} does more than a {self._wanted(2).__name__}"
        variant = ("sync" if kind.is_synchronized else "plain") if self.variant == "same" else self.variant
        if variant == "sync":
            return synchronized() or "this version has no SyncBatchNorm of its own"
        spatial = kind.spatial or self.spatial
        if spatial is None:
            return f"a {type(norm).__name__} does not say how many axes its inputs have; ask for one class"
        if self.spatial not in (None, spatial):
            return f"it is for other inputs than a {self._wanted(self.spatial or 0).__name__}"
        if kind.is_lazy:
            return UNSEEN if variant == "ghost" else _LAZY[spatial]
        return (GHOST if variant == "ghost" else PLAIN)[spatial]

    def _stays(self, kind: Kind) -> bool:
        """Whether a layer of ours is of the right class already."""
        is_ghost = kind.known in GHOST.values()
        if self.variant == "same":
            return not (is_ghost or kind.is_synchronized) or "moments" not in self.options
        if self.spatial not in (None, kind.spatial):
            return False
        if self.variant == "ghost":
            return is_ghost
        return kind.is_synchronized if self.variant == "sync" else not (is_ghost or kind.is_synchronized)

    def _wanted(self, spatial: int) -> type[nn.Module]:
        return (GHOST if self.variant == "ghost" else PLAIN)[spatial]

    def _given(self, norm: nn.Module, kind: Kind) -> Mapping[str, Any]:
        """The attributes of the layer: what was asked for, and what a new one has by itself."""
        given: dict[str, Any] = {} if kind.is_ours else dict(_NEW)
        given |= {name: self.options[name] for name in ("activation", "route") if name in self.options}
        source = self._source(norm, kind)
        if source is not None:
            given["_source"] = None if source is BATCH else source
        return given

    def _source(self, norm: nn.Module, kind: Kind) -> Source | None:
        """Whose moments are to normalize; None: as now."""
        if self.variant == "ghost":
            return Ghost(self.options["size"])
        if self.variant == "plain":
            source: Source = self.options.get("moments", BATCH)
            return source
        return self.options.get("moments")


def _cannot(norm: nn.Module, kind: Kind, gives: Mapping[str, Any]) -> str | None:
    source = gives.get("_source")
    if source is not None and source.reads_running and not getattr(norm, "track_running_stats", True):
        return f"moments={str(source)!r} reads running statistics, and it keeps none"
    if source is not None and source.takes_mask and getattr(norm, "own_step", None) is not None:
        return f"moments={str(source)!r} cannot be combined with what else a {kind.known.__name__} does"
    if gives.get("activation") is not None and "activation" in norm._modules:
        return "it has an activation module of its own"
    return None
