"""Is a shape, a loader or an array in the place of an example told apart from one?"""

import re

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from batchnorm import fold, trace
from batchnorm.errors import InputTypeError


def net() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).eval()


class FromSizes(nn.Module):
    """Makes its images itself."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

    def forward(self, height: int, width: int) -> torch.Tensor:
        return self.bn(self.conv(torch.ones(1, 3, height, width)))


SHAPES = [(2, 3, 64, 64), [2, 3, 64, 64], torch.Size((2, 3, 64, 64))]


@pytest.mark.parametrize("verb", [fold, trace])
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: type(shape).__name__)
def test_a_shape_is_refused_with_the_tensor_that_is_meant(verb, shape) -> None:
    given = re.escape("got the shape (2, 3, 64, 64). Pass a tensor of that shape: torch.randn(2, 3, 64, 64).")
    with pytest.raises(InputTypeError, match=given if verb is fold or not isinstance(shape, list) else "shape"):
        verb(net(), shape)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (DataLoader(TensorDataset(torch.ones(4, 3, 8, 8))), r"got DataLoader\. Pass one batch of it: next\(iter\("),
        (TensorDataset(torch.ones(4, 3, 8, 8)), r"got a data set\. Pass one batch of it"),
        (np.ones((1, 3, 8, 8), np.float32), r"got numpy\.ndarray\. Convert it: torch\.as_tensor\(example\)"),
        (
            ((2, 3, 64, 64),),
            r"got \(\(2, 3, 64, 64\),\), with which it raises TypeError: .* torch\.randn\(2, 3, 64, 64\)",
        ),
        (("a.png",), r"got \('a\.png',\), with which it raises TypeError"),
        ((), r"got \(\), with which it raises TypeError: .*missing 1 required"),
    ],
)
def test_what_is_no_example_is_refused_with_the_next_step(given: object, said: str) -> None:
    with pytest.raises(InputTypeError, match=said):
        fold(net(), given)


def test_a_model_that_takes_two_integers_is_called_with_them() -> None:
    assert fold(FromSizes().eval(), (8, 8)).outcome_of("bn") == "folded"


def test_an_error_of_a_model_that_was_given_tensors_stays_its_own() -> None:
    class Broken(nn.Module):
        def forward(self, x):
            return x.nothing

    with pytest.raises(AttributeError, match="'Tensor' object has no attribute 'nothing'"):
        trace(Broken(), torch.ones(1))


@pytest.mark.parametrize("model", [None, "runs/first", nn.BatchNorm2d])
def test_what_is_no_model_is_refused(model: object) -> None:
    with pytest.raises(InputTypeError, match=r"model: expected a torch\.nn\.Module, got "):
        trace(model, torch.ones(1))
