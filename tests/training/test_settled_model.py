"""Which net is trained where the caller names none."""

import pytest

from batchnorm.data import get
from batchnorm.runs import Initial, TrainConfig
from batchnorm.training._settled_model import settled_model

CLOTHES = "fashion-mnist-mini"


def settled(config: TrainConfig, **arguments: object) -> TrainConfig:
    """The config of a training that starts with the weights of a net that was built with these arguments."""
    return settled_model(config, get(CLOTHES), Initial("runs/a", "runs/a", {}, model="MLP", arguments=arguments))


def test_the_net_is_that_of_the_weights_as_it_was_built() -> None:
    got = settled(TrainConfig(), norm="batchnorm", activation="gelu", norm_place="after", width=8)
    expected = ("MLP", "gelu", "after", {"width": 8})
    assert (got.model, got.activation, got.norm_place, got.model_args) == expected


@pytest.mark.parametrize(("option", "asked"), [("activation", "gelu"), ("norm_place", "after"), ("norm", "torch")])
def test_what_the_caller_asks_for_wins(option: str, asked: str) -> None:
    built = {"norm": "none", "activation": "silu", "norm_place": "before"}
    assert getattr(settled(TrainConfig(**{option: asked}), **built), option) == asked


def test_a_net_without_norm_has_none_again() -> None:
    assert settled(TrainConfig(), norm="none").norm == "none"


def test_torchs_norm_is_not_taken_for_its_weights_fit_the_librarys() -> None:
    assert settled(TrainConfig(), norm="torch").norm == "batchnorm"


def test_a_net_that_is_named_stays() -> None:
    assert settled(TrainConfig(model="resnet20"), width=8) == TrainConfig(model="resnet20")
