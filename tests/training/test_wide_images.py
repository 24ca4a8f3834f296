"""A run on images that are wider than high: trained, kept, and taken by every verb."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from batchnorm.data import DatasetInfo, Split, SplitName
from batchnorm.errors import InputError
from batchnorm.runs import (
    TrainConfig,
    convert_run,
    evaluate,
    fold_run,
    load_run,
    recalibrate_run,
    wiring_of_run,
)
from batchnorm.training import fit, resume

CONFIG = TrainConfig(epochs=1, batch_size=16, threads=1, model_args={"width": 4}, tune_allocator=False)


class Wide:
    """Three classes of bars, 8 pixels high and 12 wide, in colour."""

    info = DatasetInfo(
        name="wide",
        summary="bars",
        classes=("red", "green", "blue"),
        in_channels=3,
        image_size=(8, 12),
        train_size=60,
        test_size=12,
        licence="",
        homepage="",
        flippable=True,
    )

    def locate(self) -> Path | None:
        return Path()

    def load(self, split: SplitName) -> Split:
        labels = torch.arange(60 if split == "train" else 12) % 3
        images = torch.randint(128, (len(labels), 3, 8, 12), generator=torch.Generator().manual_seed(0))
        images[torch.arange(len(labels)), labels] += 100
        return Split(images.to(torch.uint8), labels)


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wide") / "run"
    fit(CONFIG, out=folder, source=Wide())
    return folder


VERBS = {
    "evaluate": lambda run, tmp_path: evaluate(run, source=Wide()).running.images,
    "recalibrate": lambda run, tmp_path: recalibrate_run(run, out=tmp_path / "a", source=Wide(), threads=1).judged,
    "fold": lambda run, tmp_path: fold_run(run, out=tmp_path / "b", source=Wide(), threads=1).judged,
    "wiring": lambda run, tmp_path: len(wiring_of_run(run, source=Wide()).rows) and 12,
    "convert": lambda run, tmp_path: convert_run(run, to="torch", out=tmp_path / "c") and 12,
    "resume": lambda run, tmp_path: resume(run, source=Wide()).history and 12,
}


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_takes_a_run_on_wide_images(trained, tmp_path, verb: str) -> None:
    assert VERBS[verb](trained, tmp_path) == 12


def test_the_card_of_a_model_file_keeps_height_and_width(trained) -> None:
    card = load_run(trained)[1]
    assert (card.image_size, card.image_shape) == ((8, 12), (3, 8, 12))


def test_the_images_of_a_square_are_no_images_of_the_net(trained) -> None:
    square = Wide()
    square.info = replace(Wide.info, image_size=12)
    with pytest.raises(InputError, match=r"expected 3x8x12 images of 3 classes"):
        evaluate(trained, source=square)


@pytest.mark.parametrize("size", [(12, 8), 8])
def test_images_of_another_size_than_info_says_are_refused(size) -> None:
    other = Wide()
    other.info = replace(Wide.info, image_size=size)
    with pytest.raises(InputError, match=r"info says images of 3x\d+x8, load\('train'\) gave some of 3x8x12"):
        fit(CONFIG, source=other)


@pytest.mark.parametrize("size", [(8,), (8, 12, 3), (0, 12), (8.0, 12), [8, 12], "12x8"])
def test_what_is_no_size_in_info_is_refused(size) -> None:
    other = Wide()
    other.info = replace(Wide.info, image_size=size)
    with pytest.raises(InputError, match=r"source: expected info with image_size, an integer of at least 1, or two"):
        fit(CONFIG, source=other)


def test_a_shift_is_smaller_than_the_smaller_side() -> None:
    with pytest.raises(InputError, match="shift: expected less than the images' 8 pixels, got 8"):
        fit(replace(CONFIG, shift=8), source=Wide())


def test_a_pair_of_equal_sides_is_the_square_of_that_side() -> None:
    both = [replace(Wide.info, image_size=size).image_shape for size in (8, (8, 8))]
    assert both[0] == both[1] == (3, 8, 8)
