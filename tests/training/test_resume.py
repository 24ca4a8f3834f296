import os
import signal
import sys
from dataclasses import replace
from types import ModuleType

import pytest
import torch
from torch import nn

from batchnorm.errors import InputError
from batchnorm.models import ConvBNNet
from batchnorm.records import EpochRecord
from batchnorm.runs import OwnData, RunFolder, TrainingInterrupted, load_run, recalibrate_run, write_config
from batchnorm.training import Watcher, fit, resume

from .runs import Listener, Stopper, assert_same_bits, make_old, weights, without_times


@pytest.mark.parametrize("stop_after", [1, 5, 7, 9])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_and_resumed_run_ends_with_the_same_bits(few, quick, tmp_path, stop_after: int, number: int) -> None:
    """270 images in batches of 64: five steps an epoch, so the stops lie inside, at the end and behind an epoch."""
    whole = fit(quick, out=tmp_path / "whole", source=few)
    with pytest.raises(
        TrainingInterrupted, match=r"go on with: batchnorm\.training\.resume\('.*parts', source=\.\.\.\)$"
    ):
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


@pytest.mark.parametrize("also_gone", [(), ("result.json",), ("model.safetensors",)])
def test_a_run_whose_checkpoint_is_gone_is_not_trained_anew(few, quick, tmp_path, also_gone: tuple[str, ...]) -> None:
    """It would replace a model that took longer to train; the metrics or the result say that there was one."""
    fit(quick, out=tmp_path, source=few)
    for name in ("last.ckpt", *also_gone):
        (tmp_path / name).unlink()
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(
        InputError,
        match=r"the checkpoint is gone, .* batchnorm\.training\.fit\(.*read_config\('.*config\.toml'\), out=",
    ):
        resume(tmp_path, source=few)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_finished_run_does_not_go_on_from_an_older_checkpoint(few, quick, tmp_path) -> None:
    with pytest.raises(TrainingInterrupted, match="epoch 2"):
        fit(quick, out=tmp_path, source=few, watcher=Stopper(6))
    older = (tmp_path / "last.ckpt").read_bytes()
    resume(tmp_path, source=few)
    (tmp_path / "last.ckpt").write_bytes(older)
    before = (tmp_path / "model.safetensors").read_bytes()
    with pytest.raises(InputError, match=r"is of epoch 1, but the run is finished, with 2; .* Put the checkpoint back"):
        resume(tmp_path, source=few)
    assert (tmp_path / "model.safetensors").read_bytes() == before


def test_a_signal_leaves_the_model_of_a_finished_run_that_was_recalibrated(few, quick, tmp_path) -> None:
    fit(quick, out=tmp_path, source=few)
    recalibrate_run(tmp_path, source=few, threads=1)
    before = (tmp_path / "model.safetensors").read_bytes()
    resume(tmp_path, source=StopWhileLoading(few, "train", signal.SIGTERM))
    assert (tmp_path / "model.safetensors").read_bytes() == before


def test_an_epoch_that_is_in_the_checkpoint_alone_comes_into_the_metrics(few, quick, tmp_path) -> None:
    """As after a crash between the two, in the last epoch: nothing writes the metrics again."""
    fit(quick, out=tmp_path, source=few)
    whole = (tmp_path / "metrics.jsonl").read_text()
    (tmp_path / "metrics.jsonl").write_text(whole.splitlines(keepends=True)[0])
    resume(tmp_path, source=few)
    assert (tmp_path / "metrics.jsonl").read_text() == whole


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


def test_a_run_without_a_checkpoint_begins_anew(few, quick, tmp_path) -> None:
    config = replace(quick, model="ConvBNNet", data=OwnData("few"))  # as a run names its net, never "auto"
    with RunFolder(tmp_path / "run").created(config):
        pass
    assert_same_bits(resume(tmp_path / "run", source=few).model.state_dict(), fit(quick, source=few).model.state_dict())


def test_a_run_in_a_folder_whose_name_is_not_utf_8_is_told_to_be_renamed(few, quick, tmp_path) -> None:
    fit(quick, out=tmp_path / "run", source=few)
    odd = (tmp_path / "run").rename(tmp_path / os.fsdecode(b"run-\xff"))
    with pytest.raises(InputError, match=r"expected a path in UTF-8, .* can be read in no other\. Rename"):
        resume(odd, source=few)
    with pytest.raises(InputError, match=r"expected a path in UTF-8, .* can be read in no other\. Rename"):
        load_run(odd / "model.safetensors")


