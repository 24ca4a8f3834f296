"""The images that come with the package, read once in a process of tests."""

from functools import cache

import torch

from batchnorm import data
from batchnorm.data import Split, SplitName


@cache
def bundled(split: SplitName) -> Split:
    return data.get("fashion-mnist-mini").load(split)


def first(split: SplitName, count: int) -> Split:
    """Copy the first of them, for a test may do with them what it likes."""
    return bundled(split).subset(torch.arange(count))
