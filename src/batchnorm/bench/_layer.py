"""What does one norm with what follows it cost, against PyTorch's, against a copy, and how exact is it?"""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import torch

from ..errors import InputError
from ..records import LayerRow
from ._accuracy import errors
from ._cache import Sweep, last_level_cache
from ._cases import LayerCase, Settings
from ._contenders import Forward, compiled, compiler_missing, failure, native, ours
from ._operands import Operands, make_operands
from ._timing import Arm, threads, time_in_turn
from ._traffic import DIRECTIONS, STREAMED, floor_bytes, tensor_bytes

TWIN_VALUES = 1 << 18


def measure_layer(case: LayerCase, settings: Settings, allocator: str = "untuned") -> LayerRow:
    """Time one row in this process, in every direction, and compare the results with float64.

    Args:
        case: what is timed.
        settings: how.
        allocator: what the process' allocator is said to be in the row; nothing is changed here.

    Raises:
        InputError: the route cannot compute the case; the message has its reason.
    """
    with threads(settings.threads):
        operands = make_operands(case)
        contenders, left_out = _contenders(case, settings, operands)
        twin = make_operands(_small_twin(case))
        cache_bytes = last_level_cache()
        sweep = Sweep(cache_bytes)
        timings = {
            direction: time_in_turn(
                _arms(direction, contenders, operands, twin),
                rounds=settings.rounds,
                warmup=settings.warmup,
                sweep=sweep,
            )
            for direction in DIRECTIONS
        }
        return LayerRow(
            family=case.family,
            shape=case.shape,
            memory_format=case.memory_format,
            dtype=case.dtype,
            activation=case.activation,
            route=settings.route,
            allocator=allocator,
            tensor_bytes=tensor_bytes(case)["x"],
            floor_bytes={name: floor_bytes(case, name, cache_bytes) for name in DIRECTIONS},
            streamed_bytes={name: floor_bytes(case, name, cache_bytes, store=STREAMED) for name in DIRECTIONS},
            timings=timings,
            errors=errors(case, operands, contenders),
            left_out=left_out,
        )


def _small_twin(case: LayerCase) -> LayerCase:
    """Return the case with few values, but so many that threads take part and "auto" takes our kernels, as with it."""
    axes = len(case.shape) - 2
    shape = (TWIN_VALUES // 8 // 16**axes, 8, *[16] * axes)
    return replace(case, shape=shape) if math.prod(shape) < math.prod(case.shape) else case


def _contenders(case: LayerCase, settings: Settings, operands: Operands) -> tuple[dict[str, Forward], dict[str, str]]:
    """Return who takes part, each having run once, and why others do not."""
    own = ours(case, settings.route)
    try:
        _run_once(own, operands)
    except (ValueError, TypeError, RuntimeError) as error:
        raise InputError(f"the route {settings.route!r} does not compute {case}: {error}") from error
    contenders, left_out = {"ours": own, "native": native(case)}, {}
    reason = compiler_missing() if settings.compiled else "it was not asked for"
    if reason is None:
        forward = compiled(case)
        try:
            _run_once(forward, operands)
            contenders["compile"] = forward
        except Exception as error:  # whatever it is: the row goes on without it, and says so
            reason = failure(error)
    if reason is not None:
        left_out["compile"] = reason
    return contenders, left_out


def _run_once(forward: Forward, operands: Operands) -> None:
    for direction in ("both", "evaluation"):
        _once(_arm(direction, forward, operands))()


def _arms(direction: str, contenders: Mapping[str, Forward], operands: Operands, twin: Operands) -> dict[str, Arm]:
    arms = {}
    for name, forward in contenders.items():
        arm = _arm(direction, forward, operands)
        arms[name] = arm if name == "compile" else replace(arm, rewarm=_once(_arm(direction, forward, twin)))
    arms["copy"] = replace(_copy(operands), rewarm=_once(_copy(twin)))
    return arms


def _copy(operands: Operands) -> Arm:
    source = operands.x.detach()
    target = torch.empty_like(source)
    return Arm(lambda _: target.copy_(source))


def _once(arm: Arm) -> Callable[[], object]:
    return lambda: arm.run(arm.prepare())


def _arm(direction: str, forward: Forward, operands: Operands) -> Arm:
    o = operands.with_own_statistics()
    inputs = o.differentiable()
    match direction:
        case "evaluation":
            return Arm(lambda _: _without_gradient(forward, o))
        case "forward":
            return Arm(lambda _: forward(o, True))
        case "backward":
            return Arm(lambda y: torch.autograd.grad(y, inputs, o.dy), lambda: forward(o, True))
        case _:
            return Arm(lambda _: torch.autograd.grad(forward(o, True), inputs, o.dy))


def _without_gradient(forward: Forward, operands: Operands) -> object:
    with torch.no_grad():
        return forward(operands, False)
