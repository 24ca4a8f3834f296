"""Which modules of a model are batch norms, and what do they hold?"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm
from torch.nn.parameter import is_lazy

from ..errors import InputError, RefusedError
from ..nn import BatchNorm2d, BatchNormAdd2d, BatchNormPool2d


@dataclass(frozen=True, eq=False, slots=True)
class Norm:
    """One pair of running statistics, and the modules (nearly always one) that normalize by it."""

    name: str
    modules: tuple[nn.Module, ...]
    mean: Tensor
    var: Tensor

    @property
    def kind(self) -> str:
        """The class of the module."""
        return type(self.modules[0]).__name__

    @property
    def eps(self) -> float:
        """What the norm adds to the variance."""
        return float(getattr(self.modules[0], "eps", 0.0))

    def held_by(self, module: nn.Module) -> tuple[Tensor, Tensor]:
        """What one of the modules holds now, which need not be what it held when it was found."""
        mean, var = (module._buffers.get(name) for name in ("running_mean", "running_var"))
        return self.mean if mean is None else mean, self.var if var is None else var


def is_norm(module: nn.Module) -> bool:
    """Whether a module is a batch norm, whatever its class: it has a mean and a variance per channel, or is torch's.

    A module is one that has the buffers `running_mean` and `running_var` of one number per channel each (torch's
    layers, ours, those of torchvision, timm and others, frozen ones too), or is a subclass of PyTorch's batch norm,
    which may keep no statistics, or not know its channels yet. An instance norm is none; nor is a GroupNorm or an
    Identity that `batchnorm.convert` has made of one, which holds statistics that it does not read.

    Example:
        >>> is_norm(nn.BatchNorm2d(3)), is_norm(nn.BatchNorm2d(3, track_running_stats=False))
        (True, True)
        >>> is_norm(nn.InstanceNorm2d(3, track_running_stats=True))
        False
    """
    if isinstance(module, _InstanceNorm) or type(module) in (nn.GroupNorm, nn.Identity):
        return False
    return isinstance(module, _BatchNorm) or _statistics_of(module) is not None


def is_stock(module: nn.Module) -> bool:
    """Whether a norm runs a forward that is known, torch's or ours: it normalizes its first argument along axis 1."""
    if type(module).__call__ is not nn.Module.__call__:
        return False
    forward = forward_of(module)
    return forward in _STOCK or (getattr(forward, "__module__", ""), getattr(forward, "__qualname__", "")) in _KNOWN


def are_stock(norms: Iterable[Norm]) -> bool:
    """Whether all modules of some norms run such a forward."""
    return all(is_stock(module) for norm in norms for module in norm.modules)


_STOCK = (
    nn.BatchNorm2d.forward,
    nn.SyncBatchNorm.forward,
    BatchNorm2d.forward,
    BatchNormAdd2d.forward,
    BatchNormPool2d.forward,
)
_KNOWN = {
    ("timm.layers.norm_act", "BatchNormAct2d.forward"),
    ("timm.layers.norm_act", "SyncBatchNormAct.forward"),
    ("timm.layers.norm_act", "FrozenBatchNormAct2d.forward"),
    ("torchvision.ops.misc", "FrozenBatchNorm2d.forward"),
}
"""Those of others who are not imported here, as (module, function)."""


def forward_of(module: nn.Module) -> object:
    """The function that a module runs: its class's, unless somebody has given the module one of its own."""
    return vars(module).get("forward", type(module).forward)


def find_norms(model: nn.Module, verb: str = "recalibrate") -> list[Norm]:
    """Find every norm that has running statistics, in the order of `named_modules`; `verb`: whose mistakes are told.

    Modules that share their buffers are one norm.

    Raises:
        RefusedError: a lazy norm has seen no batch yet.
        InputError: a norm is of torch.jit.
    """
    found: dict[tuple[int, int], Norm] = {}
    for name, module in model.named_modules():
        if not is_norm(module):
            continue
        check_usable(name or "the model", module, verb)
        pair = _statistics_of(module)
        if pair is None or not pair[0].numel() or not torch.is_floating_point(pair[0]):
            continue
        key = (id(pair[0]), id(pair[1]))
        known = found.get(key)
        modules = (*known.modules, module) if known else (module,)
        found[key] = Norm(known.name if known else name or "the model", modules, *pair)
    return list(found.values())


def without_statistics(model: nn.Module) -> Iterator[str]:
    """Name the batch norms that keep no running statistics."""
    for name, module in model.named_modules():
        if is_norm(module) and _statistics_of(module) is None:
            yield name or "the model"


def _statistics_of(module: nn.Module) -> tuple[Tensor, Tensor] | None:
    if getattr(module, "running_mean", None) is None:  # most modules; the question below takes its time
        return None
    buffers = dict(module.named_buffers(recurse=False))
    mean, var = buffers.get("running_mean"), buffers.get("running_var")
    if mean is None or var is None:
        return None
    if is_lazy(mean) or is_lazy(var):
        return mean, var
    return (mean, var) if mean.dim() == 1 and mean.shape == var.shape else None


def check_usable(name: str, module: nn.Module, verb: str = "") -> None:
    """Raise where a norm cannot be looked into: one of torch.jit, or a lazy one that has seen no batch yet."""
    if isinstance(module, torch.jit.ScriptModule):
        raise InputError(
            verb=verb,
            argument="model",
            expected="modules written in Python",
            got=f"{name} of torch.jit, which cannot be looked into",
            cure="Use the model as it was before it was scripted or traced.",
        )
    tensors = (*module.parameters(recurse=False), *module.buffers(recurse=False))
    if any(is_lazy(tensor) for tensor in tensors):
        raise RefusedError(
            verb=verb,
            argument="model",
            expected="norms that know their number of channels",
            got=f"{name} ({type(module).__name__}), which has seen no batch yet",
            cure="Run one batch through the model first.",
        )


def check_called(name: str, module: nn.Module, verb: str = "") -> None:
    """Raise where nobody calls a norm: in what torch.export makes, its module only holds the tensors of a graph.

    Raises:
        RefusedError: its class has no forward.
    """
    if forward_of(module) is nn.Module.forward:
        raise RefusedError(
            verb=verb,
            argument="model",
            expected="norms that are called as modules",
            got=f"{name}, which only holds the tensors of an exported graph: what moves its statistics is not known",
            cure="Use the model as it was before torch.export.",
        )
