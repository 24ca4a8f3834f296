"""Ports on which processes may meet, or may not."""

import socket
from collections.abc import Iterator

import pytest


@pytest.fixture
def taken_port() -> Iterator[str]:
    """A port where a program listens that answers nothing."""
    with socket.create_server(("", 0)) as server:
        yield str(server.getsockname()[1])


@pytest.fixture
def free_port() -> str:
    """A port where nobody listens."""
    with socket.create_server(("", 0)) as server:
        return str(server.getsockname()[1])
