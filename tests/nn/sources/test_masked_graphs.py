"""Masks under torch.compile, whose sizes may be symbols for the input and numbers for the mask."""

from collections.abc import Iterator

import pytest
import torch

from batchnorm.nn import BatchNorm1d


@pytest.fixture(autouse=True)
def fresh_compiler() -> Iterator[None]:
    torch.compiler.reset()
    yield
    torch.compiler.reset()


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_a_mask_fits_an_input_whose_size_is_a_symbol_to_the_compiler(training):
    x, mask = torch.randn(6, 3, 5), torch.rand(6, 5) > 0.2
    torch._dynamo.maybe_mark_dynamic(x, 0)  # as after a call with another size
    layer, eager = (BatchNorm1d(3, moments="masked").train(training) for _ in range(2))
    compiled = torch.compile(layer, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(x, mask), eager(x, mask))
