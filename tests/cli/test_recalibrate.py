"""`batchnorm recalibrate`: what it says, what it writes, and what it refuses."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from batchnorm.errors import InputError, RefusedError, Setting
from batchnorm.runs import RunFolder, load_model

FAST = ["--threads", "1", "--max-samples", "300"]


@pytest.fixture
def own(batchnorm, run) -> Path:
    """A copy of the shared run in the present folder, to be changed."""
    # Without what other tests drew there.
    return Path(shutil.copytree(run, "own", ignore=shutil.ignore_patterns("*.png")))


def norms(path: Path) -> dict[str, torch.Tensor]:
    return {name: value for name, value in load_model(path)[0].state_dict().items() if "running" in name}


def test_test_images_need_a_file_of_their_own(batchnorm, own) -> None:
    before = files(own)
    said = batchnorm("recalibrate", own, "--split", "test", *FAST)
    assert (said.code, said.out, files(own) == before) == (2, "", True)
    assert said.err == (
        "batchnorm recalibrate: --out: statistics of the test images in a run's own model are a leak: it has seen "
        "what judges it. Say where such a model is to go: --out FILE.\n"
    )


def test_what_is_of_the_model_as_it_was_is_named(batchnorm, own) -> None:
    assert batchnorm("fold", own, "-o", own / "folded.safetensors", "--quiet").code == 0
    batchnorm("evaluate", own, "--json")
    said = batchnorm("recalibrate", own, "--quiet", *FAST)
    assert "note: folded.safetensors is of the model as it was; fold makes it anew" in said.err
    assert "note: confusion_matrix.png is of the model as it was; evaluate makes it anew" in said.err


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_table_the_certificate_and_the_accuracies_are_printed(batchnorm, own, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    said = batchnorm("recalibrate", own, "--method", "exact", *FAST)
    assert said.code == 0
    lines = said.out.splitlines()
    for heading in ("norm", "depth", "mean drift", "var. drift", "error", "enough", "residual"):
        assert any(heading in line for line in lines)
    assert [line.split()[:2] for line in lines if line.startswith("bn")] == [["bn1*", "1"], ["bn2*", "2"]]
    assert any(line.startswith("certificate: 2 of 2 norms within 0.0001, exact down to depth 2 of 2") for line in lines)
    assert any(line.startswith("2,000 test images of fashion-mnist-mini: loss ") for line in lines)
    assert lines[-1] == "written: own/model.safetensors; as it was: own/model.before-recalibration.safetensors"


def test_the_rounds_and_their_time_are_announced_before_the_second_begins(batchnorm, own) -> None:
    lines = batchnorm("recalibrate", own, "--method", "exact", *FAST).err.splitlines()
    assert lines[0] == (
        "ConvBNNet, exact, by 300 train images of fashion-mnist-mini, augmented as in training, in 3 batches, cpu"
    )
    assert lines[1] == "round 1"
    assert lines[2].startswith("2 more rounds, ")
    assert lines[3:] == ["round 2 of 3", "round 3 of 3"]


def test_quiet_says_only_the_result(batchnorm, own) -> None:
    said = batchnorm("recalibrate", own, "--quiet", *FAST)
    assert (said.code, said.err) == (0, "")
    assert "no certificate: the residual was not measured" in said.out


def test_json_is_the_record_that_lies_in_the_folder(batchnorm, own) -> None:
    import json

    said = batchnorm("recalibrate", own, "--json", "--certify", *FAST)
    assert len(said.out.splitlines()) == 1
    assert said.json == json.loads((own / "recalibration.json").read_text())
    assert said.json["record"] == "RunRecalibration"
    assert [norm["name"] for norm in said.json["recalibration"]["norms"]] == ["bn1", "bn2"]
    assert said.json["recalibration"]["certificate"]["samples"] == 300


def test_the_plot_has_the_format_of_its_name(batchnorm, own) -> None:
    for name in ("drift.png", "drift.svg"):
        assert batchnorm("recalibrate", own, "--plot", name, "--quiet", *FAST).code == 0
    with Image.open("drift.png") as picture:
        assert picture.format == "PNG"
    assert "bn2" in Path("drift.svg").read_text()


def test_out_writes_one_file_and_leaves_the_run_alone(batchnorm, own) -> None:
    before = files(own)
    assert batchnorm("recalibrate", own, "-o", "new.safetensors", *FAST).code == 0
    assert files(own) == before
    assert not torch.equal(
        norms(Path("new.safetensors"))["bn1.running_mean"], norms(own / "model.safetensors")["bn1.running_mean"]
    )


def test_overwrite_allows_a_file_to_be_replaced(batchnorm, own) -> None:
    Path("new.safetensors").write_bytes(b"mine")
    refused = batchnorm("recalibrate", own, "-o", "new.safetensors", *FAST)
    assert (refused.code, refused.out) == (2, "")
    assert "new.safetensors exists already" in refused.err
    assert Path("new.safetensors").read_bytes() == b"mine"
    assert batchnorm("recalibrate", own, "-o", "new.safetensors", "--overwrite", *FAST).code == 0
    assert norms(Path("new.safetensors"))


def test_train_recalibrates_at_the_end_and_says_what_came_of_it(batchnorm, small) -> None:
    said = batchnorm("train", "--epochs", 1, "--out", "r", "--recalibrate", "exact", "--val-fraction", "0.9", *small)
    assert said.code == 0
    assert "recalibration: 2 more rounds, " in said.out
    assert "recalibrated (exact) by 1,000 images in " in said.out
    assert "2 are settled within 0.0001; validation loss " in said.out
    result = RunFolder.open("r").read_result()
    assert result.recalibrate == "exact"


# Each mistake: the arguments behind the run, and what the one line must hold.
MISTAKES = {
    "method": (["--method", "exakt"], "exakt"),
    "batch size": (["--batch-size", "0"], "--batch-size: expected an integer of at least 1, got 0"),
    "samples": (["--max-samples", "0"], "--max-samples: expected an integer of at least 1, got 0"),
    "rounds": (
        ["--method", "exact", "--max-rounds", "2", "--max-samples", "9"],
        "--max-rounds: expected at least 3 for this model, got 2. Allow more, or pass --keep-partial for",
    ),
    "one round": (["--method", "exact", "--max-rounds", "1"], "--max-rounds: expected an integer of at least 2, got 1"),
    "tolerance": (["--tolerance", "0"], "--tolerance: expected a number above 0, got 0.0"),
    "data": (["--data", "fashion-mnist-mni"], "Did you mean 'fashion-mnist-mini'"),
    "device": (["--device", "cuda:99"], "cuda:99"),
    "threads": (["--threads", "-1"], "--threads: expected an integer of at least 0"),
    "a plot in another format": (["--plot", "d.pdf"], "--plot: expected a name ending in .svg or .png, got d.pdf"),
    "a plot in no folder": (["--plot", "no/d.png"], "is not a folder that can be written to"),
    "out is a folder": (["--out", "own"], "--out: expected the name of a file, got the folder own"),
    "out is the run's model": (["--out", "own/model.safetensors", "--overwrite"], "is the run's own model"),
    "out is the run's checkpoint": (["-o", "own/last.ckpt", "--overwrite"], "--out: own/last.ckpt belongs to the run"),
    "out is the run's config": (["-o", "own/config.toml", "--overwrite"], "--out: own/config.toml belongs to the run"),
    "out is another run's": (["-o", "other/model.safetensors", "--overwrite"], "other/model.safetensors belongs to"),
    "the plot is the run's": (["--plot", "drift.svg"], "--plot: drift.svg belongs to the run"),
    "the plot is where out is": (
        ["-o", "new.svg", "--plot", "own/../new.svg"],
        "--plot: own/../new.svg is where --out puts",
    ),
    "out in no folder": (
        ["--out", "no/m.safetensors"],
        "--out: no is not a folder that can be written to. Choose another.",
    ),
    "a name that no system takes": (["--out", "n" * 300], "cannot be made (File name too long)"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_line_and_code_2_and_changes_nothing(batchnorm, own, case: str) -> None:
    arguments, message = MISTAKES[case]
    before = files(own)
    Path("other").mkdir()
    Path("other/config.toml").touch()
    Path("drift.svg").symlink_to("own/last.ckpt")
    said = batchnorm("recalibrate", own, "--quiet", *arguments)
    assert (said.code, said.out) == (2, "")
    assert message in said.err
    assert "Traceback" not in said.err
    if case != "method":  # of a choice tyro says more than a line
        assert len(said.err.splitlines()) == 1
    assert files(own) == before


def test_a_misspelt_run_is_told_the_near_ones(batchnorm, own) -> None:
    said = batchnorm("recalibrate", "onw", *FAST)
    assert (said.code, said.out) == (2, "")
    assert said.err == (
        "batchnorm recalibrate: onw: expected the folder of a run, found none. Check the path. Did you mean 'own'?\n"
    )


@pytest.mark.parametrize("content", [b"\xff" * 40, b""])
def test_a_broken_model_file_is_one_line(batchnorm, own, content: bytes) -> None:
    (own / "model.safetensors").write_bytes(content)
    said = batchnorm("recalibrate", own, *FAST)
    assert (said.code, len(said.err.splitlines())) == (2, 1)
    assert "own/model.safetensors: expected a safetensors file" in said.err
    assert not (own / "recalibration.json").exists()


def test_a_model_file_outside_a_run_needs_a_name_for_the_new_one(batchnorm, own) -> None:
    shutil.copy(own / "model.safetensors", "lone.safetensors")
    said = batchnorm("recalibrate", "lone.safetensors", *FAST)
    assert (said.code, said.out) == (2, "")
    assert "Say where the recalibrated model is to go: --out FILE." in said.err
    said = batchnorm("recalibrate", "lone.safetensors", "-o", "new.safetensors", *FAST)
    assert said.code == 0
    assert "note: no config.toml lies beside the model" in said.err


def test_a_folder_that_may_not_be_written_is_refused_before_the_work(batchnorm, own, monkeypatch) -> None:
    allowed = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != own and allowed(path, mode))  # root may all
    said = batchnorm("recalibrate", own, *FAST)
    assert (said.code, said.out) == (2, "")
    assert said.err == (
        "batchnorm recalibrate: own is not a folder that can be written to. Say where the recalibrated model is to go: "
        "--out FILE.\n"
    )


def test_a_net_without_norms_has_nothing_to_recalibrate(batchnorm, small) -> None:
    assert batchnorm("train", "--norm", "none", "--epochs", 1, "--out", "own", "--quiet", *small).code == 0
    before = files(Path("own"))
    said = batchnorm("recalibrate", "own", "--quiet", *FAST)
    assert (said.code, said.out, len(said.err.splitlines())) == (2, "", 1)
    assert "expected a model with batch norms that have running statistics, got none" in said.err
    assert files(Path("own")) == before


def test_batches_of_one_are_refused_by_average_and_taken_by_exact(batchnorm) -> None:
    options = ["--batch-size", "250", "--threads", "1", "--epochs", 1, "--quiet"]
    mlp = ["--model", "MLP", "--model-args", "width", "4", "depth", "2"]
    assert batchnorm("train", *mlp, "--out", "own", *options).code == 0
    few = ["--batch-size", 1, "--threads", 1, "--max-samples", 20, "--quiet"]
    said = batchnorm("recalibrate", "own", *few)
    assert (said.code, said.out, len(said.err.splitlines())) == (2, "", 1)
    assert "expected more than one value per channel, got one for bn1 in batch 1" in said.err
    assert said.err.endswith(
        ", which has no variance. Use larger batches, or use --method exact, which takes any batch size.\n"
    )
    assert batchnorm("recalibrate", "own", "--method", "exact", *few).code == 0


def test_notes_name_options(batchnorm, own) -> None:
    few = ["--method", "exact", "--max-rounds", "2", "--keep-partial"]
    said = batchnorm("recalibrate", own, "--quiet", *few, *FAST)
    assert (said.code, said.err) == (0, "note: --max-rounds 2 reached: kept what is settled so far\n")


# What is raised, the code, and what is said of it.
RAISED = {
    "frozen norms": (
        InputError("all are frozen", cure=("Pass ", Setting("include_frozen", True), ".")),
        2,
        "all are frozen. Pass --include-frozen.\n",
    ),
    "a refusal": (
        RefusedError("it does not settle", cure=("Raise ", Setting("tolerance"), ".")),
        1,
        "it does not settle. Raise --tolerance.\n",
    ),
    "a limit": (RefusedError("too few", verb="recalibrate", argument="max_rounds"), 2, "--max-rounds: too few\n"),
    "the model": (RefusedError("sharded", verb="recalibrate", argument="model"), 1, "sharded\n"),
    "the words of a net": (RuntimeError("keep_partial=True"), 1, "keep_partial=True\n"),
}


@pytest.mark.parametrize("case", RAISED)
def test_errors_name_options(batchnorm, own, monkeypatch, case: str) -> None:
    error, code, message = RAISED[case]

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("batchnorm.cli._recalibrate.recalibrate_run", fail)
    said = batchnorm("recalibrate", own, "--quiet")
    assert said.code == code
    assert said.err.startswith(f"batchnorm recalibrate: {message}")


OWN_NET = """
import torch

