"""A run that is recalibrated: by which images, and what lies in its folder afterwards."""

import errno
import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import batchnorm
from batchnorm import data
from batchnorm.errors import InputError
from batchnorm.runs import (
    RunFolder,
    RunRecalibrationWatcher,
    TrainConfig,
    fold_run,
    load_run,
    recalibrate_run,
    save_model,
)
from batchnorm.runs import _new_file as new_file
from batchnorm.statistics import RecalibrationOptions

from .runs import assert_same_bits, weights

CONFIG = TrainConfig(model_args={"width": 4}, epochs=1, batch_size=100, threads=1, val_fraction=0.1, shift=1)
EXACT = RecalibrationOptions(method="exact")


class Names(list):
    """Keeps the notes."""

    def watcher(self) -> RunRecalibrationWatcher:
        watcher = RunRecalibrationWatcher()
        watcher.note = self.append
        return watcher


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def moments(net, images):
    """Mean and unbiased variance of what the first norm sees, in float64."""
    seen = []
    handle = net.bn1.register_forward_pre_hook(lambda module, args: seen.append(args[0].double()))
    with torch.no_grad():
        net.eval()(images)
    handle.remove()
    values = torch.cat(seen).transpose(0, 1).flatten(1)
    return values.mean(1), values.var(1)


def test_the_statistics_are_those_of_the_images_that_were_trained_on(run, few) -> None:
    """Neither augmented nor held out: the first norm's moments, worked out here."""
    record = recalibrate_run(run, source=few, augment=False, threads=1)
    net, card = load_run(run)
    kept, held_out = data.split_off_validation(few.load("train"), 0.1, seed=0)
    assert record.recalibration.samples == len(kept) == 300 - len(held_out)
    mean, var = moments(net, card.normalization.apply(kept.images))
    torch.testing.assert_close(net.bn1.running_mean.double(), mean, rtol=0, atol=1e-5)
    torch.testing.assert_close(net.bn1.running_var.double(), var, rtol=1e-5, atol=0)


def test_the_images_are_varied_as_in_training_unless_told_otherwise(run, few, tmp_path) -> None:
    varied = recalibrate_run(run, source=few, out=tmp_path / "a", threads=1)
    plain = recalibrate_run(run, source=few, out=tmp_path / "b", augment=False, threads=1)
    assert (varied.augmented, plain.augmented) == (True, False)
    assert varied.recalibration.fingerprint != plain.recalibration.fingerprint


def test_exact_gives_the_same_statistics_at_any_batch_size(run, few, tmp_path) -> None:
    """Of augmented images, too: how each is varied does not depend on the batch that it is in."""
    for size in (2, 100):
        recalibrate_run(
            run,
            source=few,
            options=EXACT,
            batch_size=size,
            out=tmp_path / f"{size}",
            threads=1,
        )
    two, hundred = (load_run(tmp_path / f"{size}")[0].state_dict() for size in (2, 100))
    for name, value in two.items():
        torch.testing.assert_close(value, hundred[name], rtol=1e-5, atol=1e-6)


def test_a_named_split_is_taken_whole_and_said_to_be_what_judges(run, few, tmp_path) -> None:
    notes = Names()
    record = recalibrate_run(run, source=few, split="test", out=tmp_path / "a", threads=1, watcher=notes.watcher())
    assert (record.split, record.recalibration.samples) == ("test", 100)
    assert any("the very images that judge" in note for note in notes)


def test_before_and_after_are_the_scores_of_the_two_files_on_the_test_images(run, few) -> None:
    record = recalibrate_run(run, source=few, options=EXACT, threads=1)
    test = few.load("test")
    for path, judged in ((run / "model.before-recalibration.safetensors", record.before), (run, record.after)):
        net, card = load_run(path)
        with torch.no_grad():
            outputs = net(card.normalization.apply(test.images))
        assert judged.accuracy == pytest.approx((outputs.argmax(1) == test.labels).double().mean().item(), abs=1e-12)
        assert judged.loss == pytest.approx(torch.nn.functional.cross_entropy(outputs, test.labels).item(), rel=1e-5)
    assert record.judged == 100


