"""What all tests rely on."""

import gc
import importlib.util
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import ModuleType

import pytest
import torch


def pytest_collection_finish() -> None:
    """Spare the collector what lives as long as the tests: a pass over ten thousand of them takes a second."""
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _signals_as_on_a_terminal() -> Iterator[None]:
    """Hear Ctrl-C even where the tests were started in the background, which lets children ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


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
