"""A run on a net of timm or torchvision: its files name the net as data, and no verb has to be told it again."""

import json
from dataclasses import replace

import pytest
import torch
from PIL import Image
from torch import nn

from batchnorm.data import Normalization
from batchnorm.errors import InputError
from batchnorm.models import build
from batchnorm.runs import (
    ModelCard,
    TrainConfig,
    TrainingInterrupted,
    evaluate,
    fold_run,
    load_model,
    load_run,
    predict,
    recalibrate_run,
    save_model,
    wiring_of_run,
)
from batchnorm.runs._safetensors import DIGEST, read_safetensors, safetensors_bytes
from batchnorm.training import fit, resume

from .runs import Stopper, assert_same_bits, weights

pytestmark = pytest.mark.usefixtures("one_thread")

CONFIG = TrainConfig(
    model="timm:test_efficientnet",
    model_args={"act_layer": "relu"},
    epochs=1,
    batch_size=50,
    threads=1,
)


@pytest.fixture(scope="module", autouse=True)
def _libraries(peers):
    """Both are imported, as where they are installed."""
    peers.load("timm")
    peers.load("torchvision")


def picture(folder):
    Image.new("L", (28, 28), 200).save(folder / "shirt.png")
    return folder / "shirt.png"


VERBS = {
    "evaluate": lambda run, few: evaluate(run, source=few).running.loss,
    "predict": lambda run, _: predict(run, picture(run.parent))[0].classes,
    "recalibrate": lambda run, few: recalibrate_run(run, source=few, out=run.parent / "new.safetensors"),
    "fold": lambda run, few: fold_run(run, source=few, out=run / "folded.safetensors").report.norms,
    "wiring": lambda run, few: wiring_of_run(run, source=few),
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_run_is_read_without_naming_its_net_again(run, few, verb):
    assert VERBS[verb](run, few)


def test_a_loaded_net_has_the_arguments_and_the_weights_of_the_training(trained):
    net, card = load_run(trained)
    assert (type(net).__name__, card.model, str(net.bn1.activation)) == ("EfficientNet", CONFIG.model, "relu")
    assert_same_bits(net.state_dict(), weights(trained))


def test_a_folded_net_is_loaded_folded(run, few):
    folded = VERBS["fold"](run, few)
    x = torch.randn(2, 1, 28, 28)
    found, expected = load_model(run / "folded.safetensors")[0](x), load_run(run)[0](x)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)
    assert {norm.outcome for norm in folded} == {"folded"}


def test_a_run_goes_on_without_naming_its_net_again(few, tmp_path):
    with pytest.raises(
        TrainingInterrupted, match=r"go on with: batchnorm\.training\.resume\('.*run', source=\.\.\.\)$"
    ):
        fit(CONFIG, out=tmp_path / "run", source=few, watcher=Stopper(2))
    whole = fit(CONFIG, source=few)
    assert_same_bits(resume(tmp_path / "run", source=few).model.state_dict(), whole.model.state_dict())


def test_images_that_a_net_reduces_to_nothing_are_told_and_which_size_it_takes(few):
    said = (
        r"its forward raised RuntimeError: .*greater than actual input size\. It takes images of 112x112: train a net"
    )
    with pytest.raises(InputError, match=rf"^model: the net cannot take few: images of 1x28x28, 10 classes: {said}"):
        fit(replace(CONFIG, model="torchvision:inception_v3", model_args={}), source=few)


def test_a_net_that_fails_with_images_of_any_size_is_not_said_to_take_others(few):
    with pytest.raises(InputError, match=r"its forward raised RuntimeError: .*\(2x784 and 3x10\)$"):
        fit(TrainConfig(threads=1), model=nn.Sequential(nn.Flatten(), nn.Linear(3, 10)), source=few)


def test_outputs_for_further_classifiers_are_refused(few):
    config = replace(CONFIG, model="torchvision:googlenet", model_args={"aux_logits": True, "init_weights": False})
    with pytest.raises(InputError, match=r"expected outputs of shape \(2, 10\) .* got GoogLeNetOutputs"):
        fit(config, source=few)


CARD = ModelCard(
    "torchvision:mobilenet_v3_small", {"norm": "torch"}, ("shoe", "shirt"), 1, 32, Normalization((0.3,), (0.4,)), "mine"
)


def file_with(path, card: ModelCard, **arguments: object):
    """A model file of a card, with other arguments in its metadata, as somebody may have made it."""
    save_model(path, build(card.model, num_classes=2, in_channels=1, image_size=32, norm="torch"), card)
    tensors, metadata = read_safetensors(path)
    metadata["arguments"] = json.dumps({"norm": "torch", **arguments})
    path.write_bytes(safetensors_bytes(tensors, {key: value for key, value in metadata.items() if key != DIGEST}))
    return path


@pytest.mark.parametrize("name", [CARD.model, "torchvision:regnet_y_400mf", "timm:test_efficientnet"])
def test_a_file_may_name_a_net_of_a_registry(tmp_path, name):
    net, _ = load_model(file_with(tmp_path / "m.safetensors", replace(CARD, model=name)))
    assert net(torch.zeros(2, 1, 32, 32)).shape == (2, 2)


IN_FILES = {
    "pretrained": (True, "pretrained would load weights"),
    "checkpoint_path": ("evil.pt", "checkpoint_path would load weights"),
    "norm_layer": ({"class": "os.system"}, "expected numbers, True, False and plain words"),
    "progress": ("http://host/x", "expected numbers, True, False and plain words"),
    "width_mult": (3000.0, "its weights do not fit torchvision:mobilenet_v3_small: a net of these arguments has more"),
    "no_such": (1, "torchvision:mobilenet_v3_small: unknown argument 'no_such'"),
}


@pytest.mark.parametrize("key", IN_FILES)
def test_arguments_in_a_file_load_nothing_and_make_no_net_that_is_larger(tmp_path, key):
    value, message = IN_FILES[key]
    with pytest.raises(InputError, match=rf"^\S*m\.safetensors: .*{message}"):
        load_model(file_with(tmp_path / "m.safetensors", CARD, **{key: value}))


def test_a_file_whose_net_cannot_be_made_by_its_sizes_alone_makes_none_that_is_larger(tmp_path):
    path = file_with(tmp_path / "m.safetensors", replace(CARD, model="torchvision:regnet_y_400mf"), stem_width=10**7)
    with pytest.raises(
        InputError, match=r"its weights do not fit torchvision:regnet_y_400mf: a net of these arguments has"
    ):
        load_model(path)


@pytest.mark.parametrize("name", ["timm:no_such_net", "torchvision:fcn_resnet50", "timm:hf-hub:timm/resnet18"])
def test_a_file_may_name_no_other_net_of_these_libraries(tmp_path, name):
    path = file_with(tmp_path / "m.safetensors", CARD)
    tensors, metadata = read_safetensors(path)
    path.write_bytes(safetensors_bytes(tensors, {**metadata, "model": name}))
    with pytest.raises(InputError, match=r"m\.safetensors: model: \w+ \S+ has no classifier"):
        load_model(path)
