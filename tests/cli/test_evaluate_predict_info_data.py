import gzip
import json
from pathlib import Path

import pytest
import torch
from PIL import Image


def test_evaluate_prints_both_ways_to_normalize_and_every_class(batchnorm, run, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    said = batchnorm("evaluate", run, "--png", "confusion.png")
    assert said.code == 0
    for text in ("running statistics", "each batch's own (128)", "gap", "precision", "recall", "F1", "Ankle boot"):
        assert text in said.out
    with Image.open("confusion.png") as picture:
        assert picture.format == "PNG"


def test_evaluate_json_is_one_object_with_both_scores(batchnorm, run) -> None:
    said = batchnorm("evaluate", run, "--json")
    assert len(said.out.splitlines()) == 1
    result = json.loads((run / "result.json").read_text())
    assert said.json["running"]["accuracy"] == pytest.approx(result["test_accuracy"])
    assert said.json["running"]["images"] == said.json["batch"]["images"] == 2000
    assert len(said.json["running"]["classes"]) == 10
    assert sum(map(sum, said.json["running"]["confusion"])) == 2000


def test_evaluate_draws_the_confusion_matrix_beside_the_model(batchnorm, run) -> None:
    batchnorm("evaluate", run, "--json")
    assert (run / "confusion_matrix.png").exists()


def test_predict_names_the_most_probable_classes(batchnorm, run) -> None:
    Image.new("RGB", (40, 30), "white").save("photo.png")
    said = batchnorm("predict", run, "photo.png", "--json", "--top", 4)
    (prediction,) = said.json
    assert said.code == 0
    assert prediction["image"] == "photo.png"
    assert prediction["notes"] == ["colours RGB converted to L", "40x30 fitted into 28x28"]
    assert len(prediction["classes"]) == 4
    assert prediction["probabilities"] == sorted(prediction["probabilities"], reverse=True)


def test_predict_says_what_it_did_to_an_image(batchnorm, run, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    Image.new("L", (40, 30)).save("a [b] photo.png")
    out = batchnorm("predict", run, "a [b] photo.png").out
    assert "a [b] photo.png" in out  # brackets mean something to the library that prints
    assert "(40x30 fitted into 28x28)" in out


def test_predict_draws_test_images_with_right_and_wrong(batchnorm, run) -> None:
    said = batchnorm("predict", run, "--test-images", 7, "--sheet", "sheet.png", "--json")
    assert said.code == 0
    assert [prediction["label"] is not None for prediction in said.json] == [True] * 7
    with Image.open("sheet.png") as picture:
        assert min(picture.size) > 100


def test_predict_draws_own_images_without_right_and_wrong(batchnorm, run) -> None:
    Image.new("L", (28, 28)).save("photo.png")
    assert batchnorm("predict", run, "photo.png", "--sheet", "sheet.png").code == 0
    assert Path("sheet.png").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "expected image files, or --test-images N"),
        (["none.png"], "none.png: there is no such image"),
        (["broken.png"], "broken.png: cannot be read as an image"),
        (["--test-images", "-1"], "--test-images: expected an integer of at least 0"),
        (["--test-images", "1", "--top", "0"], "top: expected an integer of at least 1"),
        (["--test-images", "1", "--sheet", "sheet.jpg"], "png"),
    ],
)
def test_a_mistake_of_predict_is_one_message_and_code_2(batchnorm, run, arguments: list[str], message: str) -> None:
    Path("broken.png").write_bytes(b"no image")
    said = batchnorm("predict", run, *arguments)
    assert said.code == 2
    assert message in said.err
    assert "Traceback" not in said.err
    assert sorted(path.name for path in Path().iterdir()) == ["broken.png"]


@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_a_broken_or_missing_run_is_one_message_and_code_2(batchnorm, command: str) -> None:
    extra = ["--test-images", 1] if command == "predict" else []
    Path("m.safetensors").write_bytes(b"\xff" * 40)
    for path, message in (("nowhere", "found none. Check the path"), ("m.safetensors", "expected a safetensors file")):
        said = batchnorm(command, path, *extra)
        assert (said.code, message in said.err) == (2, True)


NO_PICTURES = {
    "another format": ("c.jpg", "expected a name ending in .png"),
    "no folder": ("no/such/folder/c.png", "is not a folder that can be written to"),
    "a folder": ("folder.png", "got the folder folder.png"),
}


@pytest.mark.parametrize("option", ["--sheet", "--png"])
@pytest.mark.parametrize("case", NO_PICTURES)
def test_a_picture_that_cannot_be_written_is_refused_before_the_work(batchnorm, run, case: str, option: str) -> None:
    path, message = NO_PICTURES[case]
    Path("folder.png").mkdir()
    arguments = ["predict", run, "--test-images", 1] if option == "--sheet" else ["evaluate", run]
    said = batchnorm(*arguments, option, path)
    assert (said.code, said.out) == (2, "")
    assert f"{option}: " in said.err
    assert message in said.err
    assert [entry.name for entry in Path().iterdir()] == ["folder.png"]


