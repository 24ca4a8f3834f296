"""Do the states in a checkpoint fit the parts of a training, value by value?

What torch's `load_state_dict` does not look at would be met steps later: a scheduler takes any value for a number, and
an optimizer any tensor for its own.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ..files import one_line


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
        elif name in ("model", "average", "kept") and present is not None:
            _check_tensors(name, states[name], present)
        elif name != "cuda_rng":
            _check_like(name, states[name], present, same=name == "scheduler")
    schedule, groups = states["scheduler"], states["optimizer"]["param_groups"]
    if schedule["last_epoch"] != steps or schedule["_last_lr"] != [group["lr"] for group in groups]:
        raise ValueError(f"scheduler: expected one that has done {steps} steps and gave the optimizer its lr")
    _check_random("cuda_rng", states.get("cuda_rng"))


def check_own_states(states: object, own: Mapping[str, Any]) -> None:
    """Raise unless each of these can be put back as the own state of one of several processes, of this form.

    Raises:
        ValueError: a value is missing, is one too many, or has another type or form.
    """
    if not isinstance(states, list):
        raise ValueError(f"ranks: expected a list, got {_kind(states)}")
    for number, state in enumerate(states, 1):
        if not isinstance(state, Mapping) or state.keys() != own.keys():
            raise ValueError(f"ranks.{number}: expected a dict of {', '.join(own)}")
        for name, present in own.items():
            at = f"ranks.{number}.{name}"
            if name == "cuda_rng":
                _check_random(at, state[name])
            elif isinstance(present, Mapping):
                _check_like(at, state[name], present)
                _check_tensors(at, state[name], present)
                _check_shapes(at, state[name], present)
            else:
                _check_like(at, state[name], present)


def _check_random(at: str, random: object) -> None:
    if random is not None and not (isinstance(random, Tensor) and random.dtype == torch.uint8 and _is_plain(random)):
        raise ValueError(f"{at}: expected random numbers of a GPU")


def _check_shapes(at: str, state: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> None:
    for name, present in own.items():
        if state[name].shape != present.shape:
            raise ValueError(f"{at}.{name}: expected the shape {tuple(present.shape)}, got {tuple(state[name].shape)}")


def _check_tensors(at: str, state: object, own: Mapping[str, Any]) -> None:
    """Check the tensors of a net; names and shapes are for the net, which may have its own way to load them."""
    if not isinstance(state, Mapping):
        raise ValueError(f"{at}: expected {_kind(own)}, got {_kind(state)}")
    for name, present in own.items():
        if isinstance(present, Tensor) and name in state:
            given = state[name]
            fits = isinstance(given, Tensor) and (given.dtype, given.layout) == (present.dtype, present.layout)
            if not fits or given.device.type != "cpu":
                raise ValueError(f"{at}.{name}: expected {_kind(present)}, got {_kind(given)}")


def _check_optimizer(state: object, own: Mapping[str, Any], parameters: Sequence[Tensor]) -> None:
    if not isinstance(state, dict) or state.keys() != own.keys() or not isinstance(state["state"], dict):
        raise ValueError(f"optimizer: expected a dict of {', '.join(own)}")
    _check_like("optimizer.param_groups", state["param_groups"], own["param_groups"], same=True)
    forms = _ADAMW if "betas" in own["param_groups"][0] else _SGD
    for number, kept in state["state"].items():
        at = f"optimizer.state.{str(number)[:20]}"
        if type(number) is not int or not 0 <= number < len(parameters) or not isinstance(kept, dict):
            raise ValueError(f"{at}: expected values for one of {len(parameters)} parameters")
        if kept and kept.keys() != forms.keys():
            raise ValueError(f"{at}: expected {', '.join(forms)}")
        for name, value in kept.items():
            shape = torch.Size() if forms[name] == "number" else parameters[number].shape
            _check_kept(f"{at}.{name}", value, shape)


_SGD = {"momentum_buffer": "like the parameter"}
_ADAMW = {"step": "number", "exp_avg": "like the parameter", "exp_avg_sq": "like the parameter"}
"""What torch's optimizers keep for each parameter."""


def _check_kept(at: str, value: object, shape: torch.Size) -> None:
    if value is None and shape:  # a momentum that has not begun
        return
    fits = isinstance(value, Tensor) and value.is_floating_point() and _is_plain(value) and value.shape == shape
    if not fits or (not shape and not 0 <= float(value) < 2**63):  # type: ignore[arg-type]  # a tensor, as it fits
        raise ValueError(f"{at}: expected real numbers of the shape {tuple(shape)}, got {_kind(value)}")


_MOVING = ("lr", "last_epoch", "_step_count", "_last_lr")
"""What a scheduler changes; the rest of it, and of an optimizer's groups, follows from the options."""


def _check_like(at: str, value: Any, own: Any, *, same: bool = False) -> None:
    """Check that a value has the form of one's own: the same keys and lengths, tensors and numbers of the same kind.

    Args:
        at: what it is called.
        value: out of the checkpoint.
        own: the training's.
        same: whether the numbers and words are the same, but for those that move.
    """
    if isinstance(own, Tensor):
        fits = isinstance(value, Tensor) and value.dtype == own.dtype and _is_plain(value)
    elif isinstance(own, Mapping):
        fits = isinstance(value, Mapping) and value.keys() == own.keys()
    elif isinstance(own, list | tuple):
        fits = type(value) is type(own) and len(value) == len(own)
    elif _is_number(own):  # what is not finite is in no range
        fits = _is_number(value) and -(2**63) < value < 2**63 and (value == own or not same)
    else:
        fits = type(value) is type(own) and (not same or value == own)
    if not fits:
        raise ValueError(f"{at}: expected {_kind(own)}, got {_kind(value)}")
    for key in own if isinstance(own, Mapping) else range(len(own)) if isinstance(own, list | tuple) else ():
        _check_like(f"{at}.{key}", value[key], own[key], same=same and key not in _MOVING)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_plain(tensor: Tensor) -> bool:
    """Whether a tensor has numbers, one after the other, in this process' memory."""
    return tensor.layout == torch.strided and tensor.device.type == "cpu" and not tensor.is_nested


def _kind(value: object) -> str:
    if isinstance(value, Tensor):
        return f"a tensor of {value.dtype}, {value.layout} on {value.device}".replace("torch.", "")
    if isinstance(value, list | tuple | Mapping):
        return f"a {'dict' if isinstance(value, Mapping) else type(value).__name__} of {len(value)} entries"
    return one_line(repr(value), 40) if isinstance(value, float | bool | str) else type(value).__name__
