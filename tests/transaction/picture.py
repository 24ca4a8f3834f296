"""All that can be seen of a model and of the generators, bit by bit, object by object; and a model full of traps."""

import random

import numpy as np
import torch
from torch import Tensor, nn

import batchnorm.nn

NANS = torch.tensor([0x7FC12345, 0x7FA00001, -0x00012345, -0x80000000], dtype=torch.int32).view(torch.float32)
"""A quiet, a signalling and a negative NaN, each with a payload, and -0.0."""


class Same:
    """Equal to the same object alone; holds it, so that its id is nobody else's meanwhile."""

    def __init__(self, value: object) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.value is other.value

    __hash__ = None

    def __repr__(self) -> str:
        return f"{type(self.value).__name__}@{id(self.value):x}"


def bits(tensor: Tensor | None) -> bytes | None:
    if tensor is None:
        return None
    return tensor.detach().clone(memory_format=torch.contiguous_format).reshape(-1).view(torch.uint8).numpy().tobytes()


def entries(table: dict | set) -> object:
    return [(key, Same(value)) for key, value in table.items()] if isinstance(table, dict) else set(table)


def picture_of_module(module: nn.Module) -> dict[str, object]:
    held = {
        name: (Same(value), entries(value) if isinstance(value, dict | set) else None)
        for name, value in vars(module).items()
    }
    return {"training": module.training, "held": held}


def picture_of_tensor(tensor: Tensor) -> tuple[object, ...]:
    place = (tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype, tensor.requires_grad)
    return (Same(tensor), place, bits(tensor), Same(tensor.grad), bits(tensor.grad))


def picture_of_chance() -> tuple[object, ...]:
    state = np.random.get_state()
    return (random.getstate(), (state[0], state[1].tobytes(), *state[2:]), bits(torch.get_rng_state()))


def picture(model: nn.Module) -> dict[str, object]:
    """Everything, to be compared with ==."""
    return {
        "modules": [picture_of_module(module) for module in model.modules()],
        "parameters": [picture_of_tensor(tensor) for tensor in model.parameters()],
        "buffers": [(name, *picture_of_tensor(tensor)) for name, tensor in model.named_buffers(remove_duplicate=False)],
        "chance": picture_of_chance(),
        "modes": (torch.is_grad_enabled(), torch.is_inference_mode_enabled()),
    }


class Step(nn.Module):
    """A layer that counts its calls in an attribute and draws from all three generators."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64), persistent=False)
        self.register_buffer("absent", None)

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.last = x
        self.seen += 1
        return x + random.gauss(0, 1) + np.random.rand() + torch.rand(1)


def make() -> nn.Sequential:
    """A model in mixed modes, with hooks, gradients, NaNs, a module under two names and a buffer in two modules."""
    torch.manual_seed(0)
    norm, step = batchnorm.nn.BatchNorm1d(4), Step()
    model = nn.Sequential(nn.Linear(4, 4), norm, step, nn.Dropout(0.5), nn.BatchNorm1d(4), norm, step)
    model[4].running_mean = norm.running_mean
    model(torch.randn(8, 4)).sum().backward()
    norm.running_mean.copy_(NANS)
    norm.register_forward_pre_hook(first)
    norm.register_forward_pre_hook(second)
    norm.register_forward_hook(third)
    model.train()
    norm.training = False
    return model


def first(module, args):
    return None


def second(module, args):
    return None


def third(module, args, output):
    return None


def x(rows: int = 6) -> Tensor:
    return torch.arange(4.0 * rows).reshape(rows, 4).sin()


def disturb(model: nn.Sequential) -> None:
    """Write into, replace or delete whatever a model holds."""
    norm, other, step = model[1], model[4], model[2]
    np.random.rand()
    torch.rand(1)
    norm.running_mean.fill_(1.0)
    norm.running_var = torch.zeros(4)
    other.running_var.data = torch.zeros(9)
    del other.num_batches_tracked
    step.absent = torch.ones(3)
    step.register_buffer("new", torch.ones(3))
    del step.seen
    step.seen = nn.Parameter(torch.zeros(1))
    norm.momentum, norm.fresh = None, 3
    del norm.eps
    norm._forward_pre_hooks.popitem(last=False)
    norm.register_forward_pre_hook(third)
    model[0].weight.grad = torch.ones(4, 4)
    model[0].bias.requires_grad_(False)
    model.eval()
    model[3] = nn.Identity()
