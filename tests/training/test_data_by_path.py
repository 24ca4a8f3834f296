"""A run on files that were named by their path: kept as an absolute path, and found again from anywhere."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from batchnorm.errors import InputError
from batchnorm.runs import (
    RunFolder,
    TrainConfig,
    evaluate,
    fold_run,
    load_run,
    read_config,
    recalibrate_run,
    wiring_of_run,
    write_config,
)
from batchnorm.training import fit, resume

from ..data.arrays.files import idx
from .runs import assert_same_bits, weights


def small(data: str = "dots.npz", **options: object) -> TrainConfig:
    """A config of an epoch, made where the data are."""
    few = {"epochs": 1, "batch_size": 16, "threads": 1, "tune_allocator": False, "val_fraction": 0.0}
    return TrainConfig(data=data, model_args={"width": 4}, **{**few, **options})


def write_dots(path: Path, *, height: int = 8) -> None:
    """Three classes of coloured noise, 12 pixels wide: 48 images to train on and 12 to test on."""
    labels = np.arange(60) % 3
    images = np.random.default_rng(0).integers(100, size=(60, height, 12, 3), dtype=np.uint8)
    images[np.arange(60), :, :, labels] += 100
    np.savez(path, x_train=images[:48], y_train=labels[:48], x_test=images[48:], y_test=labels[48:])


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("dots")
    write_dots(folder / "dots.npz")
    return folder


@pytest.fixture(scope="module")
def trained(place) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        fit(small(), out="run")
    return place / "run"


def test_a_config_keeps_the_absolute_path(place, monkeypatch) -> None:
    monkeypatch.chdir(place)
    assert TrainConfig(data="dots.npz").data == str(place / "dots.npz")
    assert TrainConfig(data=Path("dots.npz")).data == str(place / "dots.npz")
    assert TrainConfig(data="../" + place.name + "/dots.npz").data == str(place / "dots.npz")


def test_a_config_file_with_a_path_means_the_folder_that_one_stands_in(place, monkeypatch) -> None:
    monkeypatch.chdir(place)
    (place / "c.toml").write_text('data = "dots.npz"\n')
    assert read_config("c.toml").data == str(place / "dots.npz")


def write_digits(folder: Path) -> None:
    """The same in a folder of IDX files, in grey."""
    folder.mkdir()
    with np.load(folder.parent / "dots.npz") as dots:
        for name, part in (("train", "train"), ("t10k", "test")):
            (folder / f"{name}-images-idx3-ubyte").write_bytes(idx(dots[f"x_{part}"][..., 0]))
            (folder / f"{name}-labels-idx1-ubyte").write_bytes(idx(dots[f"y_{part}"].astype(np.uint8)))


@pytest.mark.parametrize("said", ["option", "source", "file"])
def test_a_bare_name_of_a_folder_that_is_there_is_kept_as_its_path(tmp_path, monkeypatch, said: str) -> None:
    write_dots(tmp_path / "dots.npz")
    write_digits(tmp_path / "digits")
    monkeypatch.chdir(tmp_path)
    match said:
        case "option":
            fit(small("digits"), out="run")
        case "source":
            fit(small("fashion-mnist-mini"), source="digits", out="run")
        case "file":
            Path("c.toml").write_text(write_config(small("fashion-mnist-mini")).replace("fashion-mnist-mini", "digits"))
            fit(read_config("c.toml"), out="run")
    monkeypatch.chdir("/")
    assert RunFolder.open(tmp_path / "run").read_config().data == str(tmp_path / "digits")
    assert evaluate(tmp_path / "run").running.images == 12


def test_a_run_and_its_model_file_keep_it_too(place, monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(place)
    fit(small("./dots.npz"), out=tmp_path / "run")
    assert RunFolder.open(tmp_path / "run").read_config().data == str(place / "dots.npz")
    assert load_run(tmp_path / "run")[1].data == str(place / "dots.npz")


VERBS = {
    "evaluate": lambda run, tmp_path: evaluate(run).running.images,
    "recalibrate": lambda run, tmp_path: recalibrate_run(run, out=tmp_path / "a", threads=1).judged,
    "fold": lambda run, tmp_path: fold_run(run, out=tmp_path / "b", threads=1).judged,
    "wiring": lambda run, tmp_path: wiring_of_run(run).data and 12,
    "resume": lambda run, tmp_path: len(resume(run).history) and 12,
}


@pytest.fixture
def here(place, monkeypatch, tmp_path) -> Path:
    """A folder with a copy of nothing, from where the run is used."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_finds_the_data_again_from_another_folder(trained, here, verb: str) -> None:
    assert VERBS[verb](trained, here) == 12


