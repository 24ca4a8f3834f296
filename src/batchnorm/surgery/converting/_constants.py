"""Is a module a norm whose statistics are constants, like the many copies of FrozenBatchNorm2d?

Such a class is derived from no norm and has a forward of its own, so it is not read but asked: with other numbers in
the place of its own, it has to compute the formula, in both modes, and leave everything as it is.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ...transaction import transaction
from ._own_code import own_methods

STATISTICS = ("running_mean", "running_var")
AFFINE = {"weight": 1.0, "bias": 0.0}
"""By name what stands where a norm has none."""
COUNTER = "num_batches_tracked"
_SHAPES: dict[int, tuple[tuple[int, ...], ...]] = {
    1: ((2,), (2, 3), (1, 1)),
    2: ((2, 3, 4), (1, 1, 1)),
    3: ((2, 3, 4, 2), (1, 1, 1, 1)),
}
"""By the axes of a norm as torch counts them: inputs that it is asked with, without their channels."""
_METHODS = {"forward", "_load_from_state_dict"}
_CLOSE = 1e-9


class Constants(NamedTuple):
    """What a norm of constants is: what it adds to the variance, and its axes, or None where it takes any."""

    eps: float
    spatial: int | None


def constants_of(norm: nn.Module) -> Constants | None:
    """Look whether a norm is one of constants; None if not."""
    if not _holds_constants(norm) or {*own_methods(norm)} - _METHODS:
        return None
    with transaction(norm, scripts=True), torch.random.fork_rng(devices=[]):
        eps = {spatial: _eps_if_formula(norm, spatial) for spatial in _SHAPES}
    found = {spatial: value for spatial, value in eps.items() if value is not None}
    if not found:
        return None
    return Constants(next(iter(found.values())), _spatial(type(norm).__name__, [*found]))


def widens(norm: nn.Module) -> bool:
    """Whether a norm of constants in float32 gives outputs in float32 to inputs of a half type, as torch's never do."""
    channels = len(norm.get_buffer(STATISTICS[0]))
    numbers = {name: torch.ones(channels) for name in _held(norm)}
    with transaction(norm, scripts=True), torch.random.fork_rng(devices=[]):
        for shapes in _SHAPES.values():
            x = torch.ones((shapes[0][0], channels, *shapes[0][1:]), dtype=torch.bfloat16)
            try:
                return _asked(norm, numbers, x, training=False).dtype == torch.float32
            except Exception:  # noqa: S112  # as above
                continue
    return False


def _spatial(name: str, found: list[int]) -> int | None:
    """The one kind of inputs, or, of several, that which the class is called by."""
    said = re.search(r"([123])d", name, re.IGNORECASE)
    if len(found) == 1:
        return found[0]
    return int(said[1]) if said and int(said[1]) in found else None


def _held(norm: nn.Module) -> dict[str, Tensor]:
    tables = {**norm._parameters, **norm._buffers}
    return {name: tensor for name, tensor in tables.items() if tensor is not None and name != COUNTER}


def _holds_constants(norm: nn.Module) -> bool:
    held = _held(norm)
    if norm._modules or not {*STATISTICS} <= {*held} <= {*STATISTICS, *AFFINE}:
        return False
    if any(norm._buffers.get(name) is None for name in STATISTICS):
        return False
    sizes = {tuple(tensor.shape) for tensor in held.values()}
    return len(sizes) == 1 and len(next(iter(sizes))) == 1 and not any(tensor.is_meta for tensor in held.values())


def _eps_if_formula(norm: nn.Module, spatial: int) -> float | None:
    """Its eps, if with that it computes the formula of batch norm on all inputs of that kind that it takes."""
    answers: list[float | None] = []
    for shape in _SHAPES[spatial]:
        try:
            answers.append(_eps_on(norm, shape))
        except Exception:  # noqa: S112  # whatever somebody's forward raises that takes no such input
            continue
    return answers[0] if answers and all(answer == answers[0] for answer in answers) else None


def _eps_on(norm: nn.Module, shape: tuple[int, ...]) -> float | None:
    """Its eps, as it shows where the variance is 0, if with that it computes the formula."""
    source, channels = torch.Generator().manual_seed(0), len(norm.get_buffer(STATISTICS[0]))
    numbers = {name: torch.full((channels,), AFFINE.get(name, 0.0), dtype=torch.float64) for name in _held(norm)}
    x = 1 + torch.rand((shape[0], channels, *shape[1:]), generator=source, dtype=torch.float64)
    found = (x / _asked(norm, numbers, x, training=False)).square()
    eps = float(f"{float(found.mean()):.12g}")  # as somebody has written it
    if found.shape != x.shape or not eps > 0 or not float((found / eps - 1).abs().max()) <= _CLOSE:
        return None
    x = 10 * torch.randn(x.shape, generator=source, dtype=torch.float64)
    numbers = {name: torch.rand(channels, generator=source, dtype=torch.float64) + 0.5 for name in numbers}
    expected = _formula(x, numbers, eps)
    for training, needs_grad in ((False, False), (False, True), (True, False), (True, True)):
        got = _asked(norm, numbers, x.clone().requires_grad_(needs_grad), training=training)
        apart = float((got - expected).abs().max()) if got.shape == x.shape else torch.nan
        if not apart <= _CLOSE * float(expected.abs().max()):
            return None
    return eps


def _formula(x: Tensor, numbers: Mapping[str, Tensor], eps: float) -> Tensor:
    along = {name: values.reshape(1, -1, *[1] * (x.dim() - 2)) for name, values in numbers.items()}
    x_hat = (x - along["running_mean"]) / torch.sqrt(along["running_var"] + eps)
    return x_hat * along.get("weight", 1.0) + along.get("bias", 0.0)


def _asked(norm: nn.Module, numbers: Mapping[str, Tensor], x: Tensor, *, training: bool) -> Tensor:
    """What its forward gives on a CPU with these numbers in the place of its own; NaN, if that is not all it does."""
    stand_in: Any = object.__new__(type(norm))
    own = {name: values.clone() for name, values in numbers.items()}
    tables = {
        table: {name: own.get(name, tensor) for name, tensor in getattr(norm, table).items()}
        for table in ("_parameters", "_buffers")
    }
    steps = {name: nn.Identity() for name in norm._modules}  # an activation, say, which is asked about by nobody
    stand_in.__dict__.update({**norm.__dict__, **tables, "_modules": steps, "training": training})
    before = {**stand_in.__dict__, **tables["_parameters"], **tables["_buffers"]}
    got = type(norm).forward(stand_in, x)
    after = {**stand_in.__dict__, **stand_in._parameters, **stand_in._buffers}
    same = before.keys() == after.keys() and all(after[name] is value for name, value in before.items())
    if not same or not all(torch.equal(own[name], values) for name, values in numbers.items()):
        return torch.full_like(x, torch.nan)  # it keeps something from the call, and that is not all that it does
    return got.detach() if isinstance(got, Tensor) else torch.full_like(x, torch.nan)
