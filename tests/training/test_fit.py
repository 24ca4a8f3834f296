import math
import os
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
from batchnorm.training import (
    DivergenceError,
    RunFolder,
    StepReport,
    TrainConfig,
    TrainingInterrupted,
    Watcher,
    fit,
    load_model,
    resume,
    write_config,
)


def weights(path) -> dict[str, torch.Tensor]:
    return load_model(path / "model.safetensors")[0].state_dict()


def assert_same_bits(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, other[name]), name


def without_times(record: EpochRecord) -> EpochRecord:
    return replace(record, seconds=0.0, images_per_second=0.0)


class Stopper(Watcher):
    """Sends a signal to this very process after so many steps."""

    def __init__(self, after: int, number: int = signal.SIGINT) -> None:
        self.left, self.number = after, number

    def step(self, report: StepReport) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), self.number)


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


def test_the_run_folder_holds_the_five_files_and_nothing_half_written(few, quick, tmp_path) -> None:
    fit(quick, out=tmp_path / "run", source=few)
    names = sorted(entry.name for entry in (tmp_path / "run").iterdir())
    assert names == ["config.toml", "last.ckpt", "metrics.jsonl", "model.safetensors", "result.json"]


def test_the_folder_tells_the_config_the_epochs_and_the_result(few, quick, tmp_path) -> None:
    trained = fit(quick, out=tmp_path, source=few)
    folder = RunFolder.open(tmp_path)
    assert folder.read_config() == replace(quick, data="few")
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


@pytest.mark.parametrize("stop_after", [1, 5, 7, 9])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_and_resumed_run_ends_with_the_same_bits(few, quick, tmp_path, stop_after: int, number: int) -> None:
    """270 images in batches of 64: five steps an epoch, so the stops lie inside, at the end and behind an epoch."""
    whole = fit(quick, out=tmp_path / "whole", source=few)
    with pytest.raises(TrainingInterrupted, match=r"go on with: batchnorm train --resume .*parts"):
        fit(quick, out=tmp_path / "parts", source=few, watcher=Stopper(stop_after, number))
    resumed = resume(tmp_path / "parts", source=few)
    assert_same_bits(weights(tmp_path / "whole"), weights(tmp_path / "parts"))
    assert list(map(without_times, resumed.history)) == list(map(without_times, whole.history))
    assert replace(resumed.result, seconds=0, run="") == replace(whole.result, seconds=0, run="")


def test_metrics_that_are_ahead_of_the_checkpoint_or_gone_are_written_anew(few, quick, tmp_path) -> None:
    with pytest.raises(TrainingInterrupted, match="epoch 2"):
        fit(quick, out=tmp_path, source=few, watcher=Stopper(6))
    folder = RunFolder.open(tmp_path)
    folder.write_metrics([*folder.read_metrics(), replace(folder.read_metrics()[0], epoch=2)])
    assert [record.epoch for record in resume(tmp_path, source=few).history] == [1, 2]
    assert [record.epoch for record in folder.read_metrics()] == [1, 2]
    folder.metrics.write_bytes(b"\xff\xfe")
    assert [record.epoch for record in resume(tmp_path, source=few).history] == [1, 2]


def test_a_finished_run_resumes_to_its_result_without_another_look_at_the_test_images(few, quick, tmp_path) -> None:
    done = fit(quick, out=tmp_path, source=few)
    assert resume(tmp_path, source=few).result == done.result
    assert few.loaded.count("test") == 1


def test_an_own_net_is_not_taken_for_one_of_the_package(few, quick, tmp_path) -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    assert fit(quick, out=tmp_path, model=net, source=few).card.model == "torch.nn.modules.container:Sequential"
    with pytest.raises(InputError, match="a file may not choose which code runs"):
        load_model(tmp_path / "model.safetensors")


def test_a_net_given_by_its_name_is_the_configs(few, quick, tmp_path) -> None:
    fit(replace(quick, model_args={}), out=tmp_path, model="MLP", source=few)
    assert RunFolder.open(tmp_path).read_config().model == "MLP"


def test_a_validation_part_that_leaves_nothing_to_train_on_is_refused(few_images, quick) -> None:
    with pytest.raises(InputError, match="val_fraction: leaves 1 training images, expected at least 2"):
        fit(replace(quick, val_fraction=0.0), source=few_images(1, 1))


