"""Every context, on small nets whose norms have seen data, and what must be as before when a block has been left."""

import torch
from torch import Tensor, nn

import batchnorm.nn
from batchnorm.statistics import (
    accumulate_statistics,
    blended_statistics,
    no_statistics_update,
    skip_nonfinite,
    use_batch_statistics,
)

CONTEXTS = {
    "no update": no_statistics_update,
    "skip": skip_nonfinite,
    "accumulate": lambda model: accumulate_statistics(model, 2),
    "blend": lambda model: blended_statistics(model, 0.3),
    "batch": use_batch_statistics,
}
"""What begins a block on a model."""

NORMS = {
    "torch": nn.BatchNorm2d,
    "ours": batchnorm.nn.BatchNorm2d,
    "relu": lambda *args, **options: batchnorm.nn.BatchNorm2d(*args, activation="relu", **options),
    "ghost": lambda *args, **options: batchnorm.nn.BatchNorm2d(*args, moments="ghost:2", **options),
}


def net(norm="torch", **options) -> nn.Sequential:
    """Two norms with statistics that fit nothing, in training mode."""
    make = NORMS[norm] if isinstance(norm, str) else norm
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 3, 3), make(3, **options), nn.ReLU(), nn.Conv2d(3, 2, 3), make(2, **options))
    generator = torch.Generator().manual_seed(1)
    for layer in (model[1], model[4]):
        layer.running_mean.normal_(generator=generator)
        layer.running_var.uniform_(0.5, 2, generator=generator)
    return model


def images(seed: int = 0, samples: int = 6) -> Tensor:
    return 1 + 2 * torch.randn(samples, 1, 6, 6, generator=torch.Generator().manual_seed(seed))


def state(model: nn.Module) -> dict[str, Tensor]:
    return {key: value.detach().clone() for key, value in model.state_dict().items()}


def same(model: nn.Module, before: dict[str, Tensor]) -> bool:
    """Whether all tensors have the same bits; NaN is equal to itself."""
    now = model.state_dict()
    return now.keys() == before.keys() and all(torch.equal(bits(now[key]), bits(before[key])) for key in now)


def bits(values: Tensor) -> Tensor:
    return values.detach().reshape(-1).contiguous().view(torch.uint8)


def traces(model: nn.Module) -> list[object]:
    """All that a block could leave behind on the modules, besides tensors' values."""
    return [
        (name, module.training, held(vars(module)), {key: id(value) for key, value in module._buffers.items()})
        for name, module in model.named_modules()
    ]


def held(attributes: dict[str, object]) -> dict[str, object]:
    """Hooks by their number, plain values as they are, all others by their identity."""
    found = {}
    for key, value in attributes.items():
        if key.endswith("_hooks") or key.startswith(("_forward_hooks", "_forward_pre_hooks")):
            found[key] = len(value)
        elif isinstance(value, (bool, int, float, str, tuple, type(None))):
            found[key] = (type(value), value)
        else:
            found[key] = type(value)
    return found
