"""What TensorBoard shows of a training, read by TensorBoard's own reader."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.summary.writer import event_file_writer

from batchnorm.errors import InputError
from batchnorm.runs import RunFolder, TrainConfig, TrainingInterrupted, load_run
from batchnorm.training import _tensorboard, fit, resume

from .runs import Listener, Stopper, assert_same_bits, weights

EVENTS = "events.out.tfevents.*"


@pytest.fixture(autouse=True)
def from_the_first_file_on(monkeypatch) -> None:
    """Count the event files of this process anew: TensorBoard orders those of one second by text, 10 before 9."""
    monkeypatch.setattr(event_file_writer, "_global_uid", event_file_writer.AtomicCounter(0))


@pytest.fixture
def few(few_images):
    """Two steps an epoch."""
    return few_images(140, 50)


@pytest.fixture
def logging(quick) -> TrainConfig:
    return replace(quick, epochs=3, log="tensorboard")


def shown(run: Path) -> dict[str, list[tuple[int, float]]]:
    """The curves of a run: steps and values by their names."""
    read = EventAccumulator(str(run), purge_orphaned_data=True)
    read.Reload()
    return {tag: [(event.step, event.value) for event in read.Scalars(tag)] for tag in read.Tags()["scalars"]}


def expected(run: Path) -> dict[str, list[tuple[int, float]]]:
    epochs, result = RunFolder.open(run).read_metrics(), RunFolder.open(run).read_result()
    named = {
        "loss/training": "train_loss",
        "loss/training, without label smoothing": "train_plain_loss",
        "loss/validation": "val_loss",
        "accuracy/training": "train_accuracy",
        "accuracy/validation": "val_accuracy",
        "learning rate": "lr",
        "images per second": "images_per_second",
    }
    curves = {
        name: [(2 * epoch.epoch, pytest.approx(getattr(epoch, field), rel=1e-6)) for epoch in epochs]
        for name, field in named.items()
    }
    if result is not None:
        for name, value in (("loss/test", result.test_loss), ("accuracy/test", result.test_accuracy)):
            curves[name] = [(result.steps, pytest.approx(value, rel=1e-6))]
    return curves


def test_it_shows_what_the_metrics_and_the_result_say(few, logging, tmp_path) -> None:
    fit(logging, out=tmp_path / "run", source=few)
    assert shown(tmp_path / "run") == expected(tmp_path / "run")
    assert len([*(tmp_path / "run").glob(EVENTS)]) == 1


def test_without_validation_images_there_is_no_curve_of_them(few, logging, tmp_path) -> None:
    fit(replace(logging, epochs=1, val_fraction=0.0), out=tmp_path, source=few)
    assert {name for name in shown(tmp_path) if "validation" in name} == set()


def test_it_changes_no_number(few, logging, tmp_path) -> None:
    fit(logging, out=tmp_path / "on", source=few)
    fit(replace(logging, log="off"), out=tmp_path / "off", source=few)
    assert_same_bits(weights(tmp_path / "on"), weights(tmp_path / "off"))
    assert [*(tmp_path / "off").glob(EVENTS)] == []


@pytest.mark.parametrize("stop_after", [1, 3, 5])
def test_a_run_that_goes_on_shows_each_epoch_once(few, logging, tmp_path, stop_after: int) -> None:
    with pytest.raises(TrainingInterrupted):
        fit(logging, out=tmp_path, source=few, watcher=Stopper(stop_after))
    resume(tmp_path, source=few)
    assert shown(tmp_path) == expected(tmp_path)


def test_an_epoch_that_was_shown_and_lost_is_shown_as_it_was_done_again(few, logging, tmp_path) -> None:
    """The process died, and the checkpoint is of the epoch before."""
    with pytest.raises(TrainingInterrupted):
        fit(logging, out=tmp_path, source=few, watcher=Stopper(3))
    older = (tmp_path / "last.ckpt").read_bytes()
    with pytest.raises(TrainingInterrupted):
        resume(tmp_path, source=few, watcher=Stopper(2))
    (tmp_path / "last.ckpt").write_bytes(older)
    resume(tmp_path, source=few)
    assert shown(tmp_path) == expected(tmp_path)


def test_it_may_begin_when_a_run_goes_on_and_shows_what_was_before(few, logging, tmp_path) -> None:
    with pytest.raises(TrainingInterrupted):
        fit(replace(logging, log="off"), out=tmp_path, source=few, watcher=Stopper(3))
    resume(tmp_path, source=few, log="tensorboard")
    assert shown(tmp_path) == expected(tmp_path)
    assert RunFolder.open(tmp_path).read_config().log == "off"


def test_a_longer_training_goes_on_in_the_same_curves(few, logging, tmp_path) -> None:
    fit(replace(logging, epochs=1), out=tmp_path, source=few)
    resume(tmp_path, source=few, epochs=3)
    curves = shown(tmp_path)
    assert [step for step, _ in curves["loss/validation"]] == [2, 4, 6]
    assert curves["loss/test"][-1] == expected(tmp_path)["loss/test"][0]


def test_a_finished_run_that_is_asked_again_writes_nothing(few, logging, tmp_path) -> None:
    fit(replace(logging, epochs=1), out=tmp_path, source=few)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob(EVENTS)}
    resume(tmp_path, source=few)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob(EVENTS)} == before


def test_a_run_with_its_events_may_be_replaced(few, logging, tmp_path) -> None:
    run, logging = tmp_path / "run", replace(logging, epochs=1)
    fit(logging, out=run, source=few)
    fit(replace(logging, seed=1), out=run, source=few, overwrite=True)
    assert shown(run) == expected(run)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_what_cannot_be_written_is_told_once_and_the_training_goes_on(few, logging, tmp_path, monkeypatch) -> None:
    def full(_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_tensorboard, "_opened", full)
    listener = Listener()
    trained = fit(logging, out=tmp_path, source=few, watcher=listener)
    assert [note for note in listener.notes if "TensorBoard" in note] == [
        "TensorBoard's events cannot be written, and end here: No space left on device"
    ]
    assert len(trained.history) == 3
    assert load_run(tmp_path)


def test_without_a_folder_there_is_nowhere_to_write(few, logging) -> None:
    with pytest.raises(
        InputError, match=r"^log: 'tensorboard' is written into the folder of the run, .* Pass out='FOLD"
    ):
        fit(logging, source=few)
    assert few.loaded == []


def test_without_the_package_one_sentence_says_what_to_install(few, logging, tmp_path, monkeypatch) -> None:
    for name in [name for name in sys.modules if name.startswith(("torch.utils.tensorboard", "tensorboard"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(InputError, match=r"^log: .* needs the package tensorboard, .* pip install 'batchnorm\[tensorb"):
        fit(logging, out=tmp_path / "run", source=few)
    assert few.loaded == []
    assert not (tmp_path / "run").exists()
