"""One thread: the tensors are tiny, and two would only wait for each other."""

import pytest


@pytest.fixture(autouse=True)
def _in_one_thread(one_thread):
    pass
