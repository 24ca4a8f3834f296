"""Population statistics computed another way: one float64 forward of all data, moments by NumPy's own formula."""

import copy
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from batchnorm.models import MLP, ConvBNNet, resnet20

Statistics = dict[str, tuple[np.ndarray, np.ndarray]]

NETS: dict[str, Callable[[], nn.Module]] = {
    "mlp": lambda: MLP(image_size=8, width=20, depth=4),
    "convbnnet": lambda: ConvBNNet(image_size=8, width=8),
    "resnet20": lambda: resnet20(image_size=8, width=4),
}


def stale(model: nn.Module, seed: int = 0) -> nn.Module:
    """Give every norm random statistics that fit nothing, and a random affine step."""
    generator = torch.Generator().manual_seed(seed)
    for norm in norms(model).values():
        norm.running_mean.normal_(0, 3, generator=generator)
        norm.running_var.uniform_(0.01, 10, generator=generator)
        norm.weight.data.uniform_(0.5, 1.5, generator=generator)
        norm.bias.data.normal_(0, 0.3, generator=generator)
    return model


def make(name: str) -> nn.Module:
    torch.manual_seed(0)
    return stale(NETS[name]())


def images(samples: int = 30, size: int = 8) -> Tensor:
    return 1 + 2 * torch.randn(samples, 1, size, size, generator=torch.Generator().manual_seed(1))


def norms(model: nn.Module) -> dict[str, nn.Module]:
    return {name: module for name, module in model.named_modules() if getattr(module, "running_mean", None) is not None}


def moments(values: Tensor, correction: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance per channel, in float64, around the mean."""
    array = np.moveaxis(values.detach().double().numpy(), 1, 0)
    flat = array.reshape(len(array), -1)
    return flat.mean(axis=1), flat.var(axis=1, ddof=correction)


def population(model: nn.Module, x: Tensor, correction: int = 1) -> Statistics:
    """The exact statistics: on the way through the net every norm gets those of its input, and evaluates by them."""
    twin = copy.deepcopy(model).double().eval()
    found: Statistics = {}

    def hook(name: str) -> Callable[..., None]:
        def set_statistics(norm: nn.Module, args: tuple[Tensor, ...]) -> None:
            found[name] = moments(args[0], correction)
            norm.running_mean.copy_(torch.from_numpy(found[name][0]))
            norm.running_var.copy_(torch.from_numpy(found[name][1]))

        return set_statistics

    for name, norm in norms(twin).items():
        norm.register_forward_pre_hook(hook(name))
    with torch.no_grad():
        twin(x.double())
    return found


def inputs(model: nn.Module, batches: list[Tensor], dtype: torch.dtype = torch.float64) -> dict[str, list[Tensor]]:
    """What every norm reads in training mode, batch by batch; all but the norms evaluate."""
    twin = copy.deepcopy(model).to(dtype).eval()
    found: dict[str, list[Tensor]] = {name: [] for name in norms(twin)}
    for name, norm in norms(twin).items():
        norm.train()
        norm.register_forward_pre_hook(lambda _, args, name=name: found[name].append(args[0].detach()))
    with torch.no_grad():
        for batch in batches:
            twin(batch.to(dtype))
    return found


def errors(model: nn.Module, expected: Statistics) -> tuple[float, float]:
    """The largest distance of the stored statistics: of a mean in sigmas, and of a variance as |log ratio|."""
    mean_error = var_error = 0.0
    for name, (mean, var) in expected.items():
        norm = norms(model)[name]
        assert norm.running_mean.isfinite().all()
        mean_error = max(mean_error, np.max(np.abs(norm.running_mean.double().numpy() - mean) / np.sqrt(var)))
        var_error = max(var_error, np.max(np.abs(np.log(norm.running_var.double().numpy() / var))))
    return mean_error, var_error


def picture(model: nn.Module) -> list[object]:
    """All that a recalibration must leave alone when it fails, bit by bit."""
    buffers = [(name, id(b), b.clone().view(torch.uint8).tolist()) for name, b in model.named_buffers() if b.dim()]
    counters = [(name, b.item()) for name, b in model.named_buffers() if not b.dim()]
    flags = [
        (module.training, len(module._forward_pre_hooks), len(module._forward_hooks)) for module in model.modules()
    ]
    parameters = [(p.requires_grad, id(p.grad)) for p in model.parameters()]
    return [buffers, counters, flags, parameters, torch.get_rng_state().tolist()]