@pytest.mark.parametrize("way", ["shirt.png", "./shirt.png", "link.png"])
def test_a_sheet_does_not_replace_an_image_that_is_read(batchnorm, run, way: str) -> None:
    Image.new("L", (28, 28)).save("shirt.png")
    Path("link.png").symlink_to("shirt.png")
    before = Path("shirt.png").read_bytes()
    said = batchnorm("predict", run, "shirt.png", "--sheet", way)
    assert (said.code, said.out) == (2, "")
    assert f"--sheet: {Path(way)} is the file that is read" in said.err
    assert Path("shirt.png").read_bytes() == before


@pytest.mark.parametrize(
    "command",
    [("predict", "--test-images", 1, "--sheet", "p.png"), ("evaluate", "--png", "p.png"), ("wiring", "-o", "p.svg")],
)
def test_no_picture_replaces_a_file_of_the_run(batchnorm, run, command: tuple[object, ...]) -> None:
    Path(command[-1]).symlink_to(run / "last.ckpt")
    name, *options = command
    said = batchnorm(name, run, *options)
    assert (said.code, said.out) == (2, "")
    assert f"{command[-1]} belongs to the run, which stays as it is" in said.err
    assert Path(command[-1]).is_symlink()


def test_a_picture_that_nobody_asked_for_may_fail(batchnorm, run) -> None:
    Path("copy").mkdir()
    for name in ("config.toml", "model.safetensors"):
        (Path("copy") / name).write_bytes((run / name).read_bytes())
    Path("copy/confusion_matrix.png").mkdir()  # stands in the way, also of root, who may write into any folder
    said = batchnorm("evaluate", "copy", "--json")
    assert said.code == 0
    assert said.json["running"]["images"] == 2000
    assert "note: no picture of the confusion matrix" in said.err


def test_a_picture_that_was_asked_for_and_fails_is_a_failure(batchnorm, run, monkeypatch) -> None:
    from batchnorm import report

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(report, "confusion_matrix_figure", full)
    said = batchnorm("evaluate", run, "--json", "--png", "c.png")
    assert said.code == 1
    assert "No space left on device" in said.err
    assert "Traceback" not in said.err


OWN_NET = """
import torch

class Broken(torch.nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.last = torch.nn.Linear(784, classes)

    def forward(self, images):
        return self.last(images.flatten(1)) * (1.0 if self.training else FACTOR)

def net(num_classes):
    return Broken(num_classes)
"""


@pytest.fixture
def run_without_finite_outputs(batchnorm, monkeypatch) -> list[str]:
    """The arguments of a run of an own net, which gives NaN since it was trained."""
    import sys

    monkeypatch.delitem(sys.modules, "broken_net", raising=False)
    Path("broken_net.py").write_text(OWN_NET.replace("FACTOR", "1.0"))
    own = ["own", "--model", "broken_net:net"]
    options = ["--epochs", 1, "--batch-size", 500, "--threads", 1, "--quiet"]
    assert batchnorm("train", "--out", *own, *options).code == 0
    del sys.modules["broken_net"]  # so that it is read anew
    Path("broken_net.py").write_text(OWN_NET.replace("FACTOR", "float('nan')"))
    return own


@pytest.mark.parametrize("json_too", [["--json"], []])
def test_outputs_that_are_not_finite_are_one_message(batchnorm, run_without_finite_outputs, json_too) -> None:
    said = batchnorm("predict", *run_without_finite_outputs, "--test-images", 1, *json_too)
    assert (said.code, said.out) == (1, "")
    assert "test image 0: the net's outputs are not finite" in said.err


def test_evaluate_never_prints_a_number_that_json_lacks(batchnorm, run_without_finite_outputs) -> None:
    said = batchnorm("evaluate", *run_without_finite_outputs, "--json")
    assert (said.code, said.out) == (1, "")
    assert "JSON cannot hold it" in said.err


def test_json_of_a_name_outside_ascii_is_ascii(batchnorm, run) -> None:
    Image.new("L", (28, 28)).save("schön.png")
    said = batchnorm("predict", run, "schön.png", "--json")
    assert said.out.isascii()
    assert said.json[0]["image"] == "schön.png"


