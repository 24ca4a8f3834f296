"""What becomes of each tensor: an average, the variance of all data together, the largest count, or what all have."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ...errors import InputError
from ._arithmetic import Weighted, all_same, average, finite, total_variance, wide
from ._state import State, is_counter, var_of

Part = tuple[State, float]
"""A model, and how much of the average it is."""


def merged(parts: Sequence[Part], first: State) -> dict[str, Tensor]:
    """Return the tensors of the average by their names, on the devices and of the dtypes of the first model's.

    Args:
        parts: the models that count, with weights that add up to 1.
        first: the model whose names are taken.

    Raises:
        InputError: a value is not finite, a variance negative, a result beyond its dtype, or integers differ.
    """
    for state, _ in parts:
        _check_statistics(state)
    variances = {var_of(mean): mean for mean in first.means}
    return {name: _merged(name, tensor, variances.get(name), parts) for name, tensor in first.tensors.items()}


def _merged(name: str, like: Tensor, mean: str | None, parts: Sequence[Part]) -> Tensor:
    # A wrapper's own counter need not be in all of them.
    given = [(state.tensors[name].to(like.device), weight) for state, weight in parts if name in state.tensors]
    if mean is None and (not given or all_same([tensor for tensor, _ in given])):
        return (given[0][0] if given else like).clone()
    if is_counter(name):
        return torch.stack([tensor for tensor, _ in given]).amax(0)
    if not (like.is_floating_point() or like.is_complex()):
        raise _differ(name, parts)
    return _rounded(name, _in_float64(name, given, mean, parts), like, parts)


def _in_float64(name: str, given: Sequence[Weighted], mean: str | None, parts: Sequence[Part]) -> Tensor:
    if mean is None:
        return average(given)
    means = [(state.tensors[mean], weight) for state, weight in parts]
    return total_variance([(mean.to(var.device), var, w) for (mean, _), (var, w) in zip(means, given, strict=True)])


def _rounded(name: str, value: Tensor, like: Tensor, parts: Sequence[Part]) -> Tensor:
    found = value.to(device=like.device, dtype=like.dtype)
    bad = ~finite(found)
    if not bad.any() or not (bad & ~_meant(name, parts).to(bad.device)).any():
        return found
    for state, _ in parts:
        if not finite(state.tensors[name]).all():
            raise InputError(
                argument=state.label,
                expected="finite values, or the same ones in all models",
                got=f"NaN or inf in {state.called(name)}",
                cure="Leave this model out.",
            )
    raise InputError(
        f"the average of {parts[0][0].called(name)} is beyond {like.dtype}".replace("torch.", ""),
        argument="models",
        cure="Average them in float32: pass model.float() for each.",
    )


def _meant(name: str, parts: Sequence[Part]) -> Tensor:
    """Where all models have the same infinity, as in a mask."""
    one = wide(parts[0][0].tensors[name])
    meant = one.isinf()
    for state, _ in parts[1:]:
        meant &= wide(state.tensors[name]).to(one.device) == one
    return meant


def _check_statistics(state: State) -> None:
    for mean in sorted(state.means):
        for name in (mean, var_of(mean)):
            values = state.tensors[name]
            wrong = "" if finite(values).all() else "NaN or inf"
            wrong = wrong or ("a negative variance" if name != mean and (wide(values) < 0).any() else "")
            if wrong:
                raise InputError(
                    argument=state.label,
                    expected="finite statistics, and variances of at least 0",
                    got=f"{wrong} in {state.called(name)}",
                    cure="Leave this model out, or run batchnorm.recalibrate on it.",
                )


def _differ(name: str, parts: Sequence[Part]) -> InputError:
    first = parts[0][0]
    other = next(state for state, _ in parts[1:] if not all_same([first.tensors[name], state.tensors[name]]))
    kind = str(first.tensors[name].dtype).removeprefix("torch.")
    return InputError(
        argument=other.label,
        expected="integers and booleans that are equal in all models, for they have no average",
        got=f"other values of {other.called(name)} ({kind}) than in {first.label}",
        cure="Set them to the same values before.",
    )
