"""Which of somebody's tensors fit a net, by names and shapes, and which part of the net stays as it was made?"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from ..files import one_line
from ..records import InitialTensor

PREFIXES = ("module.", "_orig_mod.", "model.")
"""What `DistributedDataParallel`, `torch.compile` and trainers that hold the net as `model` put before the names."""
DEEPEST = 8
"""Of these inside each other: a file may claim any number."""


class Fitting(NamedTuple):
    """Tensors that may be loaded into a net by these names, those that were summed for it, and why others may not."""

    tensors: dict[str, Tensor]
    summed: frozenset[str]
    misfits: dict[str, str]


def without_prefix(tensors: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], str]:
    """Return tensors by the names that a net has for most of them, and what was taken off the beginnings of the names.

    Args:
        tensors: of a file, by their names.
        own: of the net.

    Example:
        >>> kept = {"module._orig_mod.fc.weight": torch.ones(1), "criterion.scale": torch.ones(1)}
        >>> found, prefix = without_prefix(kept, {"fc.weight": torch.ones(1)})
        >>> sorted(found), prefix
        (['criterion.scale', 'fc.weight'], 'module._orig_mod.')
    """

    def fitting(prefix: str) -> int:
        return sum(name.startswith(prefix) and name[len(prefix) :] in own for name in tensors)

    prefixes = {prefix for name in tensors for prefix in _prefixes_of(name)}
    prefix = max(sorted(prefixes, key=len), key=fitting, default="")
    # Where both `fc.weight` and `module.fc.weight` are there, most of them decide.
    others = {name: tensor for name, tensor in tensors.items() if not name.startswith(prefix)}
    bare = {name[len(prefix) :]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    found = OrderedDict({**others, **bare})
    versions: object = getattr(tensors, "_metadata", None)
    if isinstance(versions, dict):  # of the modules, by which torch knows older forms of their tensors
        at = {name: version for name, version in versions.items() if isinstance(name, str)}
        found._metadata = {f"{name}.".removeprefix(prefix)[:-1]: version for name, version in at.items()}  # type: ignore[attr-defined]  # as torch keeps them
    return found, prefix


def _prefixes_of(name: str) -> Iterator[str]:
    """All that may stand before the name of a tensor, nothing included."""
    prefix = ""
    for _ in range(DEEPEST):
        yield prefix
        word = next((word for word in PREFIXES if name.startswith(word, len(prefix))), None)
        if word is None:
            return
        prefix += word


def fit_to(net: nn.Module, tensors: Mapping[str, Tensor]) -> Fitting:
    """Choose what may be loaded into a net: a layer is taken whole, or left as it is where one of its tensors misfits.

    The weights of the one convolution that sees the images are summed over three colours where the images are grey: of
    a grey image they then give what they would of the same image in red, green and blue.

    Args:
        net: its shapes count.
        tensors: by the names that the net has for them; those that it has not are kept, for a net may know older ones.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 3))
        >>> fitting = fit_to(net, nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 7)).state_dict())
        >>> [*fitting.tensors], fitting.misfits["1.weight"], fitting.misfits["1.bias"]
        (['0.weight', '0.bias'], 'another shape', 'another shape')
    """
    own = own_tensors(net)
    summed = _summed(net, own, tensors)
    fitting = OrderedDict({**tensors, **summed})
    if hasattr(tensors, "_metadata"):
        fitting._metadata = tensors._metadata  # type: ignore[attr-defined]  # as torch keeps them
    misfits = {name: why for name in own if name in fitting and (why := _why_not(fitting[name], own[name])) is not None}
    layers = {layer: f"{name}: {why}" for name, why in misfits.items() if _is_layer(net, layer := _owner(name))}
    misfits |= {name: f"left with {layers[_owner(name)]}" for name in own if _owner(name) in layers} | misfits
    for name in misfits:
        fitting.pop(name, None)
    return Fitting(fitting, frozenset(summed) - misfits.keys(), misfits)


def own_tensors(net: nn.Module) -> dict[str, Tensor]:
    """Return the tensors of a net's `state_dict`, by their names; others may keep further things in it."""
    return {name: value for name, value in net.state_dict(keep_vars=True).items() if isinstance(value, Tensor)}


def _owner(name: str) -> str:
    return name.rpartition(".")[0]


def _is_layer(net: nn.Module, name: str) -> bool:
    """Whether a module has nothing inside, so that its tensors belong together."""
    return not any(True for _ in net.get_submodule(name).children())


def _why_not(given: Tensor, own: Tensor) -> str | None:
    """Why a tensor cannot stand for that of a net; None if it can."""
    from ..surgery import is_of_kind

    if given.layout != torch.strided or given.is_quantized or given.is_meta:
        return "no plain numbers"
    if not is_lazy(own) and given.shape != own.shape:
        return "another shape"
    return None if is_of_kind(given, own) else f"other numbers ({given.dtype}, the net's are {own.dtype})"


def _summed(net: nn.Module, own: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of the first convolution for grey images, of those for three colours; nothing if it is not one."""
    grey = [
        f"{name}.weight" if name else "weight"
        for name, layer in net.named_modules()
        if isinstance(layer, nn.Conv2d) and layer.in_channels == layer.groups == 1
    ]
    found = [name for name in grey if name in tensors and _is_in_colours(tensors[name], own[name])]
    return {name: tensors[name].sum(1, keepdim=True) for name in found} if len(found) == 1 else {}


def _is_in_colours(given: Tensor, own: Tensor) -> bool:
    from ..surgery import is_of_kind

    wanted = torch.Size((own.shape[0], 3, *own.shape[2:]))
    return given.shape == wanted and given.layout == torch.strided and not given.is_meta and is_of_kind(given, own)


def rows_of(
    own: Mapping[str, Tensor], given: Mapping[str, tuple[int, ...]], fitting: Fitting, left_out: set[str]
) -> Iterator[InitialTensor]:
    """Give what became of each tensor of a net, and of those that it has no place for.

    Args:
        own: of the net.
        given: the shapes of those in the file, by the names that the net would have for them.
        fitting: what was loaded.
        left_out: names of the net for which nothing was there, and names in the file that the net did not take.
    """
    for name, tensor in own.items():
        shape = tuple(tensor.shape)
        if name in fitting.misfits:
            yield InitialTensor(name, "new", shape, given.get(name), fitting.misfits[name])
        elif name in left_out:
            yield InitialTensor(name, "new", shape, None, "not among the weights")
        else:
            yield InitialTensor(name, "summed" if name in fitting.summed else "taken", shape, given.get(name, shape))
    for name, given_shape in given.items():
        if name not in own and name in left_out:
            yield InitialTensor(one_line(name), "unused", None, given_shape)
