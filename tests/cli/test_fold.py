"""`batchnorm fold` and `unfold`, `train --fold`: what they say, what they write, and what they refuse."""

import os
import re
import shutil
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from batchnorm.progress._fold import FoldLines
from batchnorm.runs import RunFolder, load_model

ONE = ["--threads", "1"]


@pytest.fixture
def own(batchnorm, run) -> Path:
    """A copy of the shared run in the present folder, to be changed."""
    return Path(shutil.copytree(run, "own"))


@pytest.fixture(scope="session")
def folded(run, tmp_path_factory) -> Path:
    """The shared run, folded."""
    from batchnorm.runs import fold_run

    path = tmp_path_factory.mktemp("folded") / "folded.safetensors"
    fold_run(run, out=path, threads=1)
    return path


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_table_the_stages_and_the_proof_are_printed(batchnorm, own, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    said = batchnorm("fold", own, "-o", "new.safetensors", *ONE)
    assert said.code == 0
    rows = [line.split() for line in said.out.splitlines()]
    assert ["bn1", "BatchNormPool2d", "folded", "conv1"] in rows
    assert ["bn2", "BatchNormPool2d", "folded", "conv2"] in rows
    accuracy = f"{RunFolder.open(own).read_result().test_accuracy:.4f}"
    stages = {tuple(row[:-3]): row[-3] for row in rows if row[-4:-3] == ["folded"] or row[:3] == ["as", "it", "was"]}
    assert stages == {("as", "it", "was"): accuracy, ("folded",): accuracy}
    assert any("ms for a batch of 16" in line for line in said.out.splitlines())
    lines = said.out.splitlines()
    assert any(
        line.startswith("2,000 test images of fashion-mnist-mini; milliseconds: median of 15 ") for line in lines
    )
    assert any(re.match(r"proof: outputs of \d inputs differ by at most \S+ in float64, ", line) for line in lines)
    assert lines[-1] == "written: new.safetensors; batchnorm unfold gives back what it was"
    assert said.err.splitlines() == ["folding ...", "judging by 2,000 test images ...", "timing ..."]


def test_json_is_one_object_and_quiet_says_nothing_else(batchnorm, own) -> None:
    said = batchnorm("fold", own, "-o", "new.safetensors", "--json", "--quiet", "--no-verify", *ONE)
    assert (said.code, said.err, len(said.out.splitlines())) == (0, "", 1)
    assert said.json["record"] == "RunFold"
    assert [(norm["name"], norm["outcome"]) for norm in said.json["report"]["norms"]] == [
        ("bn1", "folded"),
        ("bn2", "folded"),
    ]
    assert said.json["report"]["proof"] is None
    assert said.json["milliseconds_before"] > 0


def test_evaluate_reads_a_folded_file_and_shows_no_gap(batchnorm, run, folded, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    said = batchnorm("evaluate", folded, "--png", "c.png")
    assert said.code == 0
    assert "nothing: the norms are folded" in said.out
    assert "gap" not in said.out
    assert f"{RunFolder.open(run).read_result().test_accuracy:.4f}" in said.out


def test_evaluate_json_says_that_the_net_is_folded(batchnorm, run, folded) -> None:
    said = batchnorm("evaluate", folded, "--png", "c.png", "--json")
    assert (said.json["folded"], said.json["batch"]) == (True, None)


def test_predict_reads_a_folded_file(batchnorm, run, folded) -> None:
    before = batchnorm("predict", run, "--test-images", 20, "--json").json
    after = batchnorm("predict", folded, "--test-images", 20, "--json").json
    assert [one["classes"] for one in after] == [one["classes"] for one in before]
    for one, other in zip(after, before, strict=True):
        assert one["probabilities"] == pytest.approx(other["probabilities"], abs=1e-4)


def test_predict_counts_what_is_right_and_says_how_long_a_batch_takes(batchnorm, folded) -> None:
    answers = batchnorm("predict", folded, "--test-images", 20, "--json").json
    right = sum(answer["label"] == answer["classes"][0] for answer in answers)
    last = batchnorm("predict", folded, "--test-images", 20).out.splitlines()[-1]
    assert last.startswith(f"{right} of 20 right; ")
    assert " ms for a batch of 16 (median of 15 calls, quartiles " in last


def test_unfold_gives_back_the_model_of_the_run(batchnorm, run, folded) -> None:
    said = batchnorm("unfold", folded, "-o", "back.safetensors")
    assert (said.code, said.err) == (0, "")
    assert said.out == "16 tensors, as they were before the norms were folded: back.safetensors\n"
    before, after = load_file(run / "model.safetensors"), load_file("back.safetensors")
    assert before.keys() == after.keys()
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())
    load_model("back.safetensors")


def test_train_folds_at_the_end_and_says_what_came_of_it(batchnorm, small) -> None:
    said = batchnorm("train", "--epochs", 1, "--out", "r", "--fold", "--val-fraction", "0.9", "--json", *small)
    assert said.code == 0
    line = next(line for line in said.out.splitlines() if line.startswith("2 of 2 norms folded; test accuracy "))
    assert line.endswith("; written: r/folded.safetensors")
    assert (said.json["folded"], said.json["folded_accuracy"]) == (2, said.json["test_accuracy"])
    assert batchnorm("predict", "r/folded.safetensors", "--test-images", 1).code == 0


def test_fold_is_an_option_of_toml_too(batchnorm) -> None:
    from batchnorm.runs import read_config

    Path("c.toml").write_text("fold = true\n")
    assert read_config("c.toml").fold is True


# Each mistake: the arguments behind `fold own`, and what the one line must hold.
MISTAKES = {
    "no out": (
        [],
        "--out: expected the name of a new file, for own/model.safetensors stays as it is, got none. Pass --out FILE.",
    ),
    "out exists": (["-o", "mine"], "mine exists already. Choose another, or pass --overwrite to replace it."),
    "out is a folder": (["-o", "own"], "out: expected the name of a file, got the folder own"),
    "out is the model": (["-o", "own/model.safetensors", "--overwrite"], "is the file that is read"),
    "out is the run's": (["-o", "own/last.ckpt", "--overwrite"], "belongs to the run"),
    "out in no folder": (["-o", "no/new"], "out: no is not a folder that can be written to. Choose another."),
    "a name that no system takes": (["-o", "n" * 300], "cannot be made (File name too long)"),
    "batch size": (["-o", "new", "--batch-size", "0"], "--batch-size: expected an integer of at least 1, got 0"),
    "data": (["-o", "new", "--data", "fashion-mnist-mni"], "Did you mean 'fashion-mnist-mini'"),
    "device": (["-o", "new", "--device", "cuda:99"], "cuda:99"),
    "threads": (["-o", "new", "--threads", "-1"], "--threads: expected an integer of at least 0"),
    "input": (["-o", "new", "--input", "1x1x28x28"], "--input: is for a state_dict of your own net"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_line_and_code_2_and_changes_nothing(batchnorm, own, case: str) -> None:
    arguments, message = MISTAKES[case]
    Path("mine").write_bytes(b"mine")
    before = files(own)
    said = batchnorm("fold", own, "--quiet", *arguments)
    assert (said.code, said.out, len(said.err.splitlines())) == (2, "", 1)
    assert message in said.err
    assert files(own) == before
    assert sorted(path.name for path in Path().iterdir()) == ["mine", "own"]


def test_a_misspelt_run_is_told_the_near_ones(batchnorm, own) -> None:
    said = batchnorm("fold", "onw", "-o", "new")
    assert (said.code, said.out) == (2, "")
    assert said.err == (
        "batchnorm fold: onw: expected the folder of a run, found none. Check the path. Did you mean 'own'?\n"
    )


@pytest.mark.parametrize("command", ["fold", "unfold"])
def test_a_broken_file_is_one_line(batchnorm, command: str) -> None:
    Path("m.safetensors").write_bytes(b"\xff" * 40)
    said = batchnorm(command, "m.safetensors", "-o", "new")
    assert (said.code, said.out, len(said.err.splitlines())) == (2, "", 1)
    assert "m.safetensors: expected a safetensors file" in said.err


def test_a_folder_that_may_not_be_written_is_refused_before_the_work(batchnorm, own, monkeypatch) -> None:
    Path("place").mkdir()
    allowed = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != Path("place") and allowed(path, mode))
    said = batchnorm("fold", own, "-o", "place/new")
    assert (said.code, said.err) == (
        2,
        "batchnorm fold: --out: place is not a folder that can be written to. Choose another.\n",
    )


def test_a_full_disk_is_one_message_and_leaves_nothing(batchnorm, own, monkeypatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    said = batchnorm("fold", own, "-o", "new", "--quiet", "--no-verify", *ONE)
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("batchnorm fold: [Errno 28] No space left on device")
    assert [path.name for path in Path().iterdir()] == ["own"]


def test_ctrl_c_is_one_line_and_writes_nothing(batchnorm, own, monkeypatch) -> None:
    def interrupt(self: object, what: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(FoldLines, "doing", interrupt)
    said = batchnorm("fold", own, "-o", "new")
    assert (said.code, said.out) == (130, "")
    assert said.err == "batchnorm fold: interrupted: nothing was written\n"
    assert [path.name for path in Path().iterdir()] == ["own"]


def test_the_checkpoint_of_a_training_is_no_model(batchnorm, own) -> None:
    said = batchnorm("fold", own / "last.ckpt", "-o", "new")
    assert (said.code, said.out, len(said.err.splitlines())) == (2, "", 1)
    assert "own/last.ckpt: is the checkpoint of a training" in said.err
    assert "Its net is in own/model.safetensors" in said.err


def test_a_folded_file_is_not_folded_again(batchnorm, folded) -> None:
    said = batchnorm("fold", folded, "-o", "new")
    assert (said.code, said.out, len(said.err.splitlines())) == (2, "", 1)
    assert "this net is folded already" in said.err


# Nets of one's own, by name, and what they do.
OWN_NETS = """
import torch
from torch import nn

def net():
    return nn.Sequential(nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU())

def plain():
    return nn.Sequential(nn.Conv2d(1, 4, 3, bias=False))

def wide():
    return nn.Sequential(nn.Conv2d(1, 6, 3, bias=False), nn.BatchNorm2d(6))

class Random(nn.Sequential):
    generator = torch.Generator()

    def forward(self, x):
        x = super().forward(x)
        return x + torch.rand(x.shape, generator=self.generator)

def random():
    return Random(*net())
"""


@pytest.fixture
def nets(batchnorm, monkeypatch) -> nn.Module:
    """`own_nets.py`, and `net.pt` with the weights of `net`, which is returned."""
    monkeypatch.delitem(sys.modules, "own_nets", raising=False)
    Path("own_nets.py").write_text(OWN_NETS)
    net = nn.Sequential(nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU())
    torch.save(net.state_dict(), "net.pt")
    return net


def test_a_state_dict_is_folded_and_comes_back(batchnorm, nets) -> None:
    said = batchnorm("fold", "net.pt", "--model", "own_nets:net", "--input", "2x1x9x9", "-o", "new.safetensors", *ONE)
    assert (said.code, said.err) == (0, "folding ...\ntiming ...\n")
    assert "accuracy" not in said.out
    assert "ms for a batch of 2" in said.out
    assert {"0.weight", "0.bias", "unfold.0.1.running_mean"} <= load_file("new.safetensors").keys()
    assert batchnorm("unfold", "new.safetensors", "-o", "back.pt").code == 0
    back = torch.load("back.pt", weights_only=True)
    assert all(torch.equal(tensor, back[name]) for name, tensor in nets.state_dict().items())


# Each fault: the arguments behind `fold`, the code, and what the one message must hold.
FAULTS = {
    "nothing said of the net": (["net.pt"], 2, "--model PACKAGE.MODULE:FUNCTION --input 1x3x224x224"),
    "no sizes": (["net.pt", "--input", "1,1,9"], 2, "--input: expected sizes such as 1x3x224x224, got '1,1,9'"),
    "a wrong shape": (
        ["net.pt", "--model", "own_nets:net", "--input", "2x3x9x9"],
        2,
        "the net cannot take an input of 2x3x9x9: RuntimeError: ",
    ),
    "no such function": (["net.pt", "--model", "own_nets:nett", "--input", "1x1x9x9"], 2, "Did you mean 'net'"),
    "another net": (
        ["net.pt", "--model", "own_nets:wide", "--input", "1x1x9x9"],
        2,
        "net.pt: does not fit the net of own_nets:wide: size mismatch for 0.weight",
    ),
    "a net without norms": (
        ["plain.pt", "--model", "own_nets:plain", "--input", "1x1x9x9"],
        2,
        "the net has no batch norm that could be folded",
    ),
    "a net that draws by a generator of its own": (
        ["net.pt", "--model", "own_nets:random", "--input", "1x1x9x9"],
        1,
        "with the same random state, so nothing can be proved",
    ),
    "a whole training": (["whole.pt"], 2, "got something else for model, epoch. torch.load(...)['model'] may be one."),
    "a tensor": (["tensor.pt"], 2, "tensor.pt: expected a state_dict, got Tensor. Save net.state_dict()."),
    "no checkpoint": (["own_nets.py"], 2, "own_nets.py: expected a state_dict that torch.save wrote"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_fault_is_one_message_and_writes_nothing(batchnorm, nets, case: str) -> None:
    arguments, code, message = FAULTS[case]
    torch.save({"0.weight": nets[0].weight.detach()}, "plain.pt")
    torch.save({"model": nets.state_dict(), "epoch": 3}, "whole.pt")
    torch.save(torch.ones(2), "tensor.pt")
    said = batchnorm("fold", *arguments, "-o", "new.safetensors", "--quiet", *ONE)
    assert (said.code, said.out) == (code, "")
    assert message in said.err
    assert "Traceback" not in said.err
    assert said.err.count("batchnorm fold: ") == 1
    assert not Path("new.safetensors").exists()


def test_a_pickle_with_code_in_it_is_never_run(batchnorm) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return os.mkdir, ("ran",)

    torch.save({"weight": Bomb()}, "bomb.pt")
    said = batchnorm("fold", "bomb.pt", "--model", "own_nets:net", "--input", "1x1x9x9", "-o", "new")
    assert (said.code, "Nothing of it was run" in said.err) == (2, True)
    assert not Path("ran").exists()


def test_a_checkpoint_that_is_not_there_is_said_to_be_missing_whatever_else_is_given(batchnorm) -> None:
    said = batchnorm("fold", "nope.pt", "--model", "nets:small", "--input", "1x3x8x8", "-o", "folded.safetensors")
    assert (said.code, "nope.pt: expected a model file, found none" in said.err) == (2, True), said.err


def test_milliseconds_come_with_quartiles_and_with_a_note_on_a_busy_machine(batchnorm, own, monkeypatch) -> None:
    from batchnorm import bench

    monkeypatch.setattr(bench, "machine_load", lambda: 1e4)
    said = batchnorm("fold", own, "-o", "new.safetensors", "--quiet", "--no-verify", *ONE)
    assert re.search(r"^quartiles: \S+ … \S+ \(as it was\), \S+ … \S+ \(folded\)$", said.out, re.MULTILINE)
    assert "note: the machine was busy (load 10000.0 on " in said.out


def test_predict_says_the_quartiles_and_that_the_machine_was_busy(batchnorm, run, monkeypatch) -> None:
    from batchnorm import bench

    monkeypatch.setattr(bench, "machine_load", lambda: 1e4)
    said = batchnorm("predict", run, "--test-images", 3, *ONE)
    assert re.search(r"ms for a batch of 3 \(median of 15 calls, quartiles \S+ … \S+\)", said.out)
    assert "note: the machine was busy" in said.err
