"""Is a batch norm known, whoever computes it?"""

import pytest
import torch

from batchnorm.wiring import Operation, Pass, Value
from batchnorm.wiring._normalizations import normalizations_of

OPERATORS = [
    "native_batch_norm",
    "_native_batch_norm_legit",
    "_native_batch_norm_legit_no_training",
    "_batch_norm_no_update",
    "_batch_norm_with_update",
    "cudnn_batch_norm",
    "miopen_batch_norm",
]


@pytest.mark.parametrize("name", OPERATORS)
def test_what_a_norm_was_given_is_known_whatever_operator_the_device_takes(name):
    """Most of them never run on a CPU, but their schemas are known."""
    operator = getattr(torch.ops.aten, name).default
    words = [argument.name for argument in operator._schema.arguments]
    x = Value(0, (2, 3), (3, 1), 0, torch.float32)
    given = tuple(0.25 if word.startswith("eps") else x if word == "input" else None for word in words)
    seen = Pass([Operation(0, operator, given, {}, None, (), frozenset(), False)])
    (norm,) = normalizations_of(seen)
    assert (norm.given["eps"], norm.given["input"]) == (0.25, x)
