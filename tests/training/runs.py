"""What the tests of trainings compare and how they stop one."""

import os
import signal
from dataclasses import replace

import torch

from batchnorm.records import EpochRecord
from batchnorm.runs import load_model
from batchnorm.training import StepReport, Watcher


def weights(path) -> dict[str, torch.Tensor]:
    return load_model(path / "model.safetensors")[0].state_dict()


def assert_same_bits(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, other[name]), name


def without_times(record: EpochRecord) -> EpochRecord:
    return replace(record, seconds=0.0, images_per_second=0.0)


def make_old(path) -> None:
    """Make a run of one that an earlier version wrote, which did not know all options."""
    later = {"accumulate", "ema_buffers", "fold", "freeze_norms", "moments", "recalibrate", "refresh", "route"}
    later |= {"bn_buffers", "crop", "freeze", "init", "jitter", "keep", "log", "norm_mode", "sync_bn", "tune_allocator"}
    state = torch.load(path / "last.ckpt", weights_only=True)
    state["circumstances"] = {name: value for name, value in state["circumstances"].items() if name not in later}
    torch.save(state, path / "last.ckpt")
    lines = (path / "config.toml").read_text().splitlines(keepends=True)
    kept = [line for line in lines if line.split(" = ")[0] not in later]
    assert len(kept) == len(lines) - len(
        later - {"crop", "freeze", "freeze_norms", "init", "refresh"}
    )  # which are not written where they are None
    (path / "config.toml").write_text("".join(kept))


class Listener(Watcher):
    """Keeps the notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)


class Stopper(Watcher):
    """Sends a signal to this very process after so many steps."""

    def __init__(self, after: int, number: int = signal.SIGINT) -> None:
        self.left, self.number = after, number

    def step(self, report: StepReport) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), self.number)


def moves(net: torch.nn.Module) -> dict[str, bool]:
    """Which norms are in training mode where the net is."""
    net.train()
    return {name: module.training for name, module in net.named_modules() if "bn" in name}
