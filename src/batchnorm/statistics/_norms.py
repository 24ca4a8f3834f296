"""Which modules of a model have population statistics, and which of them are to be left alone?"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm
from torch.nn.parameter import is_lazy


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


def find_norms(model: nn.Module) -> list[Norm]:
    """Find every norm with running statistics, in the order of `named_modules`.

    A norm is a module with the buffers `running_mean` and `running_var`, one number per channel each, that is no
    instance norm: whatever its class, torch's, ours, torchvision's, timm's or the user's own. Modules that share
    their buffers are one norm.

    Raises:
        RuntimeError: a lazy norm has seen no batch yet.
        ValueError: a norm is of torch.jit.
    """
    found: dict[tuple[int, int], Norm] = {}
    for name, module in model.named_modules():
        pair = _running_statistics(name, module)
        if pair is None:
            continue
        key = (id(pair[0]), id(pair[1]))
        known = found.get(key)
        modules = (*known.modules, module) if known else (module,)
        found[key] = Norm(known.name if known else name or "the model", modules, *pair)
    return list(found.values())


def without_statistics(model: nn.Module) -> Iterator[str]:
    """Name the batch norms that keep no running statistics."""
    for name, module in model.named_modules():
        if isinstance(module, _BatchNorm) and module.running_mean is None:
            yield name or "the model"


def frozen_because(norm: Norm, *, root_trains: bool) -> str | None:
    """Say why a norm counts as frozen, if it does; its `training` may be another one afterwards.

    Args:
        norm: with the `training` that the user left.
        root_trains: whether the whole model is in training mode.
    """
    module = norm.modules[0]
    if any(kind.__name__.startswith("Frozen") for kind in type(module).__mro__):
        return f"frozen: a {norm.kind} never moves its statistics"
    if not module.training and root_trains:
        return "frozen: in evaluation mode in a model that is in training mode"
    module.train(True)
    return None if module.training else "frozen: train() leaves it in evaluation mode"


def _running_statistics(name: str, module: nn.Module) -> tuple[Tensor, Tensor] | None:
    if getattr(module, "running_mean", None) is None:  # most modules; the question below takes its time
        return None
    buffers = dict(module.named_buffers(recurse=False))
    mean, var = buffers.get("running_mean"), buffers.get("running_var")
    if mean is None or var is None or isinstance(module, _InstanceNorm):
        return None
    if isinstance(module, torch.jit.ScriptModule):
        raise ValueError(
            f"recalibrate: expected modules of Python, got {name or 'the model'} of torch.jit, which cannot be looked "
            "into. Recalibrate the model before it is scripted or traced."
        )
    if is_lazy(mean) or is_lazy(var):
        raise RuntimeError(
            f"recalibrate: expected norms that know their channels, got {name or 'the model'} "
            f"({type(module).__name__}), which has seen no batch yet. Run one batch through the model first."
        )
    if mean.dim() != 1 or mean.shape != var.shape or not mean.numel() or not torch.is_floating_point(mean):
        return None
    return mean, var
