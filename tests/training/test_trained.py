"""What a finished training shows when it is printed, and in a notebook."""

import pytest

from batchnorm.runs import TrainConfig
from batchnorm.training import fit


@pytest.fixture(scope="module")
def trained():
    return fit(TrainConfig(epochs=1, val_fraction=0.97, model_args={"width": 4}, threads=1))


def test_it_prints_its_result(trained) -> None:
    assert str(trained) == str(trained.result)


def test_its_repr_is_one_line_without_the_layers(trained) -> None:
    assert repr(trained) == f"Trained(model=ConvBNNet, result={trained.result!r})"


def test_a_notebook_shows_its_result(trained) -> None:
    assert trained._repr_html_() == trained.result._repr_html_()
