"""What the tests of synchronized norms share."""

import pytest

from .processes import ROOT


@pytest.fixture(scope="module", autouse=True)
def _found_by_processes():
    """Let new processes find the modules of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT)
        yield
