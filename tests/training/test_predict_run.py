"""`predict` of a run: files, folders, and what cannot be read."""

import warnings
from pathlib import Path

import pytest
import torch
from PIL import Image

from batchnorm.data import Normalization, read_image
from batchnorm.errors import InputError
from batchnorm.models import build
from batchnorm.runs import ModelCard, load_run, predict, save_model

pytestmark = pytest.mark.usefixtures("one_thread")
CARD = ModelCard("MLP", {"width": 4}, ("shoe", "shirt", "bag"), 1, 28, Normalization((0.3,), (0.4,)), "mine")


@pytest.fixture
def run(tmp_path) -> Path:
    torch.manual_seed(0)
    net = build("MLP", num_classes=3, in_channels=1, image_size=28, width=4)
    save_model(tmp_path / "model.safetensors", net, CARD)
    return tmp_path / "model.safetensors"


@pytest.fixture
def photos(tmp_path) -> Path:
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for number, name in enumerate(("b.png", "a.JPG", "c.tiff")):
        Image.new("L", (28, 28), 80 * number).save(folder / name, format="PNG")
    (folder / "notes.txt").write_text("none")
    Image.new("L", (28, 28)).save(folder / "more" / "d.png")
    return folder


def test_a_run_and_its_images_are_enough(run, photos) -> None:
    (prediction,) = predict(run, [photos / "b.png"], top=2)
    net, card = load_run(run)
    pixels, _ = read_image(photos / "b.png", channels=1, image_size=28)
    with torch.no_grad():
        wanted = net(card.normalization.apply(pixels[None])).softmax(1)[0]
    values, places = wanted.topk(2)
    assert prediction.probabilities == pytest.approx(values.tolist(), abs=1e-6)
    assert prediction.classes == tuple(card.classes[place] for place in places)


@pytest.mark.parametrize("form", [str, Path, lambda path: iter([path])], ids=["str", "Path", "iterator"])
def test_one_path_may_stand_alone(run, photos, form) -> None:
    assert [one.image for one in predict(str(run), form(photos / "b.png"))] == [str(photos / "b.png")]


def test_a_folder_stands_for_its_images_by_name_and_the_rest_is_said(run, photos) -> None:
    with pytest.warns(UserWarning, match=r"photos: skipped 2 entries that are no image files \(more/, notes.txt\)"):
        said = predict(run, photos)
    assert [Path(one.image).name for one in said] == ["a.JPG", "b.png", "c.tiff"]


def test_a_bad_file_does_not_stop_the_others(run, photos) -> None:
    (photos / "a2.png").write_bytes(b"no image")
    with pytest.warns(UserWarning, match=r"1 of 3 images have no prediction, the first: .*a2\.png: cannot be read"):
        said = predict(run, [photos / "a.JPG", photos / "a2.png", photos / "b.png"])
    assert [one.problem is None for one in said] == [True, False, True]
    assert "a2.png: cannot be read as an image" in said[1].problem
    assert said[1].classes == ()


def test_files_beyond_one_batch_keep_their_order(run, tmp_path, monkeypatch) -> None:
    from batchnorm.runs import _predict_run

    monkeypatch.setattr(_predict_run, "EVALUATION_BATCH", 2)
    paths = []
    for number in range(5):
        Image.new("L", (28, 28), 60 * number).save(tmp_path / f"{number}.png")
        paths.append(tmp_path / f"{number}.png")
    together, alone = predict(run, paths), [predict(run, path)[0] for path in paths]
    assert [one.image for one in together] == list(map(str, paths))
    for one, other in zip(together, alone, strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-6)


@pytest.mark.parametrize(
    ("images", "kind", "message"),
    [
        (["none.png"], InputError, "none.png: there is no such image"),
        ([], InputError, "images: expected the path of an image file"),
        ([3], TypeError, "images: expected the path .* got an int"),
        (torch.zeros(1, 1, 28, 28), TypeError, "images: expected the path .* got a Tensor"),
        ("empty", InputError, "empty: expected a folder with image files"),
    ],
)
def test_what_is_no_image_is_refused(run, tmp_path, monkeypatch, images, kind, message: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    with warnings.catch_warnings(), pytest.raises(kind, match=message):
        predict(run, images)


def test_pixels_beside_a_run_are_refused(run) -> None:
    with pytest.raises(TypeError, match="beside a run expected only the image files"):
        predict(run, CARD, torch.zeros(1, 1, 28, 28, dtype=torch.uint8), ["x"])


def test_neither_a_run_nor_a_model_is_refused() -> None:
    with pytest.raises(
        TypeError, match=r"net: expected a run's folder or model file, or a torch\.nn\.Module, got an int"
    ):
        predict(3, ["a.png"])
