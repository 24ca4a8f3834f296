import math
import signal
import threading
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from batchnorm.data import Normalization
from batchnorm.errors import InputError
from batchnorm.models import ConvBNNet
from batchnorm.records import EpochRecord, from_json
from batchnorm.runs import OwnData, RunFolder, TrainConfig, load_model
from batchnorm.training import fit

from .runs import assert_same_bits, weights


def test_a_run_learns(few, quick) -> None:
    trained = fit(replace(quick, epochs=12, model_args={"width": 8}, ema_decay=0.0), source=few)
    assert trained.result.test_accuracy > 0.6  # chance is 0.1
    assert trained.history[-1].train_loss < trained.history[0].train_loss


def test_the_result_is_of_the_returned_model_on_the_test_images(few, quick) -> None:
    trained = fit(quick, source=few)
    test = few.load("test")
    with torch.no_grad():
        outputs = trained.model(trained.card.normalization.apply(test.images))
    assert trained.result.test_accuracy == pytest.approx((outputs.argmax(1) == test.labels).double().mean().item())
    assert trained.result.test_loss == pytest.approx(F.cross_entropy(outputs, test.labels).item(), rel=1e-5)


def test_the_test_images_are_read_once_and_last(few, quick) -> None:
    fit(quick, source=few)
    assert few.loaded == ["train", "test"]


def test_the_normalization_is_of_the_training_images_without_those_held_out(few, quick) -> None:
    from batchnorm.data import split_off_validation

    train, _ = split_off_validation(few.load("train"), quick.val_fraction, quick.seed)
    pixels = train.images.double() / 255
    card = fit(quick, source=few).card
    assert card.normalization.mean[0] == pytest.approx(pixels.mean().item(), rel=1e-12)
    assert card.normalization.std[0] == pytest.approx(pixels.std(correction=0).item(), rel=1e-12)
    assert card.normalization != Normalization.of(few.load("train").images)


def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not(few, quick) -> None:
    one, same, other = (fit(replace(quick, seed=seed), source=few).model.state_dict() for seed in (1, 1, 2))
    assert_same_bits(one, same)
    assert not torch.equal(one["conv1.weight"], other["conv1.weight"])


def test_one_step_of_plain_sgd_is_the_formula(few) -> None:
    """One step over the whole set, without flip, shift, momentum, decay and warm-up: w - lr * gradient."""
    config = TrainConfig(
        model_args={"width": 4}, epochs=1, batch_size=300, lr=0.1, momentum=0, weight_decay=0, warmup=0, flip=False,
        label_smoothing=0.1, val_fraction=0, channels_last=False, threads=1,
    )  # fmt: skip
    torch.manual_seed(config.seed)
    twin = ConvBNNet(width=4)
    train = few.load("train")
    images = Normalization.of(train.images).apply(train.images)
    F.cross_entropy(twin(images), train.labels, label_smoothing=0.1).backward()
    trained = fit(config, source=few)
    for wanted, got in zip(twin.parameters(), trained.model.parameters(), strict=True):
        torch.testing.assert_close(got, wanted - 0.1 * wanted.grad, rtol=1e-4, atol=1e-5)


def test_without_a_folder_nothing_is_written(few, quick, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert fit(quick, source=few).result.run is None
    assert list(tmp_path.iterdir()) == []


def test_the_run_folder_holds_the_six_files_and_nothing_half_written(few, quick, tmp_path) -> None:
    fit(quick, out=tmp_path / "run", source=few)
    names = sorted(entry.name for entry in (tmp_path / "run").iterdir())
    assert names == ["config.toml", "last.ckpt", "metrics.csv", "metrics.jsonl", "model.safetensors", "result.json"]


def test_the_folder_tells_the_config_the_epochs_and_the_result(few, quick, tmp_path) -> None:
    trained = fit(quick, out=tmp_path, source=few)
    folder = RunFolder.open(tmp_path)
    assert folder.read_config() == replace(quick, model="ConvBNNet", data=OwnData("few"))
    assert folder.read_metrics() == list(trained.history)
    assert folder.read_result() == trained.result


def test_the_saved_model_is_the_averaged_one(few, quick, tmp_path) -> None:
    trained = fit(quick, out=tmp_path, source=few)
    plain = fit(replace(quick, ema_decay=0.0), source=few)
    assert_same_bits(weights(tmp_path), trained.model.state_dict())
    assert not torch.equal(trained.model.fc.weight, plain.model.fc.weight)


def test_without_held_out_images_the_validation_numbers_are_missing(few, quick) -> None:
    trained = fit(replace(quick, val_fraction=0), source=few)
    assert trained.history[0].val_loss is None
    assert trained.result.val_accuracy is None


def test_torch_is_left_as_it_was(few, quick) -> None:
    torch.manual_seed(7)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    fit(replace(quick, deterministic=True, threads=1), source=few)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers


def test_an_own_net_is_trained_in_place(few, quick) -> None:
    net = nn.Sequential(nn.Flatten(), nn.LazyLinear(10))
    trained = fit(quick, model=net, source=few)
    assert trained.model is not net  # the average
    assert fit(replace(quick, ema_decay=0.0), model=net, source=few).model is net


def test_a_run_in_another_thread_works_without_signal_handlers(few, quick) -> None:
    results = []
    thread = threading.Thread(target=lambda: results.append(fit(quick, source=few)))
    thread.start()
    thread.join()
    assert math.isfinite(results[0].result.test_loss)


@pytest.mark.parametrize("amp", ["off", "bf16"])
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_every_rule_trains_in_both_precisions(few, quick, amp: str, optimizer: str) -> None:
    trained = fit(replace(quick, amp=amp, optimizer=optimizer, clip_norm=1.0, lr=0.01), source=few)
    assert math.isfinite(trained.result.test_loss)
    assert trained.model.conv1.weight.dtype == torch.float32


def test_an_own_net_is_not_taken_for_one_of_the_package(few, quick, tmp_path) -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    assert fit(quick, out=tmp_path, model=net, source=few).card.model == "torch.nn.modules.container:Sequential"
    with pytest.raises(InputError, match="a file may not choose which code runs"):
        load_model(tmp_path / "model.safetensors")


def test_a_net_given_by_its_name_is_the_configs(few, quick, tmp_path) -> None:
    fit(replace(quick, model_args={}), out=tmp_path, model="MLP", source=few)
    assert RunFolder.open(tmp_path).read_config().model == "MLP"


def test_each_line_of_the_metrics_is_one_epoch(few, quick, tmp_path) -> None:
    fit(quick, out=tmp_path, source=few)
    records = [from_json(line, EpochRecord) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [(record.epoch, record.steps) for record in records] == [(1, 5), (2, 5)]
