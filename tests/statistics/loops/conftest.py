"""Every loop runs with the norms of torch, of this library and of timm, in one, two and three dimensions."""

import pytest

from .nets import KINDS, Kind


@pytest.fixture(params=KINDS, ids=lambda kind: f"{kind[0]}-{kind[1]}d")
def kind(request):
    name, dims = request.param
    return Kind(name, dims, request.getfixturevalue("timm") if name == "timm" else None)
