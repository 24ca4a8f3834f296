"""Is a shape, an array or a single batch in the place of a loader told apart from one?"""

import numpy as np
import pytest
import torch
from torch import nn

from batchnorm import recalibrate
from batchnorm.errors import InputTypeError
from batchnorm.statistics import use_batch_statistics

IMAGES, LABELS = torch.ones(4, 3, 8, 8), torch.arange(4)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((4, 3, 8, 8), r"got the shape \(4, 3, 8, 8\)\. A list of one batch is \[torch\.randn\(4, 3, 8, 8\)\]"),
        (IMAGES.shape, r"got the shape \(4, 3, 8, 8\)\."),
        (np.ones((4, 3, 8, 8)), r"got numpy\.ndarray\. Convert it"),
        ((IMAGES, LABELS), r"got one batch with its labels\. Put it into a list: \[batch\]"),
        ([IMAGES, LABELS], r"got one batch with its labels\."),
    ],
)
def test_what_is_no_loader_is_refused_with_the_next_step(given: object, said: str) -> None:
    norm = nn.BatchNorm2d(3)
    with pytest.raises(InputTypeError, match=rf"loader: expected an iterable of batches, {said}"):
        recalibrate(norm, given)
    assert not norm.running_mean.any()


def test_a_list_of_batches_is_a_loader() -> None:
    assert recalibrate(nn.BatchNorm2d(3), [IMAGES, IMAGES[:3]]).samples == 7


def test_batch_statistics_want_a_model() -> None:
    with (
        pytest.raises(InputTypeError, match=r"^use_batch_statistics: model: expected a torch\.nn\.Module, got str"),
        use_batch_statistics("net"),
    ):
        pass