def test_a_net_that_draws_random_numbers_resumes_with_the_same_bits(few, quick, tmp_path) -> None:
    def net() -> nn.Module:
        torch.manual_seed(3)
        return nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(784, 10))

    whole = fit(quick, model=net(), source=few)
    with pytest.raises(TrainingInterrupted, match="SIGINT"):
        fit(quick, out=tmp_path, model=net(), source=few, watcher=Stopper(3))
    assert_same_bits(resume(tmp_path, model=net(), source=few).model.state_dict(), whole.model.state_dict())


def test_an_interruption_without_a_folder_says_that_nothing_is_saved(few, quick) -> None:
    with pytest.raises(TrainingInterrupted, match=r"nothing is saved, for no folder was given"):
        fit(quick, source=few, watcher=Stopper(1))


def test_a_diverging_run_names_the_step_and_the_layer(few, quick) -> None:
    with pytest.raises(
        DivergenceError,
        match=r"epoch 1, step \d+ of 5: the loss became (nan|inf); first not finite: output of conv2 .*lower lr",
    ):
        fit(replace(quick, lr=1e30, norm="none"), source=few)


def test_a_diverging_run_keeps_the_last_good_checkpoint(few, quick, tmp_path) -> None:
    class Poison(Watcher):
        def __init__(self, net: nn.Module) -> None:
            self.net = net

        def epoch(self, record: EpochRecord) -> None:
            with torch.no_grad():
                self.net.bn1.weight.fill_(math.nan)

    torch.manual_seed(0)
    net = ConvBNNet(width=4)
    config = replace(quick, ema_decay=0.0)
    with pytest.raises(DivergenceError, match=r"epoch 2, step 1 of 5: .*parameter bn1\.weight.*last\.ckpt"):
        fit(config, out=tmp_path, model=net, source=few, watcher=Poison(net))
    state = torch.load(tmp_path / "last.ckpt", weights_only=True)["states"]["model"]
    assert all(bool(tensor.isfinite().all()) for tensor in state.values())
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 1


def test_an_update_that_breaks_the_weights_in_the_last_step_is_never_saved(few, quick, tmp_path) -> None:
    config = replace(quick, epochs=1, batch_size=270, lr=1e38, momentum=0.0, norm="none", warmup=0.0, ema_decay=0.0)
    with pytest.raises(DivergenceError, match=r"the last update made .* infinite or NaN"):
        fit(replace(config, weight_decay=1e38), out=tmp_path, source=few)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["config.toml"]


def test_a_stop_right_after_an_update_that_breaks_the_weights_saves_nothing(few, quick, tmp_path) -> None:
    config = replace(quick, batch_size=270, lr=1e38, momentum=0.0, norm="none", warmup=0.0, weight_decay=1e38)
    with pytest.raises(DivergenceError, match=r"the last update made .* infinite or NaN"):
        fit(config, out=tmp_path, source=few, watcher=Stopper(1))
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["config.toml"]


def test_running_statistics_that_are_not_finite_are_never_saved(few, quick, tmp_path) -> None:
    class Poison(Watcher):
        def step(self, report: StepReport) -> None:
            net.bn2.running_var.fill_(math.inf)

    net = ConvBNNet(width=4)
    with pytest.raises(DivergenceError, match=r"the last update made bn2\.running_var infinite or NaN"):
        fit(replace(quick, ema_decay=0.0), out=tmp_path, model=net, source=few, watcher=Poison())
    assert not (tmp_path / "last.ckpt").exists()


