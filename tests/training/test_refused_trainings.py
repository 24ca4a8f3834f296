import os
from collections import namedtuple
from dataclasses import replace

import pytest
import torch
from torch import nn

from batchnorm.errors import InputError
from batchnorm.models import ConvBNNet
from batchnorm.runs import load_run, recalibrate_run
from batchnorm.training import Watcher, _room, fit, resume


def test_a_validation_part_that_leaves_nothing_to_train_on_is_refused(few_images, quick) -> None:
    with pytest.raises(InputError, match="val_fraction: expected at least 2 training images to be left, got 1"):
        fit(replace(quick, val_fraction=0.0), source=few_images(1, 1))


def test_a_folder_that_holds_files_is_refused_before_anything_is_read(few, quick, tmp_path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(
        InputError, match=r"out: expected a new or an empty folder, got .*, which holds files. Choose another"
    ):
        fit(quick, out=tmp_path, source=few)
    assert few.loaded == []


def test_a_folder_with_nothing_but_what_a_killed_training_left_is_empty(few, quick, tmp_path) -> None:
    """It died while it wrote its config: there is no run that could go on."""
    (tmp_path / ".config.toml.0123abcd.part").write_text("mod")
    fit(quick, out=tmp_path, source=few)
    assert not list(tmp_path.glob(".*"))


def test_a_path_that_is_too_long_for_the_files_in_it_is_refused_before_anything_is_read(few, quick, tmp_path) -> None:
    """The folder itself can be made; the system takes paths of less than 4096 bytes."""
    folder = tmp_path
    while len(str(folder)) < 4050:
        folder /= "d" * min(200, 4070 - len(str(folder)))
    with pytest.raises(InputError, match=r"cannot be made \(File name too long\)"):
        fit(quick, out=folder, source=few)
    assert few.loaded == []


@pytest.mark.parametrize("name", [os.fsdecode(b"run-\xff"), "run-\0"])
def test_a_folder_in_which_no_model_file_could_be_read_is_refused_before_anything_is_read(
    few, quick, tmp_path, name: str
) -> None:
    with pytest.raises(InputError, match=r"out: .*: expected a path in UTF-8, for model files can be read in no other"):
        fit(quick, out=tmp_path / name, source=few)
    assert few.loaded == []
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["two\nlines", "[bold] Ω"])
def test_a_folder_of_an_odd_name_is_a_folder(few, quick, tmp_path, name: str) -> None:
    result = fit(quick, out=tmp_path / name, source=few).result
    assert resume(tmp_path / name, source=few).result == result
    recalibrate_run(tmp_path / name, source=few, threads=1)
    assert load_run(tmp_path / name)[1].data == "few"


@pytest.mark.parametrize("options", [{}, {"optimizer": "adamw"}, {"ema_decay": 0.0}])
def test_a_disk_that_has_no_room_is_refused_before_the_folder_is_made(
    few, quick, tmp_path, monkeypatch, options: dict[str, object]
) -> None:
    """As much as the files and a second one of the largest take is enough, and less than the files is not."""
    config = replace(quick, epochs=1, recalibrate="average", fold=True, **options)
    fit(config, out=tmp_path / "whole", source=few)
    sizes = sorted(file.stat().st_size for file in (tmp_path / "whole").iterdir())
    room = namedtuple("Usage", "total used free")
    monkeypatch.setattr(_room, "SMALL_FILES", 0)
    monkeypatch.setattr(_room.shutil, "disk_usage", lambda path: room(10**9, 0, sum(sizes) - sizes[0] - 20_000))
    with pytest.raises(InputError, match=r"out: \d\.\d MB will be written, and the disk of .* has \d\.\d MB free"):
        fit(config, out=tmp_path / "none", source=few)
    assert not (tmp_path / "none").exists()
    monkeypatch.setattr(_room.shutil, "disk_usage", lambda path: room(10**9, 0, sum(sizes) + sizes[-1]))
    fit(config, out=tmp_path / "some", source=few)


def test_a_file_system_that_counts_nothing_may_have_room(few, quick, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(_room.shutil, "disk_usage", lambda path: namedtuple("Usage", "total used free")(0, 0, 0))
    fit(quick, out=tmp_path / "run", source=few)


def test_a_folder_that_cannot_be_made_is_refused_before_anything_is_read(few, quick, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"out: .* cannot be made: .*file is not a folder that can be written to"):
        fit(quick, out=tmp_path / "file" / "run", source=few)
    assert few.loaded == []


def test_a_net_with_another_number_of_outputs_is_refused_before_images_are_read(few, quick) -> None:
    with pytest.raises(InputError, match=r"model: expected outputs of shape \(2, 10\) .*, got \(2, 7\)"):
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
    with pytest.raises(InputError, match=r"batch_size: this net cannot train on single images .*\. Use 2 or more"):
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
