"""A net has no more numbers than it may have, and costs no memory until that is known."""

import threading

import pytest
import torch
from torch import nn

from batchnorm.models import TooLargeError, at_most, available, build

SHAPE = {"num_classes": 3, "in_channels": 1, "image_size": 8}


@pytest.mark.parametrize("name", [entry.name for entry in available()])
def test_a_net_may_have_just_the_numbers_that_it_saves(name: str) -> None:
    count = sum(tensor.numel() for tensor in build(name, **SHAPE).state_dict().values())
    with torch.device("meta"), at_most(count):
        build(name, **SHAPE)
    with (
        pytest.raises(ValueError, match=f"more than the {count - 1:,} numbers"),
        torch.device("meta"),
        at_most(count - 1),
    ):
        build(name, **SHAPE)


def test_a_net_of_another_thread_is_not_counted() -> None:
    made: list[nn.Module] = []
    with at_most(0):
        other = threading.Thread(target=lambda: made.append(nn.Linear(9, 9)))
        other.start()
        other.join()
    assert made


def test_behind_the_block_a_net_may_have_any_size() -> None:
    with pytest.raises(TooLargeError, match="more than the 5 numbers"), at_most(5):
        nn.Linear(9, 9)
    assert nn.Linear(9, 9).weight.numel() == 81


@pytest.mark.parametrize("width", [2**31, 2**40, 2**62])
def test_a_net_that_no_memory_holds_is_refused_in_plain_words(width: int) -> None:
    with pytest.raises(ValueError, match="model: MLP: a net of these arguments does not fit into memory"):
        build("MLP", **SHAPE, width=width, depth=3)
