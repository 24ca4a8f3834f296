"""Do the states in a checkpoint have the form of those that a training has, part by part?

What torch's `load_state_dict` does not look at would be met steps later: a scheduler takes any value for a number, and
an optimizer any tensor for its own.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor


def check_states(states: Mapping[str, Any], own: Mapping[str, Any], parameters: Sequence[Tensor], steps: int) -> None:
    """Raise unless each state can be put back.

    Args:
        states: of the checkpoint.
        own: those of the training that is to go on, of the same options.
        parameters: of its optimizer, in its order.
        steps: how many the checkpoint has done.

    Raises:
        ValueError: a value is missing, is one too many, or has another type, form or range.
    """
    for name, present in own.items():
        if name not in states:
            raise ValueError(f"the state of {name} is missing")
        if name == "optimizer":
            _check_optimizer(states[name], present, parameters)
        elif name != "cuda_rng":
            _check_like(name, states[name], present)
    if states["scheduler"].get("last_epoch") != steps:
        raise ValueError(f"scheduler.last_epoch: expected {steps}, got {states['scheduler'].get('last_epoch')}")
    random = states.get("cuda_rng")
    if random is not None and not (isinstance(random, Tensor) and random.dtype == torch.uint8 and _is_plain(random)):
        raise ValueError("cuda_rng: expected random numbers of a GPU")


def _check_optimizer(state: object, own: Mapping[str, Any], parameters: Sequence[Tensor]) -> None:
    if not isinstance(state, dict) or state.keys() != own.keys() or not isinstance(state["state"], dict):
        raise ValueError(f"optimizer: expected a dict of {', '.join(own)}")
    _check_like("optimizer.param_groups", state["param_groups"], own["param_groups"])
    for number, kept in state["state"].items():
        at = f"optimizer.state.{str(number)[:20]}"
        if type(number) is not int or not 0 <= number < len(parameters) or not isinstance(kept, dict):
            raise ValueError(f"{at}: expected values for one of {len(parameters)} parameters")
        for name, value in kept.items():
            _check_kept(f"{at}.{name}", value, parameters[number])


def _check_kept(at: str, value: object, parameter: Tensor) -> None:
    """Check what an optimizer keeps for a parameter: a tensor like it, or a count."""
    if isinstance(value, Tensor):
        fits = value.is_floating_point() and _is_plain(value) and value.shape in (parameter.shape, ())
        if not fits:
            raise ValueError(f"{at}: expected a tensor like the parameter, got {_kind(value)}")
    elif value is not None and not (_is_number(value) and math.isfinite(value)):  # type: ignore[arg-type]  # a number
        raise ValueError(f"{at}: expected a tensor or a finite number, got {_kind(value)}")


def _check_like(at: str, value: Any, own: Any) -> None:
    """Check that a value has the form of one's own: the same keys and lengths, tensors and numbers of the same kind."""
    if isinstance(own, Tensor):
        fits = isinstance(value, Tensor) and value.dtype == own.dtype and _is_plain(value)
        if not fits:
            raise ValueError(f"{at}: expected {_kind(own)}, got {_kind(value)}")
    elif isinstance(own, Mapping):
        if not isinstance(value, Mapping) or value.keys() != own.keys():
            raise ValueError(f"{at}: expected a dict of {len(own)} entries of known names, got {_kind(value)}")
        for key, inner in own.items():
            _check_like(f"{at}.{key}", value[key], inner)
    elif isinstance(own, list | tuple):
        if type(value) is not type(own) or len(value) != len(own):
            raise ValueError(f"{at}: expected a {type(own).__name__} of {len(own)} entries, got {_kind(value)}")
        for number, inner in enumerate(own):
            _check_like(f"{at}.{number}", value[number], inner)
    elif _is_number(own):
        if not _is_number(value) or not -(2**63) < value < 2**63:  # what is not finite is in no range
            raise ValueError(f"{at}: expected a finite number, got {_kind(value)}")
    elif type(value) is not type(own):
        raise ValueError(f"{at}: expected {_kind(own)}, got {_kind(value)}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_plain(tensor: Tensor) -> bool:
    """Whether a tensor has numbers, one after the other, in this process' memory."""
    return tensor.layout == torch.strided and tensor.device.type == "cpu" and not tensor.is_nested


def _kind(value: object) -> str:
    if isinstance(value, Tensor):
        return f"a tensor of {value.dtype}, {value.layout} on {value.device}".replace("torch.", "")
    return f"{value:g}" if isinstance(value, float) else type(value).__name__
