import pytest

from batchnorm.functional import _pays


@pytest.fixture(autouse=True, scope="module")
def _small_tensors(one_thread: None) -> None:
    """All tests of this folder run in one thread."""


@pytest.fixture(params=["torch", "kernel"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways of a ScaleShift, whatever the size: torch's operators, and the kernel."""
    for name in ("AFFINE_ROWS", "AFFINE_COLUMNS", "AFFINE_BFLOAT16"):
        monkeypatch.setattr(_pays, name, 0 if request.param == "kernel" else 1 << 62)
    return str(request.param)
