"""A whole life on a GPU: train, stop, go on, evaluate, recalibrate, fold, predict; and the CPU reads what it left."""

import json
from dataclasses import replace

import pytest
import torch

from batchnorm.runs import (
    TrainConfig,
    TrainingInterrupted,
    evaluate,
    fold_run,
    load_run,
    predict,
    recalibrate_run,
    wiring_of_run,
)
from batchnorm.statistics import RecalibrationOptions
from batchnorm.training import fit, resume

from ..training.conftest import FewImages
from ..training.runs import Stopper, weights

CONFIG = TrainConfig(model_args={"width": 4}, epochs=2, batch_size=64, val_fraction=0.1, shift=1, ema_decay=0.9)


@pytest.fixture(scope="module")
def trained(gpu, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gpu") / "run"
    fit(replace(CONFIG, device="cuda"), out=folder, source=FewImages())
    return folder


@pytest.fixture
def few():
    return FewImages()


def test_the_gpu_is_what_auto_takes(gpu, few):
    assert next(fit(CONFIG, source=few).model.parameters()).device == gpu


def test_a_net_learns_there_what_it_learns_on_the_cpu(gpu, few):
    losses = [fit(replace(CONFIG, device=device), source=few).history[-1].train_loss for device in ("cuda", "cpu")]
    assert losses[0] == pytest.approx(losses[1], rel=0.02)


def test_bfloat16_learns_about_the_same(gpu, few):
    losses = [
        fit(replace(CONFIG, device="cuda", amp=amp), source=few).history[-1].train_loss for amp in ("off", "bf16")
    ]
    assert losses[0] == pytest.approx(losses[1], rel=0.05)


def test_a_stopped_run_goes_on_with_the_same_images_and_chance(trained, few, tmp_path):
    with pytest.raises(TrainingInterrupted, match="go on with"):
        fit(replace(CONFIG, device="cuda"), out=tmp_path / "parts", source=few, watcher=Stopper(3))
    resume(tmp_path / "parts", source=few)
    whole, parts = weights(trained), weights(tmp_path / "parts")
    for name, value in whole.items():  # sums that a GPU takes in any order, over ten steps
        torch.testing.assert_close(value, parts[name], rtol=1e-3, atol=1e-3)


def test_evaluation_and_answers_are_those_of_the_cpu(trained, few):
    there, here = (evaluate(trained, dataset="fashion-mnist-mini", device=device) for device in ("cuda", "cpu"))
    assert there.running.loss == pytest.approx(here.running.loss, rel=1e-3)
    assert there.running.accuracy == pytest.approx(here.running.accuracy, abs=0.005)
    assert there.batch.loss == pytest.approx(here.batch.loss, rel=1e-3)
    net, card = load_run(trained)
    images = few.load("test").images[:5]
    names = [str(number) for number in range(5)]
    answers = [predict(net.to(device), card, images.to(device), names) for device in ("cuda", "cpu")]
    for one, other in zip(*answers, strict=True):
        assert one.classes[0] == other.classes[0]


@pytest.mark.usefixtures("full_float32")
@pytest.mark.parametrize("method", ["average", "exact"])
def test_a_run_is_recalibrated_to_the_same_statistics(trained, few, tmp_path, method):
    for device in ("cuda", "cpu"):
        recalibrate_run(
            trained, source=few, options=RecalibrationOptions(method=method), out=tmp_path / device, device=device
        )
    there, here = (load_run(tmp_path / device)[0].state_dict() for device in ("cuda", "cpu"))
    torch.testing.assert_close(there, here, rtol=1e-5, atol=1e-5)


def test_a_training_ends_with_exact_statistics(few, tmp_path):
    fit(replace(CONFIG, device="cuda", recalibrate="exact", fold=True), out=tmp_path, source=few)
    said = json.loads((tmp_path / "recalibration.json").read_text())["recalibration"]["certificate"]
    assert said["settled"] == said["norms"] > 0


@pytest.mark.usefixtures("full_float32")
def test_a_folded_run_answers_as_before_on_both(trained, few, tmp_path):
    fold_run(trained, out=tmp_path / "folded.safetensors", source=few, device="cuda")
    net, card = load_run(trained)
    folded, _ = load_run(tmp_path / "folded.safetensors")
    x = card.normalization.apply(few.load("test").images[:20])
    for device in ("cuda", "cpu"):
        with torch.no_grad():
            found, expected = folded.eval().to(device)(x.to(device)), net.eval().to(device)(x.to(device))
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_the_wiring_of_a_run_is_that_seen_on_the_cpu(trained, few):
    there, here = (wiring_of_run(trained, source=few, device=device) for device in ("cuda", "cpu"))
    assert there.rows == here.rows
