"""A process is stopped, killed, or hangs: the others end with one message, and the training can be gone on with."""

import json
import os
import random
import signal
import time

import pytest

from tests.processes.launching import SMALL, torchrun, wait_for

pytestmark = pytest.mark.slow
EPOCHS = 30


def train(run, *more: str) -> list[str]:
    return ["train", "--epochs", str(EPOCHS), *SMALL, "--out", str(run), *more]


def resumed(run, processes: int) -> dict:
    with torchrun(processes, "train", "--resume", str(run), "--json", "--quiet") as launched:
        out, said = launched.end()
    assert launched.agent.returncode == 0, launched.errors
    assert said == []
    return json.loads(out.splitlines()[-1])


@pytest.mark.parametrize("seed", range(10))
def test_the_others_end_within_a_minute_of_kill_9_and_resume_goes_on(tmp_path, seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311 - moments, no secrets
    run, processes = tmp_path / "run", draw.choice([2, 3])
    with torchrun(processes, *train(run, *["--sync-bn"] * (seed % 2))) as launched:
        wait_for(run / "config.toml")
        victim = launched.find_workers()[draw.randrange(processes)]
        time.sleep(draw.uniform(0.0, 4.0))
        os.kill(victim, signal.SIGKILL)
        assert launched.seconds_until_gone() < 60
        _, said = launched.end()
    assert len(said) == 1, launched.errors
    assert f"process {victim}" in said[0]
    assert "has died without a word" in said[0]
    assert f"batchnorm train --resume {run}" in said[0]
    assert resumed(run, draw.choice([1, 2]))["epochs"] == EPOCHS
    assert not list(run.glob(".*.part")), "what the killed process had half-written"


@pytest.mark.parametrize(("number", "name"), [(signal.SIGINT, "SIGINT"), (signal.SIGTERM, "SIGTERM")])
def test_all_stop_after_the_same_step_and_one_says_how_to_go_on(tmp_path, number: int, name: str) -> None:
    run = tmp_path / "run"
    with torchrun(2, *train(run)) as launched:
        wait_for(run / "metrics.jsonl")
        launched.find_workers()
        launched.agent.send_signal(number)
        assert launched.seconds_until_gone() < 30
        _, said = launched.end()
    assert len(said) == 1, launched.errors
    assert f"{name}: stopped in epoch" in said[0]
    assert f"batchnorm train --resume {run}" in said[0]
    assert resumed(run, 2)["epochs"] == EPOCHS


def test_a_signal_to_one_process_stops_all(tmp_path) -> None:
    run = tmp_path / "run"
    with torchrun(2, *train(run)) as launched:
        wait_for(run / "metrics.jsonl")
        os.kill(launched.find_workers()[1], signal.SIGTERM)
        assert launched.seconds_until_gone() < 30
        _, said = launched.end()
    assert len(said) == 1, launched.errors
    assert "stopped in epoch" in said[0]


def test_a_process_that_hangs_ends_the_others_when_their_patience_does(tmp_path) -> None:
    run = tmp_path / "run"
    with torchrun(2, *train(run), BATCHNORM_TIMEOUT="5") as launched:
        wait_for(run / "metrics.jsonl")
        victim = launched.find_workers()[1]
        os.kill(victim, signal.SIGSTOP)
        _, said = launched.end()  # torchrun kills what does not end within half a minute
    assert len(said) == 1, launched.errors
    assert f"rank 1 (process {victim}" in said[0]
    assert "does not answer" in said[0]
    assert "the training is saved as it stood in epoch" in said[0]


TIRED = """
import os
import torch


class Tired(torch.nn.Module):
    def __init__(self, num_classes, in_channels, image_size, **_):
        super().__init__()
        self.convolution = torch.nn.Conv2d(in_channels, 4, 3, stride=2)
        self.norm = torch.nn.BatchNorm2d(4)
        self.another = torch.nn.BatchNorm2d(4)
        self.linear = torch.nn.Linear(4, num_classes)
        self.calls = 0

    def forward(self, x):
        self.calls += self.training
        x = self.norm(self.convolution(x))
        if os.environ["RANK"] == os.environ["TIRED"] and self.calls > 40:
            raise RuntimeError("tired")
        return self.linear(self.another(x).relu().mean((2, 3)))
"""


@pytest.mark.parametrize("norms", [[], ["--sync-bn"]], ids=["apart", "synchronized"])
@pytest.mark.parametrize("rank", [0, 1])
def test_a_process_that_raises_ends_all_with_its_words(tmp_path, rank: int, norms: list[str]) -> None:
    (tmp_path / "nets.py").write_text(TIRED)
    run, own = tmp_path / "run", {"PYTHONPATH": str(tmp_path), "TIRED": str(rank)}
    options = ["--epochs", "9", "--val-fraction", "0.9", "--model", "nets:Tired"]
    with torchrun(2, "train", *options, *norms, "--out", str(run), **own) as launched:
        _, said = launched.end()
    assert len(said) == 1, launched.errors
    assert "tired" in said[0]
    assert (run / "last.ckpt").exists()
