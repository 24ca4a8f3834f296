"""Does a run on a folder of images stay a run on those images, whatever becomes of the folder?"""

import csv
import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from batchnorm.data import DataWarning, ImageOptions, folder_source
from batchnorm.errors import InputError
from batchnorm.progress import Watcher
from batchnorm.runs import (
    TrainConfig,
    TrainingInterrupted,
    evaluate,
    fold_run,
    image_options,
    load_run,
    predict,
    read_config,
    recalibrate_run,
    save_model,
    wiring_of_run,
)
from batchnorm.training import fit, resume

from .runs import Listener, Stopper, assert_same_bits, weights

pytestmark = pytest.mark.usefixtures("one_thread")

CONFIG = TrainConfig(
    model_args={"width": 4}, epochs=2, batch_size=8, lr=0.05, threads=1, val_fraction=0.2,
    image_size="12x10", test_fraction=0.25, cache_size=0, workers=0, tune_allocator=False,
)  # fmt: skip


def write_photo(path: Path, seed: int, colour: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 100, (16 + seed % 3, 20, 3), dtype=np.uint8)
    pixels[..., colour] += 120
    Image.fromarray(pixels).save(path)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[Path, Path]:
    """A folder of photographs, and a run on it."""
    root = tmp_path_factory.mktemp("folders")
    for place, name in enumerate("ab"):
        for number in range(20):
            write_photo(root / "photos" / name / f"{number:02}.png", 100 * place + number, place)
    listener = Listener()
    fit(replace(CONFIG, data=str(root / "photos")), out=root / "run", watcher=listener)
    assert listener.notes == ["10 of 40 images are drawn for testing"]
    return root / "photos", root / "run"


@pytest.fixture
def placed(made, tmp_path) -> tuple[Path, Path]:
    """Copies of both, to be changed; the run names the copy of the folder."""
    photos, run = (Path(shutil.copytree(folder, tmp_path / folder.name)) for folder in made)
    text = (run / "config.toml").read_text()
    (run / "config.toml").write_text(text.replace(str(made[0]), str(photos)))
    net, card = load_run(run)
    save_model(run / "model.safetensors", net, replace(card, data=str(photos)))
    return photos, run


def test_who_trains_without_a_watcher_is_warned_of_what_is_wrong_and_of_nothing_else(placed) -> None:
    photos, _ = placed
    config = replace(CONFIG, data=str(photos), epochs=1)
    fit(config)  # a warning would be an error
    shutil.copy(photos / "a" / "00.png", photos / "b" / "twice.png")
    shutil.copy(photos / "a" / "01.png", photos / "b" / "thrice.png")
    with pytest.warns(DataWarning, match="byte for byte"):
        fit(replace(config, test_fraction=0.6))