def test_evaluate_without_matplotlib_says_how_to_get_the_picture(batchnorm, run, monkeypatch) -> None:
    import sys

    import torchmetrics.functional.classification  # noqa: F401 - it looks for matplotlib when it is first imported

    for name in ("matplotlib", "matplotlib.figure", "matplotlib.backends.backend_agg"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setenv("COLUMNS", "200")
    said = batchnorm("evaluate", run, "--png", "c.png")
    assert said.code == 0
    assert "pip install 'batchnorm[plots]'" in said.out
    assert not Path("c.png").exists()


def test_info_names_versions_threads_devices_and_routes(batchnorm) -> None:
    said = batchnorm("info", "--json")
    facts = said.json
    assert facts["libraries"]["torch"] == torch.__version__
    assert facts["threads"] == torch.get_num_threads()
    assert facts["devices"][0] == "cpu"
    assert "ConvBNNet" in facts["models"]
    assert "fashion-mnist-mini" in facts["data"]
    assert any("native" in row for row in facts["routes"])
    assert torch.__version__ in batchnorm("info").out


def test_info_shows_a_table_of_routes_for_each_function(batchnorm) -> None:
    titles = [line.partition(":")[0] for line in batchnorm("info").out.splitlines() if line.startswith("routes of")]
    assert titles == ["routes of batch_norm and of all layers", "routes of channel_affine", "routes of exact_moments"]


def test_data_list_says_what_there_is_and_where(batchnorm) -> None:
    rows = {row["name"]: row for row in batchnorm("data", "list", "--json").json}
    assert rows["fashion-mnist-mini"]["train"] == 10_000
    assert rows["fashion-mnist-mini"]["folder"] is not None
    assert rows["fashion-mnist"]["train"] == 60_000
    assert batchnorm("data", "list").code == 0


def test_fetching_an_unknown_set_is_a_mistake(batchnorm) -> None:
    said = batchnorm("data", "fetch", "fashion-mnst")
    assert said.code == 2
    assert "fashion-mnist" in said.err


def test_a_broken_data_file_is_named(batchnorm, monkeypatch) -> None:
    """All four files are there, under the right names, and one is cut off."""
    from batchnorm import data
    from batchnorm.data import _fashion_mnist

    monkeypatch.setenv("BATCHNORM_CACHE", str(Path("cache").absolute()))
    monkeypatch.setattr(_fashion_mnist, "DEBIAN_FOLDER", Path("nowhere"))
    folder = Path("cache") / "fashion-mnist"
    folder.mkdir(parents=True)
    bundled = data.get("fashion-mnist-mini").locate()
    for file in bundled.glob("*.gz"):
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(b"\x00\x00\x08\x03" + b"\x00" * 9))
    said = batchnorm("train", "--data", "fashion-mnist", "--out", "run")
    assert said.code == 2
    assert "train-images-idx3-ubyte.gz" in said.err
    assert "Traceback" not in said.err
    assert not Path("run").exists()


@pytest.fixture
def photos() -> Path:
    """A folder with two images, one damaged, and a text; made in the folder of the test."""
    Path("photos").mkdir()
    for name in ("b.png", "a.png"):
        Image.new("L", (28, 28)).save(Path("photos") / name)
    (Path("photos") / "bad.png").write_bytes(b"no image")
    (Path("photos") / "notes.txt").write_text("none")
    return Path("photos")


def test_predict_takes_a_folder_and_goes_on_past_a_bad_file(batchnorm, run, photos, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    said = batchnorm("predict", run, "photos", "--sheet", "sheet.png")
    assert said.code == 1
    assert said.out.index("a.png") < said.out.index("b.png")
    assert "bad.png" not in said.out
    assert "photos/bad.png: cannot be read as an image" in said.err
    assert "skipped 1 entry that is no image file (notes.txt)" in said.err
    assert "Traceback" not in said.err
    assert Path("sheet.png").exists()


def test_predict_json_says_which_image_has_no_prediction_and_why(batchnorm, run, photos) -> None:
    said = batchnorm("predict", run, "photos", "--json")
    assert said.code == 1
    assert [Path(one["image"]).name for one in said.json] == ["a.png", "b.png", "bad.png"]
    assert [one["problem"] is None for one in said.json] == [True, True, False]


@pytest.mark.parametrize("command", ["evaluate", "predict", "wiring"])
def test_threads_and_device_are_taken_and_put_back(batchnorm, run, command: str, monkeypatch) -> None:
    taken = []
    set_threads = torch.set_num_threads
    monkeypatch.setattr(torch, "set_num_threads", lambda count: (taken.append(count), set_threads(count)))
    before = torch.get_num_threads()
    extra = ["--test-images", 1] if command == "predict" else []
    assert batchnorm(command, run, "--device", "cpu", "--threads", 3, *extra).code == 0
    assert 3 in taken
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("command", ["evaluate", "predict", "wiring"])
@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--device", "gpu", "device: expected auto, cpu"),
        ("--threads", -1, "threads: expected an integer of at least 0"),
    ],
)
def test_a_device_or_thread_count_that_cannot_be_is_a_mistake(batchnorm, run, command, option, value, message) -> None:
    extra = ["--test-images", 1] if command == "predict" else []
    said = batchnorm(command, run, option, value, *extra)
    assert (said.code, said.out) == (2, "")
    assert message in said.err
