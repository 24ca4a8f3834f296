"""`fit(..., overwrite=True)`: a run takes the place of a run, of nothing else, and one of them is always there."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from batchnorm.errors import InputError
from batchnorm.runs import RunFolder, TrainConfig
from batchnorm.training import DivergenceError, Watcher, fit, resume

from .runs import Listener, Stopper


@pytest.fixture
def old(few, quick, tmp_path) -> Path:
    """A finished run with a picture of its evaluation."""
    folder = tmp_path / "runs" / "first"
    fit(quick, out=folder, source=few)
    (folder / "confusion_matrix.png").write_bytes(b"a picture")
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_a_run_takes_the_place_of_a_run_and_the_old_one_goes(few, quick, old) -> None:
    heard = Listener()
    trained = fit(replace(quick, seed=5), out=old, overwrite=True, source=few, watcher=heard)
    assert RunFolder.open(old).read_result() == trained.result
    assert trained.result.seed == 5
    assert not (old / "confusion_matrix.png").exists()
    assert [path.name for path in old.parent.iterdir()] == ["first"]
    assert heard.notes == [f"the run that was in {old} lies in {old}.replaced until this one ends"]


def test_while_the_new_run_trains_the_old_one_lies_beside_it_whole(few, quick, old) -> None:
    before, beside = files(old), {}

    class Looks(Watcher):
        def step(self, report) -> None:
            beside.update(files(old.with_name("first.replaced")))

    fit(quick, out=old, overwrite=True, source=few, watcher=Looks())
    assert beside == before


@pytest.mark.parametrize("raised", [DivergenceError, KeyboardInterrupt, OSError])
def test_a_training_that_ends_without_a_checkpoint_puts_the_old_run_back(few, quick, old, raised) -> None:
    before = files(old)

    class Fails(Watcher):
        def step(self, report) -> None:
            raise raised("stop")

    with pytest.raises(raised, match="stop"):
        fit(quick, out=old, overwrite=True, source=few, watcher=Fails())
    assert files(old) == before
    assert [path.name for path in old.parent.iterdir()] == ["first"]


def test_a_training_that_is_stopped_and_can_go_on_stands_in_its_place(few, quick, old) -> None:
    config = replace(quick, seed=5)
    with pytest.raises(KeyboardInterrupt, match="go on with"):
        fit(config, out=old, overwrite=True, source=few, watcher=Stopper(1))
    assert [path.name for path in old.parent.iterdir()] == ["first"]
    assert resume(old, source=few).result.seed == 5


def test_what_cannot_be_trained_leaves_the_old_run_alone(few, quick, old) -> None:
    before = files(old)
    with pytest.raises(InputError, match=r"model: expected auto, ConvBNNet, .* got 'nothing'"):
        fit(replace(quick, model="nothing"), out=old, overwrite=True, source=few)
    assert files(old) == before


def test_a_place_aside_that_is_taken_is_left_alone(few, quick, old) -> None:
    taken = old.with_name("first.replaced")
    taken.mkdir()
    (taken / "mine.txt").write_text("mine")
    fit(quick, out=old, overwrite=True, source=few)
    assert sorted(path.name for path in old.parent.iterdir()) == ["first", "first.replaced"]
    assert (taken / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize("there", ["nothing", "an empty folder"])
def test_where_no_run_lies_it_is_an_ordinary_training(few, quick, tmp_path, there: str) -> None:
    folder = tmp_path / "new"
    if there != "nothing":
        folder.mkdir()
    result = fit(quick, out=folder, overwrite=True, source=few).result
    assert RunFolder.open(folder).read_result() == result
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def holds_something_else(folder: Path) -> None:
    (folder / "thesis.tex").write_text("...")


def holds_a_folder_of_a_known_name(folder: Path) -> None:
    (folder / "folded.safetensors").mkdir()


def has_no_config(folder: Path) -> None:
    (folder / "config.toml").unlink()


def has_another_config(folder: Path) -> None:
    (folder / "config.toml").write_text("[server]\nport = 80\n")


def is_the_present_folder(folder: Path) -> None:
    os.chdir(folder)


NO_RUNS = {
    holds_something_else: "holds what is no file of a run: thesis.tex",
    holds_a_folder_of_a_known_name: "holds what is no file of a run: folded.safetensors",
    has_no_config: "is no run: it has no config.toml",
    has_another_config: "is no run: its config.toml is not one that a training wrote",
    is_the_present_folder: "is the present folder, or holds it",
}


@pytest.mark.parametrize("change", NO_RUNS, ids=lambda change: change.__name__)
def test_anything_else_than_a_run_is_refused_and_left_as_it_is(few, quick, old, monkeypatch, change) -> None:
    monkeypatch.chdir(old.parent)
    change(old)
    before = sorted(path.name for path in old.iterdir())
    few.loaded.clear()
    with pytest.raises(
        InputError, match=f"out: expected a new folder, or a run that may be replaced, .*{NO_RUNS[change]}"
    ):
        fit(quick, out=old, overwrite=True, source=few)
    assert sorted(path.name for path in old.iterdir()) == before
    assert few.loaded == []


def test_a_link_to_a_run_is_refused(few, quick, old) -> None:
    link = old.with_name("latest")
    link.symlink_to(old)
    with pytest.raises(InputError, match="latest, which is a link to a folder"):
        fit(quick, out=link, overwrite=True, source=few)


def test_a_run_that_is_being_trained_is_refused_and_left_as_it_is(few, quick, old) -> None:
    before = files(old)
    with RunFolder(old).held(), pytest.raises(InputError, match="another process trains in this folder"):
        fit(quick, out=old, overwrite=True, source=few)
    assert files(old) == before
    assert [path.name for path in old.parent.iterdir()] == ["first"]


def test_without_overwrite_a_run_is_refused_as_before(few, old) -> None:
    with pytest.raises(InputError, match="expected a new or an empty folder"):
        fit(TrainConfig(epochs=1), out=old, source=few)
