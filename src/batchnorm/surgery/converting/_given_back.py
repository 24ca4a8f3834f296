"""How does a norm become again what it was before it was converted?"""

from collections.abc import Collection

from torch import nn
from torch.nn.modules.lazy import LazyModuleMixin

from .._become import Become
from ._becoming import lasting_policies
from ._former import NAME, Former, former_of, written
from ._freezing import release


def give_back(norm: nn.Module, held: Collection[int] = ()) -> None:
    """Give a norm its first class again, and the attributes that conversions have taken or changed.

    Parameters, buffers, mode and whatever else it has are as they are now.

    Args:
        norm: the norm.
        held: the ids of parameters that others hold frozen.
    """
    former = former_of(norm)
    if former is not None:
        release(norm, former.frozen, held)
        _give_class_back(norm, former)


def give_class_back(norm: nn.Module) -> None:
    """Do the same to a norm that is to be converted once more: what of it a conversion has frozen stays frozen."""
    former = former_of(norm)
    if former is not None:
        _give_class_back(norm, former)
        if former.frozen:
            vars(norm)[NAME] = written(Former(type(norm), frozen=former.frozen))


def _give_class_back(norm: nn.Module, former: Former) -> None:
    again = lasting_policies(norm)
    held = former.held_by(norm)
    made = [name for name in former.buffers if norm._buffers.get(name) is None]
    if made:
        held["_buffers"] = {name: buffer for name, buffer in norm._buffers.items() if name not in made}
    Become(norm, kind_now(norm, former), held).carry_out()
    again()


def kind_now(norm: nn.Module, former: Former) -> type[nn.Module]:
    """The class that it was of, or has become in its place: a lazy norm does with its first batch.

    It need not be without numbers until then: a checkpoint may have been loaded.
    """
    becomes: type[nn.Module] | None = getattr(former.kind, "cls_to_become", None)
    return former.kind if becomes is None or isinstance(norm, LazyModuleMixin) else becomes