def test_only_statistics_change(run, few) -> None:
    before = weights(run)
    recalibrate_run(run, source=few, options=EXACT, threads=1)
    after = weights(run)
    assert {name for name, value in after.items() if not torch.equal(value, before[name])} == {
        f"{norm}.running_{kind}" for norm in ("bn1", "bn2") for kind in ("mean", "var")
    }


def test_the_former_model_and_the_record_stay_in_the_folder(run, few) -> None:
    before = files(run)
    record = recalibrate_run(run, source=few, threads=1)
    after = files(run)
    assert after.keys() - before.keys() == {"recalibration.json", "model.before-recalibration.safetensors"}
    assert after["model.before-recalibration.safetensors"] == before["model.safetensors"]
    said = json.loads(after["recalibration.json"])
    assert said["sha256"] == record.sha256 == hashlib.sha256(after["model.safetensors"]).hexdigest()
    assert said["kept"] == record.kept == str(run / "model.before-recalibration.safetensors")
    untouched = before.keys() - {"model.safetensors", "result.json"}
    assert {name: after[name] for name in untouched} == {name: before[name] for name in untouched}


def test_a_second_recalibration_keeps_the_statistics_of_the_training(run, few) -> None:
    trained = (run / "model.safetensors").read_bytes()
    for method in ("average", "exact"):
        recalibrate_run(run, source=few, options=RecalibrationOptions(method=method), threads=1)
    assert (run / "model.before-recalibration.safetensors").read_bytes() == trained


@pytest.mark.parametrize("broken", ["{", '{"record": 1}', "[]"])
def test_a_model_that_no_record_knows_is_kept(run, few, broken: str) -> None:
    """After a training that went on the kept file is an old one, and the present model is what must not be lost."""
    recalibrate_run(run, source=few, threads=1)
    net, card = load_run(run)
    torch.nn.init.ones_(net.bn1.weight)
    save_model(run / "model.safetensors", net, card)
    (run / "recalibration.json").write_text(broken)
    present = (run / "model.safetensors").read_bytes()
    recalibrate_run(run, source=few, threads=1)
    assert (run / "model.before-recalibration.safetensors").read_bytes() == present


@pytest.mark.parametrize("place", [1, 2, 3])
def test_a_full_disk_leaves_the_run_as_it_was(run, few, monkeypatch, place: int) -> None:
    """Met while the first, the second or the third file is written."""
    before, calls = files(run), []
    put = new_file._put

    def full(file, content) -> None:
        calls.append(len(content))
        if len(calls) == place:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        put(file, content)

    monkeypatch.setattr(new_file, "_put", full)
    with pytest.raises(OSError, match="No space left on device"):
        recalibrate_run(run, source=few, threads=1)
    assert files(run) == before


@pytest.mark.parametrize("place", [1, 2, 3])
def test_a_signal_while_the_files_are_written_is_heard_when_all_are(run, few, monkeypatch, place: int) -> None:
    import signal

    calls = []
    put = new_file._put

    def interrupted(file, content) -> None:
        calls.append(len(content))
        if len(calls) == place:
            os.kill(os.getpid(), signal.SIGINT)
        put(file, content)

    monkeypatch.setattr(new_file, "_put", interrupted)
    with pytest.raises(KeyboardInterrupt):
        recalibrate_run(run, source=few, threads=1)
    said = json.loads((run / "recalibration.json").read_text())
    assert said["sha256"] == hashlib.sha256((run / "model.safetensors").read_bytes()).hexdigest()
    assert not list(run.glob("*.part"))


def die_after(renames: int, patch: pytest.MonkeyPatch) -> list[Path]:
    """End the process, as it were, where one more file is to take its name; return those that did."""
    done: list[Path] = []
    rename = Path.replace

    def dies(self: Path, target: Path) -> Path:
        if len(done) == renames:
            raise SystemExit("died")
        done.append(target)
        return rename(self, target)

    patch.setattr(Path, "replace", dies)
    return done


@pytest.mark.parametrize("missing", [1, 2])
def test_a_crash_between_two_files_loses_no_statistics(run, few, monkeypatch, missing: int) -> None:
    """As if the process had died after the first or second of three files took its name."""
    trained = (run / "model.safetensors").read_bytes()
    with monkeypatch.context() as patch:
        die_after(missing, patch)
        with pytest.raises(SystemExit, match="died"):
            recalibrate_run(run, source=few, threads=1)
    assert (run / "model.safetensors").read_bytes() == trained
    recalibrate_run(run, source=few, threads=1)
    assert (run / "model.before-recalibration.safetensors").read_bytes() == trained


