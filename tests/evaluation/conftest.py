"""A small classifier whose running statistics do not fit, and the data that show it."""

import pytest
import torch
from torch import Tensor, nn

Batch = tuple[Tensor, Tensor]


@pytest.fixture(autouse=True)
def _quick(one_thread: None) -> None:
    """Small tensors gain nothing from a second thread."""


@pytest.fixture
def net() -> nn.Sequential:
    """Two norms of untouched statistics, a dropout that would show, in training mode."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 6, 3, bias=False), nn.BatchNorm2d(6), nn.ReLU(), nn.Dropout(0.5),
        nn.Flatten(), nn.Linear(54, 8), nn.BatchNorm1d(8), nn.Linear(8, 3),
    )  # fmt: skip


@pytest.fixture
def images() -> Tensor:
    return torch.randn(50, 2, 5, 5, generator=torch.Generator().manual_seed(1)) * 3 + 2


@pytest.fixture
def labels() -> Tensor:
    return torch.arange(50) % 3


@pytest.fixture
def batches(images: Tensor, labels: Tensor) -> list[Batch]:
    """16, 16, 16 and 2 samples."""
    return list(zip(images.split(16), labels.split(16), strict=True))
