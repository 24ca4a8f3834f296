"""What does a norm become that is to be none of ours: torch's own, a GroupNorm, nothing?"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from torch import nn

from ...nn import Forward, Sync
from ...nn import given_to as source_of
from ._becoming import Becoming
from ._kinds import Kind
from ._layers_of_ours import GHOST, UNSEEN, as_constants

_PLAIN: dict[int, type[nn.Module]] = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
_LAZY: dict[int, type[nn.Module]] = {1: nn.LazyBatchNorm1d, 2: nn.LazyBatchNorm2d, 3: nn.LazyBatchNorm3d}
_OUR_OWN = ("activation", "route", "_source", "_tracking")
"""What our layers keep in their `__dict__`, and no other norm reads."""
STAND_INS = (nn.GroupNorm, nn.Identity)
"""What a norm becomes for a comparison; whatever it is to be next, it has to be what it was again before."""
MOST_GROUPS = 32
"""How many groups the paper takes, where there are that many."""


@dataclass(frozen=True, slots=True)
class Torchs:
    """Torch's own layers, of the same kind.

    Attributes:
        wanted: the one class that is asked for; None: that of each norm's kind.
        options: what the new layers are given.
    """

    wanted: type[nn.Module] | None
    options: Mapping[str, Any]
    modes: ClassVar[tuple[bool, ...]] = (False, True)
    freezes: ClassVar[bool] = False
    idles: ClassVar[str | None] = None

    def is_met(self, norm: nn.Module) -> bool:
        """Whether what stands in for a norm is what is asked for."""
        return False

    def of(self, norm: nn.Module, kind: Kind) -> Becoming | str:
        """What a norm becomes, or why it cannot."""
        wanted = self._wanted(norm, kind)
        if isinstance(wanted, str):
            return wanted
        reason = loses(norm, kind, wanted) or self._loses_moments(norm, kind)
        gives = dict(self.options)
        if wanted is nn.SyncBatchNorm:
            gives.setdefault("process_group", getattr(norm, "process_group", None))
        return reason or as_constants(Becoming(wanted, gives, _to_take(norm, kind)), norm, kind)

    def _wanted(self, norm: nn.Module, kind: Kind) -> type[nn.Module] | str:
        if self.wanted in (None, kind.known) and not (kind.is_ours or kind.steps or kind.is_constant):
            return type(norm)
        if self.wanted is nn.SyncBatchNorm or (self.wanted is None and kind.is_synchronized):
            return UNSEEN if kind.is_lazy else nn.SyncBatchNorm
        if kind.spatial is None:
            return self.wanted or f"a {type(norm).__name__} does not say how many axes its inputs have"
        if self.wanted not in (None, _PLAIN[kind.spatial]):
            return f"it is for other inputs than a {self.wanted.__name__}"
        return (_LAZY if kind.is_lazy else _PLAIN)[kind.spatial]

    def _loses_moments(self, norm: nn.Module, kind: Kind) -> str | None:
        """Say by which moments a layer of ours normalizes and torch's do not, unless another class is asked for."""
        source = source_of(norm) if isinstance(norm, Forward) else None
        says_so = kind.is_synchronized and isinstance(source, Sync)
        if source is None or says_so or (kind.known in GHOST.values() and self.wanted is not None):
            return None
        return f"it normalizes by moments={str(source)!r}, which torch's layers do not; set 'batch' first"


@dataclass(frozen=True, slots=True)
class Groups:
    """`torch.nn.GroupNorm`, which normalizes each sample by itself; the running statistics stay, unread.

    Attributes:
        options: `num_groups`, if it was given.
    """

    options: Mapping[str, Any]
    modes: ClassVar[tuple[bool, ...]] = ()
    freezes: ClassVar[bool] = False
    idles: ClassVar[str | None] = None

    def is_met(self, norm: nn.Module) -> bool:
        """Whether what stands in for a norm is what is asked for."""
        groups = self.options.get("num_groups")
        return type(norm) is nn.GroupNorm and groups in (None, norm.num_groups)

    def of(self, norm: nn.Module, kind: Kind) -> Becoming | str:
        """What a norm becomes, or why it cannot."""
        if kind.is_lazy:
            return UNSEEN
        channels = len(norm.get_buffer("running_mean")) if kind.is_constant else int(vars(norm)["num_features"])
        groups = self.options.get("num_groups") or groups_for(channels)
        reason = loses(norm, kind, nn.GroupNorm) or _too_many(groups, channels, kind)
        size = channels // groups
        detail = f"{groups} group{'s'[: groups > 1]} of {size} channel{'s'[: size > 1]}"
        gives = {"num_groups": groups, "num_channels": channels}
        becoming = Becoming(nn.GroupNorm, gives, _to_take(norm, kind), detail=detail)
        return reason or _with_constants(becoming, norm, kind)


@dataclass(frozen=True, slots=True)
class Nothing:
    """`torch.nn.Identity`: no normalization at all; parameters and statistics stay, unread."""

    modes: ClassVar[tuple[bool, ...]] = ()
    freezes: ClassVar[bool] = False
    idles: ClassVar[str | None] = "an Identity"

    def is_met(self, norm: nn.Module) -> bool:
        """Whether what stands in for a norm is what is asked for."""
        return type(norm) is nn.Identity

    def of(self, norm: nn.Module, kind: Kind) -> Becoming | str:
        """What a norm becomes, or why it cannot."""
        if kind.is_lazy:
            return UNSEEN
        reason = loses(norm, kind, nn.Identity)
        return reason or _with_constants(Becoming(nn.Identity, {}, _to_take(norm, kind)), norm, kind)


def _to_take(norm: nn.Module, kind: Kind) -> tuple[str, ...]:
    """What a layer of ours keeps for itself."""
    return tuple(name for name in _OUR_OWN if name in vars(norm)) if kind.is_ours else ()


def _with_constants(becoming: Becoming, norm: nn.Module, kind: Kind) -> Becoming:
    """As a norm of constants has it; there is nothing to freeze in what does not read them."""
    return replace(as_constants(becoming, norm, kind), freezes="nothing", detail=becoming.detail)


def groups_for(channels: int) -> int:
    """How many groups: as many as go into the channels, 32 at most, each of two channels or more if there are two.

    Example:
        >>> [groups_for(channels) for channels in (256, 64, 40, 7, 2, 1)]
        [32, 32, 20, 1, 1, 1]
    """
    return max(
        groups
        for groups in range(1, MOST_GROUPS + 1)
        if groups == 1 or (not channels % groups and channels >= 2 * groups)
    )


def loses(norm: nn.Module, kind: Kind, wanted: type[nn.Module]) -> str | None:
    """Say what a norm does besides normalizing, which another library's does not."""
    steps = [name for name in kind.steps if type(getattr(norm, name, None)) is not nn.Identity]
    if not steps and isinstance(norm, Forward):
        steps = [*([norm.own_step] if norm.own_step else []), *(["its activation"] if norm.activation else [])]
    else:
        steps = [f"its {name}" for name in steps]
    return f"it ends with {' and '.join(steps)}, which a {wanted.__name__} does not do" if steps else None


def _too_many(groups: int, channels: int, kind: Kind) -> str | None:
    if not channels:
        return "it has no channels"
    if channels % groups:
        return f"its {channels} channels cannot be cut into {groups} groups"
    if groups == channels and kind.spatial in (None, 1):
        return "a group of one channel would be a single value of each sample (N, C)"
    return None
