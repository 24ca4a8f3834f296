"""Is a module a norm whose numbers are all constants, like the many copies of FrozenBatchNorm2d?

Such a class is derived from no norm and has a forward of its own, so it is not read but asked: with other numbers in
the place of its own, it has to compute the formula, in both modes, and leave everything as it is.
"""

from typing import Any

import torch
from torch import Tensor, nn

from ...transaction import transaction
from ._own_code import own_methods

NUMBERS = ("weight", "bias", "running_mean", "running_var")
COUNTER = "num_batches_tracked"
_SHAPES = ((2, 3, 4), (1, 1, 1))
"""Of the inputs that it is asked with, (N, H, W)."""
_METHODS = {"forward", "_load_from_state_dict"}
_CLOSE = 1e-9


def eps_of(norm: nn.Module) -> float | None:
    """What a norm of constants adds to the variance; None if it is no such norm."""
    if not _holds_constants(norm) or {*own_methods(norm)} - _METHODS:
        return None
    with transaction(norm, scripts=True), torch.random.fork_rng(devices=[]):
        try:
            return _eps_if_formula(norm)
        except Exception:  # whatever somebody's forward raises that is given other numbers
            return None


def _holds_constants(norm: nn.Module) -> bool:
    buffers = {name: buffer for name, buffer in norm._buffers.items() if buffer is not None}
    if norm._parameters or norm._modules or {*buffers} - {COUNTER} != {*NUMBERS}:
        return False
    sizes = {tuple(buffers[name].shape) for name in NUMBERS}
    return len(sizes) == 1 and len(next(iter(sizes))) == 1 and not any(buffers[name].is_meta for name in NUMBERS)


def _eps_if_formula(norm: nn.Module) -> float | None:
    """Its eps, as it shows where the variance is 0, if with that it computes the formula of batch norm."""
    source = torch.Generator().manual_seed(0)
    channels = len(norm.get_buffer("weight"))
    ones, zeros = torch.ones(channels, dtype=torch.float64), torch.zeros(channels, dtype=torch.float64)
    x = 1 + torch.rand((1, channels, 1, 1), generator=source, dtype=torch.float64)
    y = _asked(norm, (ones, zeros, zeros, zeros), x, training=False)
    found = (x / y).square()
    eps = float(f"{float(found.mean()):.12g}")  # as somebody has written it
    if not eps > 0 or float((found / eps - 1).abs().max()) > _CLOSE:
        return None
    numbers = tuple(torch.rand(channels, generator=source, dtype=torch.float64) + 0.5 for _ in NUMBERS)
    for n, height, width in _SHAPES:
        x = 10 * torch.randn((n, channels, height, width), generator=source, dtype=torch.float64)
        expected = _formula(x, numbers, eps)
        for training in (False, True):
            for needs_grad in (False, True):
                got = _asked(norm, numbers, x.clone().requires_grad_(needs_grad), training=training)
                if got.shape != x.shape or float((got - expected).abs().max()) > _CLOSE * float(expected.abs().max()):
                    return None
    return eps


def _formula(x: Tensor, numbers: tuple[Tensor, ...], eps: float) -> Tensor:
    weight, bias, mean, var = (values.reshape(1, -1, 1, 1) for values in numbers)
    return (x - mean) / torch.sqrt(var + eps) * weight + bias


def _asked(norm: nn.Module, numbers: tuple[Tensor, ...], x: Tensor, *, training: bool) -> Tensor:
    """What its forward gives on a CPU with these numbers in the place of its own."""
    stand_in: Any = object.__new__(type(norm))
    stand_in.__dict__.update(norm.__dict__)
    buffers = dict(zip(NUMBERS, (values.clone() for values in numbers), strict=True))
    stand_in.__dict__["_buffers"] = {**norm._buffers, **buffers}
    stand_in.__dict__["training"] = training
    before = {**stand_in.__dict__, **stand_in.__dict__["_buffers"]}
    got = type(norm).forward(stand_in, x)
    after = {**stand_in.__dict__, **stand_in.__dict__["_buffers"]}
    same = before.keys() == after.keys() and all(after[name] is value for name, value in before.items())
    if not same or not all(torch.equal(buffers[name], values) for name, values in zip(NUMBERS, numbers, strict=True)):
        raise RuntimeError("it keeps something between its calls")
    if not isinstance(got, Tensor):
        raise TypeError("it gives no tensor")
    return got.detach()
