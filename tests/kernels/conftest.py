"""An empty cache folder, with a compiler that takes no time."""

from pathlib import Path

import pytest
import torch

from batchnorm.kernels import cpu
from batchnorm.kernels.cpu import _compiler, _numba

KERNEL = cpu.Kernel("rows", "forward", "float32", ("identity", False))


class Cache:
    """A process that has no kernel yet, and a cache folder that is empty; `compiled` counts what Numba is asked for."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, made: _numba.Made) -> None:
        self.folder = folder
        self.compiled = 0
        self._monkeypatch = monkeypatch
        self._made = made
        monkeypatch.setenv("BATCHNORM_CACHE", str(folder))
        monkeypatch.setattr(_numba, "make_kernel", self._compile)
        self.new_process()

    def _compile(self, kernel: cpu.Kernel) -> _numba.Made:
        assert kernel == KERNEL
        self.compiled += 1
        return self._made

    def new_process(self) -> None:
        """Forget what has been loaded."""
        self._monkeypatch.setattr(_compiler, "_ADDRESSES", {})

    def use(self) -> None:
        """Let the kernel compute (x - mean) / sqrt(var + eps), and check the result."""
        x = torch.arange(60.0).reshape(2, 3, 10)
        mean, var = torch.arange(3.0), torch.full((3,), 3.0)
        y, *_ = cpu.forward(x, (mean, var), None, None, 1.0, "identity")
        assert torch.equal(y, (x - mean[:, None]) / 2)

    @property
    def file(self) -> Path:
        """The kernel's file."""
        path = _compiler.path_of(KERNEL)
        assert path is not None
        return path


@pytest.fixture(scope="session")
def made() -> _numba.Made:
    """What Numba makes of one kernel."""
    return _numba.make_kernel(KERNEL)


@pytest.fixture
def cache(tmp_path, monkeypatch, made) -> Cache:
    return Cache(tmp_path / "cache", monkeypatch, made)