@pytest.mark.parametrize("kind", [str, Path])
def test_a_source_that_is_named_by_its_path_is_kept_by_it(place, tmp_path, monkeypatch, kind) -> None:
    monkeypatch.chdir(place)
    fit(small("fashion-mnist-mini"), source=kind("dots.npz"), out=tmp_path / "run")
    assert RunFolder.open(tmp_path / "run").read_config().data == str(place / "dots.npz")


def test_a_run_whose_data_have_moved_goes_on_where_they_are_now(place, trained, tmp_path) -> None:
    run = shutil.copytree(trained, tmp_path / "run")
    config = (run / "config.toml").read_text().replace(str(place), str(tmp_path / "gone"))
    (run / "config.toml").write_text(config)
    with pytest.raises(InputError, match=r"gone/dots\.npz: the data are not there any more\. Pass where they are now"):
        resume(run)
    for name in ("result.json", "last.ckpt", "metrics.jsonl", "metrics.csv"):
        (run / name).unlink(missing_ok=True)
    resume(run, source=str(place / "dots.npz"))
    assert_same_bits(weights(run), weights(trained))


def test_data_of_another_size_are_not_those_of_the_net(trained, tmp_path) -> None:
    write_dots(tmp_path / "high.npz", height=9)
    with pytest.raises(InputError, match=r"dataset: expected 3x8x12 images of 3 classes, .* got .*high\.npz"):
        evaluate(trained, dataset=str(tmp_path / "high.npz"))


ASKED = {
    "another size": (
        {"image_size": 12},
        r"image_size: expected 12x8, as the images of .*dots\.npz are, got 12\. Leave",
    ),
    "turned": ({"image_size": "8x12"}, r"image_size: expected 12x8, as the images of .* are, got 8x12"),
    "grey": ({"channels": 1}, r"channels: expected 3, as the images of .* are, got 1\. Leave it out: only a folder"),
}


@pytest.mark.parametrize("case", ASKED)
def test_a_size_that_the_files_do_not_have_is_refused(place, case: str, monkeypatch) -> None:
    monkeypatch.chdir(place)
    options, message = ASKED[case]
    with pytest.raises(InputError, match=message):
        fit(small(**options))


def test_the_size_that_they_have_may_be_said(place, monkeypatch) -> None:
    monkeypatch.chdir(place)
    config = small(image_size="12x8", channels=3)
    assert fit(config).card.image_shape == (3, 8, 12)


def test_a_named_set_is_of_its_own_size_too() -> None:
    with pytest.raises(InputError, match="image_size: expected 28x28, as the images of fashion-mnist-mini are, got 64"):
        fit(TrainConfig(image_size=64, epochs=1))


def test_options_of_reading_may_differ_when_a_run_goes_on(trained) -> None:
    assert resume(trained, cache_size=0, workers=1).result == resume(trained).result


@pytest.mark.parametrize("data", ["/srv/os:system", "os:system", "./os:system", "os.path:join"])
def test_a_file_that_names_code_in_the_place_of_data_imports_nothing(trained, tmp_path, data: str, monkeypatch) -> None:
    monkeypatch.setattr("batchnorm.runs._own_data.own_code", lambda *_: pytest.fail("something is imported"))
    run = shutil.copytree(trained, tmp_path / "run")
    config = (run / "config.toml").read_text().splitlines()
    (run / "config.toml").write_text(
        "\n".join(f'data = "{data}"' if line.startswith("data =") else line for line in config)
    )
    with pytest.raises(InputError, match=r"the data are not there any more|a file may not choose which code runs"):
        resume(run)
