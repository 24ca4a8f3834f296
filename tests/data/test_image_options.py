"""How images of files are read: what cannot be meant is refused before any file is looked at."""

import pytest

from batchnorm.data import ImageOptions
from batchnorm.errors import InputError

ODD = {
    "image_size": (0, -3, (3,), 2.5, "64x"),
    "channels": (2, "3", True),
    "test_fraction": (0, 1, 2, -0.1, float("nan"), "half"),
    "seed": ("a", 0.5, None),
}


@pytest.mark.parametrize(("argument", "given"), [(name, value) for name, values in ODD.items() for value in values])
def test_what_cannot_be_meant_is_refused(argument, given) -> None:
    with pytest.raises(InputError, match=f"^{argument}: expected .*, got "):
        ImageOptions(**{argument: given})


@pytest.mark.parametrize(("given", "size"), [("128x96", (96, 128)), ([96, 128], (96, 128)), ((64, 64), 64)])
def test_a_size_is_kept_in_one_form(given, size) -> None:
    assert ImageOptions(image_size=given).image_size == size
