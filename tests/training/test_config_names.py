"""Does a config say at once that there is nothing of a name, and which one was meant?"""

import copy
import inspect
import pickle
import re
from dataclasses import replace

import pytest

from batchnorm.errors import InputError, InputTypeError
from batchnorm.runs import OwnData, TrainConfig, read_config, write_config


@pytest.mark.parametrize(
    ("option", "value", "near"),
    [
        ("data", "imagenet", None),
        ("data", "fashion_mnist", "fashion-mnist"),
        ("model", "resnet21", "resnet20"),
        ("norm", "bathnorm", "batchnorm"),
        ("norm", "bn", "batchnorm"),
        ("activation", "rel", "relu"),
        ("schedule", "cosin", "cosine"),
        ("optimizer", "adam", "adamw"),
        ("device", "gpu", "cuda"),
        ("device", "cuda:x", "cuda"),
    ],
)
def test_an_unknown_name_is_refused_and_the_near_one_named(option: str, value: str, near: str | None) -> None:
    hint = rf".*Did you mean '{near}'" if near else "$"
    with pytest.raises(InputError, match=rf"^{option}: expected .*, got '{value}'{hint}"):
        TrainConfig(**{option: value})


@pytest.mark.parametrize("option", ["model", "data", "norm"])
def test_a_name_of_ones_own_passes(option: str) -> None:
    assert getattr(TrainConfig(**{option: "mine:thing"}), option) == "mine:thing"


def test_a_net_of_ones_own_may_have_norms_and_activations_that_nobody_knows() -> None:
    config = TrainConfig(model="nets:small", norm="frozen", activation="swish2")
    assert (config.norm, config.activation) == ("frozen", "swish2")


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:3"])
def test_a_device_need_not_be_on_this_machine(device: str) -> None:
    assert TrainConfig(device=device).device == device


def test_the_name_of_images_that_were_handed_over_passes_and_stays_with_copies() -> None:
    config = replace(TrainConfig(data=OwnData("mine")), epochs=3)
    assert replace(pickle.loads(pickle.dumps(copy.deepcopy(config))), epochs=4).data == "mine"  # noqa: S301  # ours


def test_a_file_may_name_images_that_were_handed_over(tmp_path) -> None:
    config = TrainConfig(data=OwnData("mine"))
    (tmp_path / "config.toml").write_text(write_config(config))
    assert read_config(tmp_path / "config.toml") == config


@pytest.mark.parametrize(
    ("word", "option"),
    [
        ("learning_rate", "lr"),
        ("bs", "batch_size"),
        ("batchsize", "batch_size"),
        ("num_epochs", "epochs"),
        ("wd", "weight_decay"),
        ("weightdecay", "weight_decay"),
        ("dataset", "data"),
        ("scheduler", "schedule"),
        ("epoch", "epochs"),
        ("gpu", "device"),
    ],
)
def test_the_option_that_is_meant_by_another_word_is_named(tmp_path, word: str, option: str) -> None:
    with pytest.raises(InputTypeError, match=rf"^{word}: TrainConfig has no such option\. Did you mean '{option}'"):
        TrainConfig(**{word: 1})
    (tmp_path / "c.toml").write_text(f"{word.replace('_', '-')} = 1")
    with pytest.raises(InputError, match=rf"unknown key '[a-z-]+'\. Did you mean '{option}'"):
        read_config(tmp_path / "c.toml")


def test_an_argument_of_the_net_is_sent_to_its_option() -> None:
    with pytest.raises(InputTypeError, match=r"width: .* an argument of the net, and belongs into 'model_args'\.$"):
        TrainConfig(width=8)


def test_a_word_that_nobody_knows_brings_the_list_of_options() -> None:
    with pytest.raises(InputTypeError, match=r"zzz: TrainConfig has no such option\. It has model, model_args, "):
        TrainConfig(zzz=1)


def test_the_signature_still_shows_the_options() -> None:
    assert "epochs: int = 12" in str(inspect.signature(TrainConfig))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("name", "is the name of the model, which model gives."),
        ("image_size", "follows from the data. Leave it out."),
        ("norm", "is an option of the training, not a further argument of the net. Pass it"),
    ],
)
def test_an_argument_that_is_taken_is_refused_with_the_true_reason(name: str, reason: str) -> None:
    with pytest.raises(InputError, match=rf"^model_args: {name} {re.escape(reason)}"):
        TrainConfig(model_args={name: "x"})