class Broken(torch.nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.norm, self.last = torch.nn.BatchNorm1d(784), torch.nn.Linear(784, classes)

    def forward(self, images):
        return self.last(self.norm(images.flatten(1) * FACTOR))

def net(num_classes):
    return Broken(num_classes)
"""


def test_data_that_are_not_finite_name_the_batch_and_the_layer(batchnorm, monkeypatch) -> None:
    monkeypatch.delitem(sys.modules, "not_finite_net", raising=False)
    Path("not_finite_net.py").write_text(OWN_NET.replace("FACTOR", "1.0"))
    model = ["--model", "not_finite_net:net"]
    options = ["--epochs", 1, "--batch-size", 500, "--threads", 1, "--quiet"]
    assert batchnorm("train", "--out", "own", *model, *options).code == 0
    del sys.modules["not_finite_net"]  # so that it is read anew
    Path("not_finite_net.py").write_text(OWN_NET.replace("FACTOR", "float('nan')"))
    before = files(Path("own"))
    said = batchnorm("recalibrate", "own", "--quiet", *model, *FAST)
    assert (said.code, said.out, len(said.err.splitlines())) == (2, "", 1)
    assert "got NaN or infinity in batch 1" in said.err
    assert "norm" in said.err
    assert files(Path("own")) == before


def test_ctrl_c_leaves_the_run_as_it_was(own) -> None:
    before = files(own)
    command = [sys.executable, "-m", "batchnorm", "recalibrate", str(own), "--method", "exact", "--batch-size", "8"]
    process = subprocess.Popen([*command, "--threads", "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if line.startswith("round 2"):
            process.send_signal(signal.SIGINT)
            break
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert err.splitlines()[-1] == "batchnorm recalibrate: interrupted: nothing was written, the run is as it was"
    assert "Traceback" not in err
    assert files(own) == before


def test_on_a_terminal_there_is_a_bar(on_a_terminal, own) -> None:
    text = on_a_terminal("recalibrate", own, "--method", "exact", *FAST)
    assert "2 more rounds, " in text
    assert "round 3 of 3" in text
    assert "━" in text


def test_the_method_stands_first_in_the_help_and_is_checked_with_the_other_options(batchnorm, run, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = batchnorm("recalibrate", "--help").out
    assert text.index("--method") < text.index("--data") < text.index("--variance")
    said = batchnorm("recalibrate", run, "--method", "exact", "--max-rounds", 1)
    assert said.code == 2
    assert "--max-rounds: expected an integer of at least 2" in said.err


@pytest.mark.parametrize("verb", ["recalibrate", "fold"])
def test_the_new_file_of_a_run_is_not_named_as_one_of_torch_save(batchnorm, run, verb: str) -> None:
    said = batchnorm(verb, run, "-o", "new.pt", "--quiet")
    assert (said.code, said.out) == (2, "")
    assert "--out: expected a name ending in .safetensors, got new.pt. Use new.safetensors." in said.err
    assert not Path("new.pt").exists()
