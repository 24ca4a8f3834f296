from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from batchnorm import data
from batchnorm.errors import InputError
from batchnorm.models import ConvBNNet
from batchnorm.runs import RunFolder, TrainConfig, evaluate, load_run
from batchnorm.runs._scores import score
from batchnorm.training import fit


@pytest.fixture(scope="module")
def run(tmp_path_factory, request):
    """One epoch on part of the bundled images, by a config that names the bundled set."""
    folder = tmp_path_factory.mktemp("run") / "run"
    fit(TrainConfig(model_args={"width": 4}, epochs=1, batch_size=256, threads=1), out=folder)
    return folder


@pytest.fixture(scope="module")
def evaluation(run):
    return evaluate(run, batch_size=125)


def test_the_running_scores_are_those_of_the_run(run, evaluation) -> None:
    result = RunFolder.open(run).read_result()
    assert evaluation.running.accuracy == pytest.approx(result.test_accuracy, abs=1e-12)
    assert evaluation.running.loss == pytest.approx(result.test_loss, rel=1e-5)


def test_the_batch_scores_are_those_of_training_mode(run, evaluation) -> None:
    """2,000 images in the same shuffled batches of 125, through the net in plain training mode."""
    net, card = load_run(run)
    test = data.get("fashion-mnist-mini").load("test")
    batches = data.Batches(test, 125, card.normalization, shuffle=True)
    net.train()
    with torch.no_grad():
        pairs = [(net(images), labels) for images, labels in batches.epoch(seed=0, epoch=0)]
    outputs, labels = (torch.cat(parts) for parts in zip(*pairs, strict=True))
    assert evaluation.batch.loss == pytest.approx(F.cross_entropy(outputs, labels).item(), rel=1e-5)
    assert evaluation.batch.accuracy == pytest.approx((outputs.argmax(1) == labels).double().mean().item(), abs=1e-12)


def test_evaluation_leaves_the_model_file_alone(run, evaluation) -> None:
    before = (run / "model.safetensors").read_bytes()
    evaluate(run)
    assert (run / "model.safetensors").read_bytes() == before


def test_a_model_file_is_evaluated_like_its_run(run, evaluation) -> None:
    assert evaluate(run / "model.safetensors", batch_size=125).running == evaluation.running


def test_scores_follow_their_definitions() -> None:
    """Against counts made by hand in numpy."""
    generator = torch.Generator().manual_seed(0)
    outputs = torch.randn(200, 4, generator=generator)
    labels = torch.randint(3, (200,), generator=generator)  # class 3 never occurs
    scores = score(outputs, labels, ("a", "b", "c", "d"))
    truth, guess = labels.numpy(), outputs.argmax(1).numpy()
    matrix = np.zeros((4, 4), int)
    np.add.at(matrix, (truth, guess), 1)
    assert scores.confusion == tuple(map(tuple, matrix.tolist()))
    for number, entry in enumerate(scores.classes):
        right, predicted, real = matrix[number, number], matrix[:, number].sum(), matrix[number].sum()
        precision, recall = right / max(predicted, 1), right / max(real, 1)
        f1 = 2 * precision * recall / (precision + recall) if right else 0.0
        assert entry.support == real
        assert (entry.precision, entry.recall, entry.f1) == pytest.approx((precision, recall, f1), abs=1e-6)
    assert scores.accuracy == pytest.approx((truth == guess).mean())


def test_a_net_without_batch_norm_has_no_second_scores(few, quick, tmp_path, monkeypatch) -> None:
    fit(replace(quick, norm="none", data="fashion-mnist-mini"), out=tmp_path)
    assert evaluate(tmp_path).batch is None


def test_data_that_do_not_fit_the_net_are_refused(run, monkeypatch, few) -> None:
    few.sizes = {"train": 10, "test": 10}

    class Other:
        info = replace(few.info, name="other", classes=("x", "y"))

    monkeypatch.setattr(data, "available", lambda: [Other()])
    monkeypatch.setattr(data, "get", lambda name: Other())
    with pytest.raises(
        InputError, match=r"dataset: expected 1x28x28 images of 10 classes, .* got other, which has other"
    ):
        evaluate(run, dataset="other")


def test_a_batch_of_one_has_no_statistics_of_its_own(run) -> None:
    with pytest.raises(InputError, match="batch_size: expected an integer of at least 2, got 1"):
        evaluate(run, batch_size=1)


def test_a_run_without_a_model_is_refused(tmp_path) -> None:
    with RunFolder(tmp_path).created(TrainConfig()):
        pass
    with pytest.raises(InputError, match="this run has no model yet"):
        evaluate(tmp_path)


def test_a_path_that_is_not_there_is_refused(tmp_path) -> None:
    with pytest.raises(InputError, match=r"nowhere: expected the folder of a run, found none. Check the path"):
        evaluate(tmp_path / "nowhere")


def test_the_loaded_net_is_what_the_card_says(run) -> None:
    net, card = load_run(run)
    assert isinstance(net, ConvBNNet)
    assert card.arguments["width"] == 4
    assert card.data == "fashion-mnist-mini"