def test_a_validation_loss_that_is_not_finite_names_the_place(few, quick) -> None:
    class Overflow(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.flatten, self.fc = nn.Flatten(), nn.Linear(784, 10)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.fc(self.flatten(x))
            return y if self.training else y * torch.inf

    with pytest.raises(DivergenceError, match=r"the validation loss became nan; first not finite: output of the net"):
        fit(quick, model=Overflow(), source=few)


@pytest.mark.parametrize("full_at", [2, 4, 6])
def test_a_full_disk_leaves_the_last_checkpoint_whole(few, quick, tmp_path, monkeypatch, full_at: int) -> None:
    """Config; then model, checkpoint and metrics of each epoch: the disk is full at one of them."""
    synced = []

    def full(descriptor: int) -> None:
        synced.append(descriptor)
        if len(synced) >= full_at:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device"):
        fit(quick, out=tmp_path, source=few)
    monkeypatch.undo()
    assert not [entry for entry in tmp_path.iterdir() if entry.name.endswith(".part")]
    assert [record.epoch for record in resume(tmp_path, source=few).history] == [1, 2]


def test_a_folder_that_holds_files_is_refused_before_anything_is_read(few, quick, tmp_path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match=r"out: expected a new or an empty folder, .* holds files; choose another"):
        fit(quick, out=tmp_path, source=few)
    assert few.loaded == []


def test_a_folder_that_cannot_be_made_is_refused_before_anything_is_read(few, quick, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"out: .* cannot be made, .*file is no folder that may be written"):
        fit(quick, out=tmp_path / "file" / "run", source=few)
    assert few.loaded == []


def test_a_net_with_another_number_of_outputs_is_refused_before_images_are_read(few, quick) -> None:
    with pytest.raises(InputError, match=r"model: expected outputs of shape \(2, 10\) .*; got \(2, 7\)"):
        fit(quick, model=ConvBNNet(num_classes=7), source=few)
    assert few.loaded == []


def test_a_net_that_raises_anything_at_all_is_the_callers_mistake(few, quick) -> None:
    class Faulty(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return {}[3]

    with pytest.raises(InputError, match="model: the net cannot take few"):
        fit(quick, model=Faulty(), source=few)


def test_a_net_with_nothing_to_train_is_refused_before_images_are_read(few, quick) -> None:
    with pytest.raises(InputError, match="there is nothing to train"):
        fit(quick, model=ConvBNNet().requires_grad_(requires_grad=False), source=few)
    assert few.loaded == []


def test_a_shift_of_the_whole_image_is_refused_before_images_are_read(few, quick) -> None:
    with pytest.raises(InputError, match="shift: expected less than the images' 28 pixels, got 28"):
        fit(replace(quick, shift=28), source=few)
    assert few.loaded == []


def test_a_net_that_cannot_take_the_images_is_refused_before_they_are_read(few, quick) -> None:
    with pytest.raises(InputError, match=r"model: the net cannot take few: images of 1x28x28, 10 classes: .*"):
        fit(quick, model=ConvBNNet(image_size=32), source=few)
    assert few.loaded == []


def test_a_batch_of_one_is_refused_where_the_net_cannot_learn_from_it(few, quick) -> None:
    with pytest.raises(InputError, match=r"batch_size: this net cannot train on single images, give 2 or more"):
        fit(replace(quick, batch_size=1, model="MLP"), source=few)


def test_a_batch_of_one_is_said_where_the_net_can_take_it(few_images, quick) -> None:
    notes = []

    class Listener(Watcher):
        def note(self, message: str) -> None:
            notes.append(message)

    fit(replace(quick, batch_size=1, epochs=1, val_fraction=0), source=few_images(6, 4), watcher=Listener())
    assert any("batch size 1" in note for note in notes)


def test_a_last_batch_of_one_is_left_out_and_said(few_images, quick) -> None:
    notes = []

    class Listener(Watcher):
        def note(self, message: str) -> None:
            notes.append(message)

    config = replace(quick, model="MLP", model_args={}, batch_size=8, epochs=1, val_fraction=0)
    trained = fit(config, source=few_images(17, 4), watcher=Listener())
    assert trained.history[0].steps == 2
    assert any("leaves one image out" in note for note in notes)


def test_a_device_that_is_not_there_is_refused(few, quick) -> None:
    with pytest.raises(InputError, match=r"device: .*'cuda:99'"):
        fit(replace(quick, device="cuda:99"), source=few)
    with pytest.raises(InputError, match=r"device: expected auto, cpu, cuda or cuda:<number>, got 'gpu'"):
        fit(replace(quick, device="gpu"), source=few)


def test_a_run_without_a_checkpoint_begins_anew(few, quick, tmp_path) -> None:
    config = replace(quick, data="few")
    with RunFolder(tmp_path / "run").created(config):
        pass
    assert_same_bits(resume(tmp_path / "run", source=few).model.state_dict(), fit(quick, source=few).model.state_dict())


@pytest.mark.parametrize("change", [{"epochs": 4}, {"batch_size": 32}, {"lr": 0.5}])
def test_a_run_whose_config_was_edited_is_not_resumed(few, quick, tmp_path, change: dict[str, float]) -> None:
    fit(quick, out=tmp_path, source=few)
    config = replace(RunFolder.open(tmp_path).read_config(), **change)
    (tmp_path / "config.toml").write_text(write_config(config))
    with pytest.raises(
        InputError, match=f"the run was started with other options: {next(iter(change))}; put them back"
    ):
        resume(tmp_path, source=few)


def test_a_run_is_not_resumed_on_other_data(few, few_images, quick, tmp_path) -> None:
    fit(quick, out=tmp_path, source=few)
    with pytest.raises(InputError, match="other options: number of training images"):
        resume(tmp_path, source=few_images(400, 100))
    with pytest.raises(InputError, match="few"):
        resume(tmp_path)


def test_another_thread_count_is_said(few, quick, tmp_path) -> None:
    fit(replace(quick, threads=0), out=tmp_path, source=few)
    state = torch.load(tmp_path / "last.ckpt", weights_only=True)
    torch.save({**state, "threads": state["threads"] + 1}, tmp_path / "last.ckpt")
    notes = []

    class Listener(Watcher):
        def note(self, message: str) -> None:
            notes.append(message)

    resume(tmp_path, source=few, watcher=Listener())
    assert any("not bit for bit" in note for note in notes)


def test_a_folder_in_which_another_process_trains_is_refused(few, quick, tmp_path) -> None:
    fit(quick, out=tmp_path, source=few)
    with RunFolder(tmp_path).held(), pytest.raises(InputError, match="another process trains in this folder"):
        resume(tmp_path, source=few)


class StopWhileLoading:
    """A source that sends a signal when a split is loaded."""

    def __init__(self, few, split: str, number: int) -> None:
        self.few, self.split, self.number = few, split, number
        self.info = few.info

    def locate(self):
        return self.few.locate()

    def load(self, split: str):
        if split == self.split:
            os.kill(os.getpid(), self.number)
        return self.few.load(split)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_the_images_are_read_stops_before_the_first_step(few, quick, tmp_path, number: int) -> None:
    with pytest.raises(TrainingInterrupted, match="epoch 1 after step 0 of 5; all is saved"):
        fit(quick, out=tmp_path, source=StopWhileLoading(few, "train", number))
    assert_same_bits(resume(tmp_path, source=few).model.state_dict(), fit(quick, source=few).model.state_dict())


def test_a_signal_during_the_test_lets_it_end(few, quick, tmp_path) -> None:
    done = fit(quick, out=tmp_path, source=StopWhileLoading(few, "test", signal.SIGTERM))
    assert RunFolder.open(tmp_path).read_result() == done.result


def test_a_signal_in_the_last_validation_leaves_only_the_test(few, quick, tmp_path) -> None:
    class AtTheEnd(Watcher):
        def epoch(self, record: EpochRecord) -> None:
            if record.epoch == 2:
                os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(TrainingInterrupted, match="after the last epoch, before the test"):
        fit(quick, out=tmp_path, source=few, watcher=AtTheEnd())
    assert resume(tmp_path, source=few).result.epochs == 2


def test_signals_that_were_ignored_stay_ignored(few, quick) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert len(fit(quick, source=few, watcher=Stopper(2)).history) == 2
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_how_to_go_on_is_a_command_that_works(few, quick, tmp_path) -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    with pytest.raises(TrainingInterrupted, match=r"--resume '.*a b' --model torch\.nn\.modules\.container:Sequential"):
        fit(quick, out=tmp_path / "a b", model=net, source=few, watcher=Stopper(1))


def test_a_folder_that_is_no_run_cannot_be_resumed(tmp_path) -> None:
    with pytest.raises(InputError, match=r"has no config\.toml"):
        resume(tmp_path)
    with pytest.raises(InputError, match=r"found none; check the path"):
        resume(tmp_path / "nowhere")


def test_a_run_with_an_own_net_is_resumed_only_when_its_owner_names_the_net(quick, tmp_path) -> None:
    with RunFolder(tmp_path).created(replace(quick, model="os:system")):
        pass
    with pytest.raises(InputError, match=r"if you trust it, say so: --model os:system"):
        resume(tmp_path)


def test_a_checkpoint_of_another_net_is_refused(few, quick, tmp_path) -> None:
    fit(quick, out=tmp_path / "a", source=few)
    state = torch.load(tmp_path / "a" / "last.ckpt", weights_only=True)
    state["states"]["model"] = ConvBNNet(width=6).state_dict()
    torch.save(state, tmp_path / "a" / "last.ckpt")
    with pytest.raises(InputError, match="the checkpoint does not fit this run's config"):
        resume(tmp_path / "a", source=few)


def test_each_line_of_the_metrics_is_one_epoch(few, quick, tmp_path) -> None:
    fit(quick, out=tmp_path, source=few)
    records = [from_json(line, EpochRecord) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [(record.epoch, record.steps) for record in records] == [(1, 5), (2, 5)]
