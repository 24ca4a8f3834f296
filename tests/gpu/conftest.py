"""Every test here needs a GPU, is marked so, and fails without one: `make test-gpu` runs them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.gpu)


@pytest.fixture(scope="session")
def gpu() -> torch.device:
    """The first GPU. A machine that was asked for these tests and has none has not passed them."""
    if not torch.cuda.is_available():
        pytest.fail("expected a GPU that torch can use (torch.cuda.is_available()): these tests are about it")
    return torch.device("cuda", 0)


@pytest.fixture
def full_float32(gpu) -> Iterator[None]:
    """Let convolutions and products keep all digits of float32, which TF32 cuts to those of float16."""
    before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    yield
    torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = before
