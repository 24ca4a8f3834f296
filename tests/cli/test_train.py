import json
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from batchnorm.records import TrainResult, from_json
from batchnorm.runs import RunFolder, load_model

OWN_MODEL = """
import torch
from torch import nn
from batchnorm.nn import BatchNorm1d

def net(num_classes, image_size, hidden=8):
    first, last = nn.Linear(image_size**2, hidden), nn.Linear(hidden, num_classes)
    return nn.Sequential(nn.Flatten(), first, nn.BatchNorm1d(hidden), last)

def no_net():
    return 42

class Picky(BatchNorm1d):
    def forward(self, input):
        if self.route != "auto":
            raise RuntimeError("a condition fails")
        return super().forward(input)

def picky(num_classes, image_size):
    return nn.Sequential(nn.Flatten(), nn.Linear(image_size**2, 4), Picky(4), nn.Linear(4, num_classes))
"""


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start the command line in a process of its own."""
    command = [sys.executable, "-m", "batchnorm", *arguments]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_epochs(run: Path, count: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 240
    metrics = run / "metrics.jsonl"
    while not metrics.exists() or len(metrics.read_text().splitlines()) < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_last_line_of_json_is_the_result(batchnorm, small) -> None:
    said = batchnorm("train", "--epochs", 1, "--out", "run", "--json", *small)
    assert said.code == 0
    assert 0 <= said.json["test_accuracy"] <= 1
    assert said.json["test_loss"] > 0
    assert said.json["seconds"] > 0
    assert said.json["run"] == "run"
    assert from_json(said.out.splitlines()[-1], TrainResult) == RunFolder.open("run").read_result()


def test_without_a_terminal_each_epoch_is_one_plain_line(batchnorm, small) -> None:
    said = batchnorm("train", "--epochs", 2, "--out", "run", *small)
    lines = said.out.splitlines()
    assert lines[0].startswith("ConvBNNet, 4,290 parameters, on fashion-mnist-mini: 9,500 images, 2 epochs of 38 steps")
    assert [line.split()[1] for line in lines if line.startswith("epoch")] == ["1/2", "2/2"]
    assert "\x1b" not in said.out


def test_on_a_terminal_there_is_a_bar(on_a_terminal, small) -> None:
    text = on_a_terminal("train", "--epochs", 1, "--out", "run", *small)
    assert "img/s" in text
    assert "━" in text
    assert "test accuracy" in text


def test_quiet_hides_the_progress_and_not_the_result(batchnorm, small) -> None:
    said = batchnorm("train", "--epochs", 1, "--out", "run", "--quiet", *small)
    (line,) = said.out.splitlines()
    assert (said.code, said.err) == (0, "")
    assert f"test accuracy {RunFolder.open('run').read_result().test_accuracy:.4f}" in line


@pytest.mark.parametrize(("model", "name"), [([], ""), (["--model", "ConvBNNet"], "-ConvBNNet")], ids=["auto", "named"])
def test_the_default_folder_is_named_after_time_the_model_that_was_named_and_data(
    batchnorm, small, model, name
) -> None:
    assert batchnorm("train", "--epochs", 1, "--quiet", *model, *small).code == 0
    (run,) = Path("runs").iterdir()
    assert run.name[15:] == f"{name}-fashion-mnist-mini"


def test_options_come_from_the_file_and_those_given_go_before(batchnorm, small) -> None:
    Path("c.toml").write_text("epochs = 9\nlr = 0.07\nflip = false\n")
    assert batchnorm("train", "--config", "c.toml", "--epochs", 1, "--out", "run", "--quiet", *small).code == 0
    config = RunFolder.open("run").read_config()
    assert (config.epochs, config.lr, config.flip) == (1, 0.07, False)


def test_an_own_model_is_trained_and_used_when_it_is_named(batchnorm, small) -> None:
    Path("mine.py").write_text(OWN_MODEL)
    own = ["--model", "mine:net"]
    arguments = ["--model-args", "hidden", "5", *small[3:]]
    assert batchnorm("train", *own, "--epochs", 1, "--out", "run", "--quiet", *arguments).code == 0
    unnamed = batchnorm("evaluate", "run")
    assert unnamed.code == 2
    assert "--model mine:net" in unnamed.err
    assert batchnorm("evaluate", "run", *own).code == 0
    assert batchnorm("predict", "run", "--test-images", 2, *own).code == 0
    assert batchnorm("train", "--resume", "run").code == 2
    assert batchnorm("train", "--resume", "run", "--quiet", *own).code == 0


NET_WITH_ARGUMENTS_LIKE_OPTIONS = """
from torch import nn