@pytest.mark.parametrize("missing", [0, 1])
def test_a_crash_in_a_second_recalibration_loses_no_statistics(run, few, monkeypatch, missing: int) -> None:
    """The record may speak of a model that never came: the third must not take the first's for the training's."""
    trained = (run / "model.safetensors").read_bytes()
    recalibrate_run(run, source=few, threads=1)
    with monkeypatch.context() as patch:
        done = die_after(missing, patch)
        for method in ("exact", "average"):  # twice: neither of both ever came
            done.clear()
            with pytest.raises(SystemExit, match="died"):
                recalibrate_run(
                    run, source=few, options=RecalibrationOptions(method=method), max_samples=200, threads=1
                )
    recalibrate_run(run, source=few, options=EXACT, threads=1)
    assert (run / "model.before-recalibration.safetensors").read_bytes() == trained


def test_what_any_killed_process_left_half_written_in_the_run_is_removed(run, few) -> None:
    (run / ".folded.safetensors.0123abcd.part").write_bytes(b"half")
    recalibrate_run(run, source=few, threads=1)
    assert not list(run.glob("*.part"))


def test_an_interrupt_in_a_round_leaves_the_run_as_it_was(run, few) -> None:
    before = files(run)

    class Stopper(RunRecalibrationWatcher):
        def batch(self, done: int, total: int | None, number: int) -> None:
            if number == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="nothing was written, the run is as it was"):
        recalibrate_run(run, source=few, options=EXACT, threads=1, watcher=Stopper())
    assert files(run) == before


def test_a_folder_that_another_process_trains_in_is_refused(run, few) -> None:
    with RunFolder(run).held(), pytest.raises(InputError, match="another process trains in this folder"):
        recalibrate_run(run, source=few)


def test_a_run_that_is_not_finished_is_said_to_replace_the_model(run, few) -> None:
    (run / "result.json").unlink()
    notes = Names()
    recalibrate_run(run, source=few, threads=1, watcher=notes.watcher())
    assert any("the run is not finished" in note for note in notes)


def test_the_model_file_of_a_run_is_the_run(run, few) -> None:
    record = recalibrate_run(run / "model.safetensors", source=few, threads=1)
    assert (record.recalibration.samples, record.kept) == (271, str(run / "model.before-recalibration.safetensors"))
    assert (run / "recalibration.json").exists()


def test_the_former_model_is_no_run_of_its_own(run, few) -> None:
    recalibrate_run(run, source=few, threads=1)
    with pytest.raises(InputError, match="is not the model of a run"):
        recalibrate_run(run / "model.before-recalibration.safetensors", source=few, threads=1)


def test_the_settings_of_torch_come_back(run, few) -> None:
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    recalibrate_run(run, source=few, threads=threads + 1)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)


def test_the_record_is_that_of_the_verb_on_the_same_images(run, few) -> None:
    """The command and the function are one: same net, same batches, same bits."""
    from batchnorm.runs._recalibration_images import RecalibrationImages

    net, card = load_run(run)
    kept, _ = data.split_off_validation(few.load("train"), 0.1, seed=0)
    images = RecalibrationImages(kept, card.normalization, seed=0, epoch=1, channels_last=True)
    net.to(memory_format=torch.channels_last)
    alone = batchnorm.recalibrate(net, images, method="exact")
    record = recalibrate_run(run, source=few, options=EXACT, augment=False, threads=torch.get_num_threads())
    assert record.recalibration.fingerprint == alone.fingerprint
    assert replace(record.recalibration.norms[1]) == alone.norms[1]
    assert_same_bits(weights(run), net.state_dict())


def test_a_folded_net_is_refused(run, tmp_path, few) -> None:
    folded = tmp_path / "folded.safetensors"
    fold_run(run, out=folded, source=few, threads=1)
    with pytest.raises(InputError, match="this net is folded already"):
        recalibrate_run(folded, out=tmp_path / "again.safetensors", source=few, threads=1)
