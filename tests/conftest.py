"""What all tests rely on."""

import gc
import importlib.util
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch

from batchnorm.bench import _timing


def pytest_collection_finish() -> None:
    """Spare the collector what lives as long as the tests: a pass over ten thousand of them takes a second."""
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _signals_as_on_a_terminal() -> Iterator[None]:
    """Hear Ctrl-C even where the tests were started in the background, which lets children ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session", autouse=True)
def _nothing_is_waited_for_that_no_test_can_see() -> Iterator[None]:
    """A disk that has not synced is seen after a power cut alone, and a collector that has not run in times alone.

    A pass over all that the tests of a process have made takes a good part of a second, ahead of each timing.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        patch.setattr(_timing, "gc", SimpleNamespace(**vars(gc) | {"collect": lambda: 0}))
        yield


@pytest.fixture(scope="session")
def refused_if() -> Callable[[bool, str], AbstractContextManager[object]]:
    """Expect the route `fused` to refuse what follows, with a condition, where the first argument is true."""
    return lambda refused, condition: (
        pytest.raises(RuntimeError, match=f"route='fused' {condition}") if refused else nullcontext()
    )


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Run a file's tests in one thread: small tensors gain nothing from a second, and lose much on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def peers() -> ModuleType:
    """How the libraries of others are imported; `benchmarks/peers.py` says from where."""
    path = Path(__file__).parents[1] / "benchmarks" / "peers.py"
    spec = importlib.util.spec_from_file_location("peers", path)
    peers = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(peers)
    return peers


@pytest.fixture(scope="session")
def timm(peers: ModuleType) -> ModuleType:
    """The nets of others."""
    return peers.load("timm")
