"""Does a model file say how images of another shape are shown to its net?"""

import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from batchnorm.data import Fit, Normalization
from batchnorm.errors import InputError
from batchnorm.models import build
from batchnorm.runs import ModelCard, load_model, save_model


def written(path, fit: Fit) -> dict[str, str]:
    """The metadata of a model file."""
    card = ModelCard("MLP", {"width": 4}, ("a", "b"), 1, 8, Normalization((0.5,), (0.5,)), "few", fit=fit)
    save_model(path, build("MLP", num_classes=2, in_channels=1, image_size=8, width=4), card)
    with safe_open(path, "pt") as file:
        return dict(file.metadata())


@pytest.mark.parametrize("fit", ["pad", "crop"])
def test_the_card_is_read_back_as_it_was(tmp_path, fit: Fit) -> None:
    written(tmp_path / "m.safetensors", fit)
    assert load_model(tmp_path / "m.safetensors")[1].fit == fit


def test_a_file_of_a_net_whose_images_are_padded_is_as_before(tmp_path) -> None:
    assert "fit" not in written(tmp_path / "m.safetensors", "pad")


def test_another_word_is_refused(tmp_path) -> None:
    path = tmp_path / "m.safetensors"
    known = {**written(path, "crop"), "fit": "stretch"}
    save_file(load_file(path), path, known)
    with pytest.raises(InputError, match=r"card in its metadata is broken \(expected 'pad' or 'crop' for fit, got"):
        load_model(path)