class Reader(Listener):
    """Keeps how far the reading of files came, too."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[str, int, int]] = []

    def reading(self, what: str, done: int, total: int) -> None:
        self.heard.append((what, done, total))


def test_a_watcher_hears_how_far_the_reading_of_the_files_is(made) -> None:
    reader = Reader()
    fit(replace(CONFIG, data=str(made[0]), epochs=1), watcher=reader)
    counts = {what: [done for other, done, _ in reader.heard if other == what] for what, _, _ in reader.heard}
    assert counts == {what: [*range(1, 11), *range(1, 31)] for what in counts}
    assert [*counts] == ["looking at the files", "checking the images"]


class StopperOfReading(Watcher):
    """Sends a signal to this very process when the first file has been looked at."""

    def reading(self, what: str, done: int, total: int) -> None:
        if done == 1:
            os.kill(os.getpid(), signal.SIGINT)


def test_a_signal_while_files_are_looked_through_ends_that_and_leaves_nothing(made, tmp_path) -> None:
    config = replace(CONFIG, data=str(made[0]))
    with pytest.raises(KeyboardInterrupt, match="SIGINT: stopped before the first step; nothing was written"):
        fit(config, out=tmp_path / "run", watcher=StopperOfReading())
    assert not (tmp_path / "run").exists()


def test_a_run_goes_on_after_a_signal_while_its_files_were_looked_through(made, tmp_path) -> None:
    config = replace(CONFIG, data=str(made[0]))
    with pytest.raises(TrainingInterrupted, match="epoch 1"):
        fit(config, out=tmp_path / "run", watcher=Stopper(2))
    with pytest.raises(KeyboardInterrupt, match="stopped before the first step; nothing was written"):
        resume(tmp_path / "run", watcher=StopperOfReading())
    resume(tmp_path / "run")
    assert_same_bits(weights(made[1]), weights(tmp_path / "run"))


def table_of(run: Path) -> dict[str, str]:
    """The part of each image, as any reader of CSV sees it."""
    with (run / "split.csv").open(newline="") as file:
        return {row["path"]: row["part"] for row in csv.DictReader(file)}


def test_the_run_says_which_image_is_where_and_what_they_are_made(made) -> None:
    photos, run = made
    table = table_of(run)
    assert sorted(table) == sorted(path.relative_to(photos).as_posix() for path in photos.glob("*/*.png"))
    assert sorted(table.values()) == ["test"] * 10 + ["train"] * 30
    config = read_config(run / "config.toml")
    assert (config.data, config.image_size, config.channels) == (str(photos), "12x10", 3)
    assert load_run(run)[1].fit == "crop"


def test_what_the_files_suggest_is_written_into_the_run(made, tmp_path) -> None:
    photos, _ = made
    fit(replace(CONFIG, data=str(photos), image_size=None, epochs=1), out=tmp_path / "run", watcher=Listener())
    config = read_config(tmp_path / "run" / "config.toml")
    assert (config.image_size, config.channels) == (64, 3)


@pytest.mark.parametrize("verb", [evaluate, lambda run: recalibrate_run(run, out=run / "new.safetensors")])
def test_images_that_are_added_later_change_nothing(placed, verb: Callable[[Path], object]) -> None:
    photos, run = placed
    before = verb(run) if verb is evaluate else evaluate(run)
    for number in range(20, 60):
        write_photo(photos / "a" / f"{number}.png", number, 1)
    write_photo(photos / "c" / "1.png", 1)
    after = verb(run)
    if verb is evaluate:
        assert after == before
    else:
        assert after.judged == before.running.images == 10


def test_a_stopped_run_goes_on_with_the_same_bits_though_images_were_added(made, placed, tmp_path) -> None:
    photos, _ = placed
    config = replace(CONFIG, data=str(photos))
    with pytest.raises(TrainingInterrupted, match=r"go on with: batchnorm\.training\.resume\('.*parts'\)$"):
        fit(config, out=tmp_path / "parts", watcher=Stopper(2))
    for number in range(20, 60):
        write_photo(photos / "a" / f"{number}.png", number, 1)
    resume(tmp_path / "parts")
    assert_same_bits(weights(made[1]), weights(tmp_path / "parts"))


def test_images_that_are_gone_are_one_message(placed) -> None:
    photos, run = placed
    gone = [path for path, part in table_of(run).items() if part == "test"][:2]
    for path in gone:
        (photos / path).unlink()
    with pytest.raises(InputError, match=rf"2 of 10 images of the run are not there any more: {gone[0]}, {gone[1]}\."):
        evaluate(run, dataset=str(photos))


def test_images_that_cannot_be_read_any_more_are_one_message(placed) -> None:
    photos, run = placed
    spoilt = next(path for path, part in table_of(run).items() if part == "test")
    (photos / spoilt).write_text("no image")
    with pytest.raises(InputError, match=rf"1 of 10 images of the run cannot be read any more: {spoilt}; the first"):
        evaluate(run)


def test_an_image_that_was_replaced_is_told(placed) -> None:
    photos, run = placed
    write_photo(photos / "b" / "03.png", seed=999)
    with pytest.warns(
        DataWarning, match=r"1 of \d+ images of the run are not as long as when it began, .*: b/03\.png$"
    ):
        evaluate(run, split=part_of(run, "b/03.png"))


def test_a_folder_that_was_moved_keeps_its_test_images(placed, tmp_path) -> None:
    photos, run = placed
    before = evaluate(run)
    moved = photos.rename(tmp_path / "elsewhere")
    for number in range(20, 40):
        write_photo(moved / "a" / f"{number}.png", number, 1)
    with pytest.raises(InputError, match="photos: the data are not there any more"):
        evaluate(run)
    assert evaluate(run, dataset=str(moved)).running == before.running


def test_a_folder_that_was_moved_and_lost_an_image_is_not_judged_by_other_test_images(placed, tmp_path) -> None:
    photos, run = placed
    moved = photos.rename(tmp_path / "elsewhere")
    (moved / "a" / "03.png").unlink()
    with pytest.raises(InputError, match=r"elsewhere: 1 of \d+ images of the run are not there any more: a/03\.png"):
        evaluate(run, dataset=str(moved), split=part_of(run, "a/03.png"))


def part_of(run: Path, path: str) -> str:
    with (run / "split.csv").open(newline="") as table:
        return next(row["part"] for row in csv.DictReader(table) if row["path"] == path)


def test_a_source_of_other_images_keeps_its_own_draw(placed, tmp_path) -> None:
    _, run = placed
    for place, name in enumerate("ab"):
        for number in range(10):
            write_photo(tmp_path / "others" / name / f"{number:02}.png", 500 + number, place)
    source = folder_source(tmp_path / "others", ImageOptions(test_fraction=0.5, seed=3, cache_size=0, workers=0))
    with pytest.warns(DataWarning, match="10 of 20 images are drawn for testing"):
        assert evaluate(run, source=source).running.images == 10


def test_other_images_are_judged_by_their_own_test_images(placed, tmp_path) -> None:
    _, run = placed
    for part, count in (("train", 2), ("test", 7)):
        for place, name in enumerate("ab"):
            for number in range(count):
                write_photo(tmp_path / "others" / part / name / f"{number:02}.png", 500 + number, place)
    assert evaluate(run, dataset=str(tmp_path / "others")).running.images == 14


@pytest.mark.parametrize("is_named", [False, True])
def test_a_model_without_its_run_is_not_judged_by_what_it_may_have_been_trained_on(placed, is_named: bool) -> None:
    photos, run = placed
    (run / "alone").mkdir()
    alone = shutil.copy(run / "model.safetensors", run / "alone")
    with pytest.raises(InputError, match=r"drawn when the run began; split\.csv, which says which they are, does not"):
        evaluate(alone, dataset=str(photos) if is_named else None)


def test_a_run_whose_table_is_gone_does_not_go_on(placed) -> None:
    _, run = placed
    (run / "split.csv").unlink()
    with pytest.raises(InputError, match=r"split\.csv is gone from the run's folder, .* Put it back, or train anew"):
        resume(run)


@pytest.mark.parametrize("path", ["../secret.png", "/etc/secret.png", "a/../../secret.png"])
def test_a_table_that_leads_out_of_the_folder_is_refused(placed, path: str) -> None:
    _, run = placed
    with (run / "split.csv").open("a") as file:
        file.write(f"{path},a,test,10,yes\n")
    with pytest.raises(InputError, match=r"split\.csv: cannot be read as the table .* line 42 leads out of the folder"):
        evaluate(run)


@pytest.mark.parametrize("line", ["a/1.png,a,test", "a/1.png,a,val,10,yes", "a/1.png,,test,10,yes", "x,q,test,1,yes"])
def test_a_damaged_table_is_refused(placed, line: str) -> None:
    _, run = placed
    with (run / "split.csv").open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(InputError, match=r"split\.csv: cannot be read as the table of a run's images"):
        evaluate(run)


def test_an_image_file_is_shown_to_the_net_as_in_the_evaluation(placed) -> None:
    photos, run = placed
    net, card = load_run(run)
    kept = folder_source(photos, image_options(read_config(run / "config.toml")), split=run / "split.csv")
    pixels = kept.load("test").read(torch.arange(3))
    said = predict(run, [photos / path for path, _ in kept.listing.files["test"][:3]])
    with torch.no_grad():
        wanted = net(card.normalization.apply(pixels)).softmax(1).sort(1, descending=True).values
    assert [row.probabilities for row in said] == [pytest.approx(row.tolist(), abs=1e-6) for row in wanted]


def test_broken_images_stay_left_out_when_a_run_goes_on_and_they_were_mended(placed, tmp_path) -> None:
    photos, _ = placed
    for number in range(20, 220):
        shutil.copy(photos / "a" / "00.png", photos / "a" / f"{number}.png")
    (photos / "a" / "30.png").write_text("no image")
    config, listener = replace(CONFIG, data=str(photos), epochs=1), Listener()
    fit(config, out=tmp_path / "whole", watcher=listener)
    assert any("1 of" in note and "left out: a/30.png" in note for note in listener.notes)
    with pytest.raises(TrainingInterrupted, match="epoch 1"):
        fit(config, out=tmp_path / "parts", watcher=Stopper(2))
    shutil.copy(photos / "a" / "00.png", photos / "a" / "30.png")
    resume(tmp_path / "parts")
    assert_same_bits(weights(tmp_path / "whole"), weights(tmp_path / "parts"))


def test_a_run_is_folded_and_traced_by_its_own_images(placed) -> None:
    photos, run = placed
    said = fold_run(run, dataset=str(photos), out=run / "folded.safetensors")
    assert said.before.accuracy == said.after.accuracy
    assert wiring_of_run(run, dataset=str(photos)).data == str(photos)