def net(num_classes, seed=0, lr=0.0, out="", resume=False, json=0, help="", model=""):
    assert (seed, lr, out, resume, json, help, model) == (3, 0.5, "a", True, 7, "b", "c")
    return nn.Sequential(nn.Flatten(), nn.Linear(784, num_classes))
"""


def test_arguments_of_an_own_net_may_be_called_as_options_are(batchnorm) -> None:
    Path("alike.py").write_text(NET_WITH_ARGUMENTS_LIKE_OPTIONS)
    own, quick = ["--model", "alike:net"], ["--epochs", 1, "--val-fraction", 0.97, "--threads", 1, "--quiet"]
    arguments = ["seed", 3, "lr", 0.5, "out", "a", "resume", "True", "json", 7, "help", "b", "model", "c"]
    assert batchnorm("train", *own, *quick, "--out", "run", "--model-args", *arguments).code == 0
    assert batchnorm("train", "--resume", "run", "--quiet", *own).code == 0
    assert batchnorm("train", "--config", "run/config.toml", "--out", "again", "--quiet").code == 0
    other = batchnorm("train", "--resume", "run", *own, "--model-args", "seed", 4)
    assert (other.code, other.err.splitlines()[-1][-10:]) == (2, "odel-args.")


def test_arguments_of_the_net_that_are_given_go_before_those_of_the_file(batchnorm) -> None:
    Path("c.toml").write_text('model = "MLP"\nval_fraction = 0.97\nepochs = 1\n[model_args]\nwidth = 4\ndepth = 2\n')
    assert batchnorm("train", "--config", "c.toml", "--model-args", "width", 5, "--out", "run", "--quiet").code == 0
    assert RunFolder.open("run").read_config().model_args == {"width": 5, "depth": 2}


def test_an_argument_that_no_config_can_hold_is_one_message(batchnorm) -> None:
    said = batchnorm("train", "--model-args", "name", os.fsdecode(b"\xff"), "--out", "run")
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("batchnorm train: --model-args: expected text that UTF-8 can hold")
    assert not Path("run").exists()


def test_the_words_of_a_module_that_exits_are_printed(batchnorm) -> None:
    Path("leaves.py").write_text("raise SystemExit('no licence for this net')")
    said = batchnorm("train", "--model", "leaves:net", "--out", "run")
    assert (said.code, said.err) == (1, "batchnorm train: no licence for this net\n")


def test_a_reader_who_leaves_does_not_end_the_training(tmp_path, small) -> None:
    process = start(tmp_path, "train", "--epochs", "2", "--out", "run", "--json", *small)
    assert process.stdout.readline().startswith("ConvBNNet")
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 0
    assert err == "note: nobody reads the standard output any more; that does not stop the training\n"
    assert RunFolder.open(tmp_path / "run").read_result().epochs == 2


def test_a_training_goes_on_when_not_even_notes_are_read(small, monkeypatch, tmp_path) -> None:
    from batchnorm.cli import main

    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as gone, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", gone)
        patch.setattr(sys, "stderr", gone)
        code = main(["train", "--epochs", "1", "--out", str(tmp_path / "run"), *small])
    assert code == 0
    assert RunFolder.open(tmp_path / "run").read_result() is not None


# Each mistake: the arguments and what the one message must hold. Nothing may be written, no data read.
MISTAKES = {
    "a data name with a typo": (["--data", "fashion-mnist-mni"], "fashion-mnist-mini"),
    "epochs": (["--epochs", "-1"], "epochs: expected an integer of at least 1, got -1"),
    "learning rate": (["--lr", "nan"], "lr: expected a finite number above 0, or 'auto', got nan"),
    "batch size": (["--batch-size", "0"], "--batch-size: expected an integer of at least 1, got 0"),
    "no integer": (["--epochs", "two"], "--epochs"),
    "a model with a typo": (["--model", "ConvBNet"], "ConvBNNet"),
    "a route with a typo": (["--route", "nativ"], "Did you mean 'native'?"),
    "a route without a norm that has one": (["--route", "native", "--norm", "torch"], "Use --route auto"),
    "a route that cannot be": (["--route", "native", "--model", "mine:picky"], "'auto' can: a condition fails"),
    "moments with a typo": (
        ["--moments", "gost:32"],
        "--moments: expected batch, ghost:32, renorm, renorm:3,5,5000, pop",
    ),
    "moments without their size": (["--moments", "ghost"], "Write 'ghost:32', for example"),
    "moments with a wrong size": (["--moments", "ghost:0"], "'ghost:0' has a wrong size; expected the number of samp"),
    "moments that need a mask": (["--moments", "masked"], "takes a mask with every batch, and a training gives none"),
    "moments of evaluation alone": (["--moments", "blend:0.1"], "it mixes statistics in evaluation alone"),
    "moments of torch's norms": (["--moments", "ghost:32", "--norm", "torch"], "Use --moments batch, or a norm of th"),
    "moments of no norms": (["--moments", "renorm", "--norm", "none"], "--moments: 'renorm' was asked for, but the ne"),
    "moments of a net without them": (["--moments", "renorm", "--model", "mine:net"], "but the net has no batch norm"),
    "moments in a file": (["--config", "moments.toml"], "moments.toml: moments: 'masked' takes a mask"),
    "a refresh of no step": (["--moments", "population", "--refresh", "0"], "--refresh: expected an integer of at l"),
    "a refresh of no number": (["--moments", "population", "--refresh", "often"], "--refresh"),
    "a refresh without a population": (["--refresh", "9"], "Leave it out, or use --moments population."),
    "steps of no batch": (["--accumulate", "0"], "--accumulate: expected an integer of at least 1, got 0"),
    "norms that are not there": (["--freeze-norms", "bn9"], "--freeze-norms: expected patterns of norms' names: bn"),
    "norms of a net without": (["--freeze-norms", "*", "--norm", "none"], "--freeze-norms: the net has no batch norm"),
    "a time past the end": (["--freeze-norms", "after:1.5"], "--freeze-norms: 'after:1.5' is no time of a training"),
    "a time without a number": (["--freeze-norms", "after:"], "as in 'after:0.8', got ''. Use '*' to freeze all norms"),
    "frozen and computed anew": (
        ["--freeze-norms", "after:0.8", "--recalibrate", "average"],
        "--recalibrate: would replace the statistics that --freeze-norms after:0.8 keeps, by which the weights are",
    ),
    "a norm with a typo": (["--norm", "batchnrm"], "batchnorm"),
    "an activation with a typo": (["--activation", "rellu"], "relu"),
    "an unknown model argument": (["--model-args", "widht", "4"], "width"),
    "no such module": (["--model", "nowhere.at_all:net"], "nowhere"),
    "no such function": (["--model", "mine:nett"], "net"),
    "no module returned": (["--model", "mine:no_net"], "which returns an int"),
    "a device that is not there": (["--device", "cuda:99"], "cuda:99"),
    "a batch of one for a net that cannot": (["--model", "MLP", "--batch-size", "1"], "Use 2 or more"),
    "a config that is not there": (["--config", "nowhere.toml"], "nowhere.toml"),
    "a config that is no TOML": (["--config", "bad.toml"], "expected a TOML file"),
    "a config with an unknown key": (["--config", "key.toml"], "Did you mean 'epochs'?"),
    "a config with a wrong type": (["--config", "type.toml"], "epochs: expected an integer of at least 1, got 'three'"),
    "a folder in use": (["--out", "used"], "got used, which holds files"),
    "a folder below a file": (["--out", "mine.py/run"], "cannot be made"),
    "a run that is not there": (["--resume", "nowhere"], "nowhere"),
    "a run that is none": (["--resume", "used"], "has no config.toml"),
    "resume with a config": (["--resume", "used", "--config", "key.toml"], "Leave out --config"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_message_and_code_2_and_leaves_nothing(batchnorm, monkeypatch, case: str) -> None:
    from batchnorm.data import Split

    def read(self: Split) -> None:
        raise RuntimeError("images were read before the mistake was found")

    monkeypatch.setattr(Split, "__post_init__", read)
    arguments, message = MISTAKES[case]
    Path("mine.py").write_text(OWN_MODEL)
    Path("bad.toml").write_text("epochs = = 3")
    Path("key.toml").write_text("epoch = 3")
    Path("type.toml").write_text("epochs = 'three'")
    Path("moments.toml").write_text("moments = 'masked'")
    Path("used").mkdir()
    Path("used/file").write_text("")
    before = sorted(path for path in Path().rglob("*") if "__pycache__" not in path.parts)
    said = batchnorm("train", *arguments)
    assert said.code == 2
    assert message in " ".join(said.err.replace("│", " ").split())
    assert "Traceback" not in said.err
    assert sorted(path for path in Path().rglob("*") if "__pycache__" not in path.parts) == before


def test_a_diverging_run_is_one_message_and_code_1(batchnorm, small) -> None:
    said = batchnorm("train", "--lr", "1e30", "--norm", "none", "--out", "run", *small)
    assert said.code == 1
    assert "first not finite: output of" in said.err
    assert "Traceback" not in said.err


def test_a_full_disk_is_one_message_and_code_1(batchnorm, small, monkeypatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    said = batchnorm("train", "--epochs", 1, "--out", "run", *small)
    assert said.code == 1
    assert "No space left on device" in said.err
    assert not [path for path in Path("run").iterdir() if path.name.endswith(".part")]


def test_a_folder_without_write_permission_is_refused(batchnorm, small, monkeypatch) -> None:
    if os.geteuid() == 0:
        monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere
    else:
        Path("locked").mkdir(mode=0o500)
    said = batchnorm("train", "--epochs", 1, "--out", "locked/run", *small)
    assert said.code == 2
    assert "can be written to" in said.err


def test_a_checkpoint_with_code_in_it_is_refused_and_never_run(batchnorm, run) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return os.mkdir, ("ran",)

    Path("copy").mkdir()
    for name in ("config.toml", "metrics.jsonl"):
        (Path("copy") / name).write_bytes((run / name).read_bytes())
    Path("copy/last.ckpt").write_bytes(pickle.dumps(Bomb()))
    said = batchnorm("train", "--resume", "copy")
    assert said.code == 2
    assert "Nothing of it was run" in said.err
    assert not Path("ran").exists()


def test_resume_refuses_other_options(batchnorm, run) -> None:
    said = batchnorm("train", "--resume", run, "--lr", "0.5", "--epochs", "7")
    assert said.code == 2
    assert "Leave out --lr." in said.err
    assert batchnorm("train", "--resume", run, "--out", "x").code == 2


def test_resume_takes_another_word_about_the_allocator(batchnorm, run) -> None:
    assert RunFolder.open(run).read_config().tune_allocator
    assert batchnorm("train", "--resume", run, "--no-tune-allocator", "--quiet").code == 0
    assert batchnorm("train", "--resume", run, "--no-tune-allocator", "--route", "native").code == 2


@pytest.mark.parametrize("route", sorted({"composed", "native"}))
def test_a_training_by_a_named_route_says_so_in_its_config(batchnorm, small, route: str) -> None:
    arguments = ["--route", route, "--no-tune-allocator", "--epochs", 1, "--out", "run", "--quiet", *small]
    assert batchnorm("train", *arguments).code == 0
    config = RunFolder.open("run").read_config()
    assert (config.route, config.tune_allocator) == (route, False)


def test_a_run_that_was_killed_goes_on_with_the_same_bits(batchnorm, tmp_path, small) -> None:
    """4 epochs = 2, kill -9, 2 more; what is killed is a process of its own."""
    options = ["--epochs", "4", "--ema-decay", "0.9", "--shift", "1", "--val-fraction", "0.8", *small]
    assert batchnorm("train", "--out", "whole", *options).code == 0
    killed = start(tmp_path, "train", "--out", "parts", *options)
    wait_for_epochs(tmp_path / "parts", 2, killed)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "parts" / "result.json").exists()
    assert batchnorm("train", "--resume", "parts").code == 0
    one, other = (load_model(tmp_path / name / "model.safetensors")[0].state_dict() for name in ("whole", "parts"))
    assert all(torch.equal(one[name], other[name]) for name in one)
    states = [torch.load(tmp_path / name / "last.ckpt", weights_only=True)["states"] for name in ("whole", "parts")]
    assert states[0].keys() >= {"model", "optimizer", "scheduler", "average", "rng"}
    torch.testing.assert_close(*states, rtol=0, atol=0)
    lines = [
        [json.loads(line) for line in (tmp_path / name / "metrics.jsonl").read_text().splitlines()]
        for name in ("whole", "parts")
    ]
    for expected, got in zip(*lines, strict=True):
        for key in ("epoch", "train_loss", "train_accuracy", "val_loss", "val_accuracy", "lr"):
            assert expected[key] == got[key]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_save_and_say_how_to_go_on(tmp_path, small, number: int) -> None:
    process = start(tmp_path, "train", "--epochs", "50", "--out", "run", *small)
    wait_for_epochs(tmp_path / "run", 1, process)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "go on with: batchnorm train --resume run" in err
    assert "Traceback" not in err
    load_model(tmp_path / "run" / "model.safetensors")


def test_overwrite_replaces_a_run(batchnorm, small) -> None:
    options = ["--epochs", 1, "--out", "run", "--quiet", *small]
    assert batchnorm("train", *options).code == 0
    refused = batchnorm("train", "--seed", 4, *options)
    assert refused.code == 2
    said = batchnorm("train", "--seed", 4, "--overwrite", *options)
    assert said.code == 0
    assert "lies in run.replaced until this one ends" in said.err
    assert RunFolder.open("run").read_config().seed == 4
    assert [path.name for path in Path().iterdir()] == ["run"]


@pytest.mark.parametrize("options", [["--resume", "run"], []])
def test_overwrite_without_a_run_to_replace_is_a_mistake(batchnorm, run, options: list[str]) -> None:
    Path("run").symlink_to(run)
    said = batchnorm("train", "--overwrite", *options)
    assert (said.code, said.out) == (2, "")
    assert "--overwrite: is for the run that --out names" in said.err
