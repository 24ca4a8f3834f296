"""Images that are read when they are needed, from a training to a prediction: as those that lie in memory."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch

from batchnorm.cli import _predict, main
from batchnorm.data import DatasetInfo, Split, SplitName
from batchnorm.runs import TrainConfig, TrainingInterrupted, evaluate, load_model, recalibrate_run
from batchnorm.training import fit, resume

from ..data.images_when_needed import Photographs, photographs
from .runs import Stopper, assert_same_bits, weights

INFO = DatasetInfo("waves", "photographs of waves", ("a", "b", "c"), 3, 16, 90, 30, "", "", flippable=True)
CONFIG = TrainConfig(model_args={"width": 4}, epochs=2, batch_size=16, threads=1, val_fraction=0.1, shift=1, jitter=0.2)


@dataclass
class Waves:
    """Photographs, read when they are needed, or once for all."""

    keep: bool = False
    info: DatasetInfo = INFO

    def locate(self) -> Path | None:
        return Path()

    def load(self, split: SplitName) -> Split:
        count, seed = (90, 1) if split == "train" else (30, 2)
        images: Photographs | torch.Tensor = photographs(count, size=(16, 16), seed=seed)
        if self.keep:
            images = images.read(torch.arange(count))
        return Split(images, torch.arange(count) % 3)


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> tuple[Path, Path]:
    """One on images that are read when they are needed, and one on the same in memory."""
    folder = tmp_path_factory.mktemp("runs")
    for name, keep in (("needed", False), ("kept", True)):
        fit(CONFIG, out=folder / name, source=Waves(keep))
    return folder / "needed", folder / "kept"


def test_a_training_comes_to_the_same_weights(runs):
    assert_same_bits(*map(weights, runs))


def test_an_evaluation_comes_to_the_same_scores(runs):
    one, two = (evaluate(runs[0], source=Waves(keep)) for keep in (False, True))
    assert (one.running, one.batch) == (two.running, two.batch)


def test_a_recalibration_comes_to_the_same_statistics(runs, tmp_path):
    files = tmp_path / "one.safetensors", tmp_path / "two.safetensors"
    for file, keep in zip(files, (False, True), strict=True):
        recalibrate_run(runs[0], source=Waves(keep), out=file, threads=1)
    assert_same_bits(*(load_model(file)[0].state_dict() for file in files))


def test_a_prediction_says_the_same_of_test_images_and_draws_them(runs, tmp_path, monkeypatch, capsys):
    said = []
    for keep in (False, True):
        monkeypatch.setattr(_predict, "fitting_source", lambda *_, keep=keep, **__: Waves(keep))
        sheet = tmp_path / f"{keep}.png"
        assert main(["predict", str(runs[0]), "--test-images", "7", "--json", "--sheet", str(sheet)]) == 0
        said.append((capsys.readouterr().out, sheet.read_bytes()))
    assert said[0] == said[1]


def test_a_training_by_the_population_comes_to_the_same_weights(tmp_path):
    for name, keep in (("one", False), ("two", True)):
        fit(replace(CONFIG, epochs=1, moments="population"), out=tmp_path / name, source=Waves(keep))
    assert_same_bits(weights(tmp_path / "one"), weights(tmp_path / "two"))


@pytest.mark.parametrize("keep", [False, True])
def test_a_training_with_crops_that_was_stopped_goes_on_bit_for_bit(tmp_path, keep: bool):
    config, source = replace(CONFIG, crop=0.3), Waves(keep)
    fit(config, out=tmp_path / "whole", source=source)
    with pytest.raises(TrainingInterrupted, match="resume"):
        fit(config, out=tmp_path / "parts", source=source, watcher=Stopper(after=8))
    resume(tmp_path / "parts", source=source)
    assert_same_bits(weights(tmp_path / "parts"), weights(tmp_path / "whole"))


def test_a_stopped_training_leaves_nothing_that_reads_ahead(tmp_path):
    source = Waves()
    split = source.load("train")
    source.load = lambda _: split
    with pytest.raises(TrainingInterrupted, match="resume") as caught:
        fit(CONFIG, out=tmp_path / "run", source=source, watcher=Stopper(after=2))
    assert caught.tb is not None  # which holds the loop, and what it looped over
    assert split.images.running == []


def test_a_data_set_says_which_crops_it_is_trained_with(tmp_path):
    cropped = Waves(info=replace(INFO, smallest_crop=0.3))
    fit(replace(CONFIG, epochs=1), out=tmp_path / "by the data", source=cropped)
    fit(replace(CONFIG, epochs=1, crop=0.3), out=tmp_path / "by the option", source=Waves())
    assert_same_bits(weights(tmp_path / "by the data"), weights(tmp_path / "by the option"))


def test_an_option_says_so_before_the_data_set(tmp_path):
    cropped = Waves(info=replace(INFO, smallest_crop=0.3))
    fit(replace(CONFIG, epochs=1, crop=1.0), out=tmp_path / "by the option", source=cropped)
    fit(replace(CONFIG, epochs=1), out=tmp_path / "by neither", source=Waves())
    assert_same_bits(weights(tmp_path / "by the option"), weights(tmp_path / "by neither"))


def test_crops_and_colours_of_images_in_memory_are_varied_too(tmp_path):
    plain = replace(CONFIG, epochs=1, jitter=0.0)
    for name, change in (("plain", {}), ("crop", {"crop": 0.3}), ("jitter", {"jitter": 0.3})):
        fit(replace(plain, **change), out=tmp_path / name, source=Waves(keep=True))
    found = [weights(tmp_path / name) for name in ("plain", "crop", "jitter")]
    first = next(iter(found[0]))
    assert not any(torch.equal(found[one][first], found[two][first]) for one, two in ((0, 1), (0, 2), (1, 2)))
