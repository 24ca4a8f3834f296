"""Do the functions say which argument is no tensor?"""

import re

import numpy as np
import pytest
import torch

import batchnorm.functional as F
from batchnorm.errors import InputTypeError

X, C = torch.ones(2, 3, 4, 4), torch.ones(3)
CALLS = {
    "batch_norm: running_mean": lambda wrong: F.batch_norm(X, wrong, C),
    "batch_norm: running_var": lambda wrong: F.batch_norm(X, C, wrong),
    "batch_norm: weight": lambda wrong: F.batch_norm(X, C, C, wrong),
    "batch_norm: bias": lambda wrong: F.batch_norm(X, C, C, C, wrong),
    "batch_norm_add: weight": lambda wrong: F.batch_norm_add(X, X, C, C, wrong),
    "batch_norm_pool: weight": lambda wrong: F.batch_norm_pool(X, C, C, wrong),
    "channel_affine: scale": lambda wrong: F.channel_affine(X, wrong),
    "channel_affine: shift": lambda wrong: F.channel_affine(X, C, wrong),
    "batch_moments: x": F.batch_moments,
    "exact_moments: x": F.exact_moments,
    "normalize: x": lambda wrong: F.normalize(wrong, C, C, 1e-5),
    "normalize: var": lambda wrong: F.normalize(X, C, wrong, 1e-5),
    "affine: x_hat": F.affine,
    "affine: weight": lambda wrong: F.affine(X, wrong),
    "scale_shift: mean": lambda wrong: F.scale_shift(wrong, C),
    "scale_shift: bias": lambda wrong: F.scale_shift(C, C, C, wrong),
    "update_running_stats: running_mean": lambda wrong: F.update_running_stats(wrong, C, F.batch_moments(X), 0.1),
    "zscore: x": F.zscore,
    "zscore: std": lambda wrong: F.zscore(X, C, wrong),
    "zscore_inverse: mean": lambda wrong: F.zscore_inverse(X, wrong, C),
    "minmax: x": F.minmax,
    "minmax: low": lambda wrong: F.minmax(X, wrong, C),
    "minmax_inverse: high": lambda wrong: F.minmax_inverse(X, C, wrong),
}


@pytest.mark.parametrize("wrong", [[1.0, 2.0, 3.0], np.ones(3), "x", 3.0], ids=lambda wrong: type(wrong).__name__)
@pytest.mark.parametrize("place", CALLS)
def test_an_argument_that_is_no_tensor_is_named(place: str, wrong: object) -> None:
    with pytest.raises(
        InputTypeError, match=rf"^{re.escape(place)}: expected a tensor.*, got {type(wrong).__name__}\."
    ):
        CALLS[place](wrong)


@pytest.mark.parametrize("place", ["batch_moments: x", "exact_moments: x", "affine: x_hat", "zscore: x", "minmax: x"])
def test_none_is_named_as_none(place: str) -> None:
    with pytest.raises(InputTypeError, match=rf"^{place}: expected a tensor.*, got None\. Pass the tensor itself\."):
        CALLS[place](None)


def test_a_list_of_tensors_is_told_to_be_stacked() -> None:
    with pytest.raises(InputTypeError, match=r"got list\. Make one of them: torch\.stack\(x\)\.$"):
        F.batch_moments([C, C])


def test_moments_are_expected_where_a_tensor_came() -> None:
    with pytest.raises(InputTypeError, match=r"^update_running_stats: moments: expected Moments, got Tensor\. Pass"):
        F.update_running_stats(C.clone(), C.clone(), X, 0.1)
    with pytest.raises(InputTypeError, match=r"^merge: other: expected Moments, got Tensor"):
        F.batch_moments(X).merge(C)
