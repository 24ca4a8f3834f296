"""Which tensors of a checkpoint are a batch norm's, and which does a layer of another kind have in their place?"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

from ..errors import InputError, InputTypeError, did_you_mean, its_type
from ..records import ConvertedNorm

WEIGHTS = ("weight", "bias")
STATISTICS = ("running_mean", "running_var")
COUNTER = "num_batches_tracked"
THE_MODEL = "the model"
"""The name of a norm that is itself the model, as `batchnorm.convert` has it."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A kind of layer, as far as a checkpoint knows it.

    Attributes:
        name: what it is called.
        holds: the names of its tensors.
        fills: whether it has weights in any case, which are ones and zeros where a batch norm has none.
    """

    name: str
    holds: tuple[str, ...]
    fills: bool = False


BATCH = Layer("batch norm", (*WEIGHTS, *STATISTICS, COUNTER))
FROZEN = Layer("frozen batch norm", (*WEIGHTS, *STATISTICS), fills=True)
LAYERS: Mapping[str, Layer] = MappingProxyType(
    {
        **dict.fromkeys(("batchnorm", "torch", "sync", "ghost"), BATCH),
        "frozen": FROZEN,
        "group": Layer("group norm", WEIGHTS),
        "identity": Layer("identity", ()),
    }
)
"""What `batchnorm.convert` makes of a norm, by its name there; ours, torch's and synchronized ones hold the same."""


def layer_named(to: object) -> Layer:
    """Return the kind of layer that is meant.

    Raises:
        InputTypeError: it is no name.
        InputError: there is none of that name.
    """
    known = ", ".join(LAYERS)
    if not isinstance(to, str):
        cure = "Name it: a file holds tensors, and no classes." if isinstance(to, type) else ""
        raise InputTypeError(argument="to", expected=f"one of {known}", got=its_type(to), cure=cure)
    if to not in LAYERS:
        raise InputError(argument="to", expected=f"one of {known}", got=repr(to[:100]), cure=did_you_mean(to, LAYERS))
    return LAYERS[to]


def norms_in(tensors: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """Return what looks like a batch norm: the paths of modules with running statistics, and their tensors.

    Example:
        >>> mean, var = torch.zeros(2), torch.ones(2)
        >>> found = norms_in({"fc.weight": var, "bn.running_mean": mean, "bn.running_var": var, "bn.act.weight": var})
        >>> {path: [*held] for path, held in found.items()}
        {'bn': ['running_mean', 'running_var']}
    """
    held: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        path, _, last = name.rpartition(".")
        held.setdefault(path, {})[last] = tensor
    return {path: own for path, own in held.items() if all(name in own for name in STATISTICS)}


def reason_to_leave(own: Mapping[str, Tensor]) -> str | None:
    """Why these tensors are not those of a batch norm; None if they are."""
    others = [name for name in own if name not in BATCH.holds]
    if others:
        return f"it holds {others[0]}, too, which no batch norm has"
    shape = own["running_var"].shape
    if len(shape) != 1 or any(own[name].shape != shape for name in own if name != COUNTER):
        return "its tensors are not one number for each channel"
    return None


def converted(own: Mapping[str, Tensor], layer: Layer) -> dict[str, Tensor]:
    """Return the tensors of the layer that a batch norm becomes.

    Example:
        >>> frozen = {"running_mean": torch.zeros(2), "running_var": torch.ones(2)}
        >>> list(converted(frozen, BATCH)), list(converted(frozen, FROZEN))
        (['running_mean', 'running_var', 'num_batches_tracked'], ['weight', 'bias', 'running_mean', 'running_var'])
    """
    one = own["running_var"]
    new = {"weight": torch.ones_like(one), "bias": torch.zeros_like(one), COUNTER: torch.zeros((), dtype=torch.int64)}
    wanted = [name for name in layer.holds if name in own or name == COUNTER or (layer.fills and name in new)]
    return {name: own[name] if name in own else new[name] for name in wanted}


def kind_in(own: Mapping[str, Tensor]) -> str:
    """What a norm is by its tensors: only one that is not frozen counts its batches."""
    return (BATCH if COUNTER in own else FROZEN).name


def convert_tensors(
    tensors: Mapping[str, Tensor], layer: Layer, left: Mapping[str, str]
) -> tuple[dict[str, Tensor], tuple[ConvertedNorm, ...]]:
    """Return the tensors of a checkpoint whose batch norms are of another kind, and what became of each norm.

    Args:
        tensors: by their names.
        layer: what the norms become.
        left: norms that stay, and why.
    """
    norms = norms_in(tensors)
    why = {path: left.get(path) or reason_to_leave(own) for path, own in norms.items()}
    new = dict[str, Tensor]()
    for name, tensor in tensors.items():
        path = name.rpartition(".")[0]
        if path in norms and why[path] is None:
            become = converted(norms[path], layer)
            new |= {f"{path}.{last}" if path else last: value for last, value in become.items()}
        else:
            new[name] = tensor
    return new, tuple(_done(path, own, layer, why[path]) for path, own in norms.items())


def _done(path: str, own: Mapping[str, Tensor], layer: Layer, reason: str | None) -> ConvertedNorm:
    name, before = path or THE_MODEL, kind_in(own)
    if reason_to_leave(own) is None and converted(own, layer).keys() == own.keys():
        return ConvertedNorm(name, before, before, "already")
    if reason is not None:
        return ConvertedNorm(name, before, before, "left", reason)
    return ConvertedNorm(name, before, layer.name, "converted")