@pytest.mark.parametrize("change", [{"epochs": 4}, {"batch_size": 32}, {"lr": 0.5}])
def test_a_run_whose_config_was_edited_is_not_resumed(few, quick, tmp_path, change: dict[str, float]) -> None:
    fit(quick, out=tmp_path, source=few)
    config = replace(RunFolder.open(tmp_path).read_config(), **change)
    (tmp_path / "config.toml").write_text(write_config(config))
    with pytest.raises(
        InputError, match=f"the run was started with other options: {next(iter(change))}. Put them back"
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
    listener = Listener()
    resume(tmp_path, source=few, watcher=listener)
    assert any("not bit for bit" in note for note in listener.notes)


def test_a_run_from_before_the_options_of_route_and_allocator_goes_on_and_says_what_may_differ(
    few, quick, tmp_path
) -> None:
    whole = fit(quick, source=few)
    with pytest.raises(TrainingInterrupted, match="epoch 2"):
        fit(quick, out=tmp_path, source=few, watcher=Stopper(6))
    make_old(tmp_path)
    assert RunFolder.open(tmp_path).read_config().route == "auto"
    listener = Listener()
    resumed = resume(tmp_path, source=few, watcher=listener)
    assert resumed.result.test_accuracy == pytest.approx(whole.result.test_accuracy, abs=0.02)
    assert [note for note in listener.notes if "older than the option route" in note]
    # The finished run names its route like any other.
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["circumstances"]["route"] == "auto"


def test_an_old_run_goes_on_with_the_same_bits_by_the_native_route_which_it_had(few, quick, tmp_path) -> None:
    quick = replace(quick, route="native")
    whole = fit(quick, source=few)
    with pytest.raises(TrainingInterrupted, match="epoch 2"):
        fit(quick, out=tmp_path, source=few, watcher=Stopper(6))
    make_old(tmp_path)
    with (tmp_path / "config.toml").open("r+") as file:
        text = file.read()
        file.seek(0)
        file.write('route = "native"\n' + text)
    listener = Listener()
    resumed = resume(tmp_path, source=few, watcher=listener)
    assert_same_bits(resumed.model.state_dict(), whole.model.state_dict())
    assert listener.notes == []


def test_an_old_run_without_our_norms_has_no_route_to_speak_of(few, quick, tmp_path) -> None:
    fit(replace(quick, norm="torch"), out=tmp_path, source=few)
    make_old(tmp_path)
    listener = Listener()
    resume(tmp_path, source=few, watcher=listener)
    assert listener.notes == []


def test_a_run_is_not_resumed_by_another_route(few, quick, tmp_path) -> None:
    fit(replace(quick, route="native"), out=tmp_path, source=few)
    config = replace(RunFolder.open(tmp_path).read_config(), route="composed")
    (tmp_path / "config.toml").write_text(write_config(config))
    with pytest.raises(InputError, match=r"the run was started with other options: route\. Put them back"):
        resume(tmp_path, source=few)


@pytest.mark.parametrize("before", [True, False])
def test_the_allocator_may_be_tuned_or_not_when_a_run_goes_on(few, quick, tmp_path, tunings, before: bool) -> None:
    with pytest.raises(TrainingInterrupted, match="epoch 1"):
        fit(replace(quick, tune_allocator=before), out=tmp_path, source=few, watcher=Stopper(2))
    assert len(tunings) == before
    assert "tune_allocator" not in torch.load(tmp_path / "last.ckpt", weights_only=True)["circumstances"]
    resumed = resume(tmp_path, source=few, tune_allocator=not before)
    assert len(tunings) == 1
    assert_same_bits(resumed.model.state_dict(), fit(quick, source=few).model.state_dict())


def test_a_run_goes_on_with_its_own_allocator_option(few, quick, tmp_path, tunings) -> None:
    fit(replace(quick, tune_allocator=False), out=tmp_path, source=few)
    resume(tmp_path, source=few)
    assert tunings == []


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


def test_how_to_go_on_with_objects_is_a_call_and_with_names_a_command(few, quick, tmp_path, monkeypatch) -> None:
    own = ModuleType("own_parts")
    own.net = lambda: nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    own.few = few
    monkeypatch.setitem(sys.modules, "own_parts", own)
    with pytest.raises(TrainingInterrupted, match=r"resume\('.*a b', model=\.\.\., source=\.\.\.\)$"):
        fit(quick, out=tmp_path / "a b", model=own.net(), source=few, watcher=Stopper(1))
    named = replace(quick, model="own_parts:net", model_args={}, data="own_parts:few")
    with pytest.raises(TrainingInterrupted, match=r"resume\('.*c d', model='own_parts:net', source='own_parts:few'\)$"):
        fit(named, out=tmp_path / "c d", watcher=Stopper(1))


def test_a_folder_that_is_no_run_cannot_be_resumed(tmp_path) -> None:
    with pytest.raises(InputError, match=r"has no config\.toml"):
        resume(tmp_path)
    with pytest.raises(InputError, match=r"found none. Check the path"):
        resume(tmp_path / "nowhere")


def test_a_run_with_an_own_net_is_resumed_only_when_its_owner_names_the_net(quick, tmp_path) -> None:
    with RunFolder(tmp_path).created(replace(quick, model="os:system")):
        pass
    with pytest.raises(
        InputError,
        match=r"your own \('os:system'\), and a file may not choose .* Pass it: model=net, the module itself",
    ):
        resume(tmp_path)


def test_a_checkpoint_of_another_net_is_refused(few, quick, tmp_path) -> None:
    fit(quick, out=tmp_path / "a", source=few)
    state = torch.load(tmp_path / "a" / "last.ckpt", weights_only=True)
    state["states"]["model"] = ConvBNNet(width=6).state_dict()
    torch.save(state, tmp_path / "a" / "last.ckpt")
    with pytest.raises(InputError, match="the checkpoint does not fit this run's config"):
        resume(tmp_path / "a", source=few)
