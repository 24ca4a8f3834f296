from pathlib import Path

import pytest
import torch

from batchnorm.functional import route_table
from batchnorm.nn import BatchNorm2d

PAGE = Path(__file__).parents[2] / "docs" / "layers.md"


def test_the_page_has_the_table_of_routes_as_it_is():
    assert route_table() in PAGE.read_text(encoding="utf-8")


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
def test_scripting_fails_aloud_as_the_page_says():
    with pytest.raises(RuntimeError, match=r"BatchNorm2d.forward"):
        torch.jit.script(BatchNorm2d(3, activation="relu"))
