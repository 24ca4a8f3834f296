"""When does a training tune the allocator, and when does it speak of it?"""

from dataclasses import replace

import pytest
import torch

from batchnorm.allocator import AllocatorTuning
from batchnorm.runs import TrainConfig
from batchnorm.training import _freed_memory, fit
from batchnorm.training._freed_memory import keep_freed_memory

from .runs import Listener

CPU = torch.device("cpu")


def test_a_training_on_a_cpu_tunes_it_once_and_does_not_speak_of_it(few, quick, tunings) -> None:
    listener = Listener()
    fit(replace(quick, epochs=1), source=few, watcher=listener)
    assert len(tunings) == 1
    assert listener.notes == []


def test_a_training_leaves_it_when_it_is_told_to(few, quick, tunings) -> None:
    fit(replace(quick, epochs=1, tune_allocator=False), source=few)
    assert tunings == []


def test_a_training_on_a_gpu_leaves_it(tunings) -> None:
    keep_freed_memory(TrainConfig(), torch.device("cuda:0"), Listener())
    assert tunings == []


@pytest.mark.parametrize(
    ("cause", "told"),
    [("", False), ("platform", False), ("malloc", False), ("torch", False), ("libc", True), ("refused", True)],
)
def test_it_is_told_only_where_memory_goes_back_and_that_can_be_helped(monkeypatch, cause: str, told: bool) -> None:
    tuning = AllocatorTuning(not cause, None, (), cause, "of a reason", False)
    monkeypatch.setattr(_freed_memory, "tune_allocator", lambda: tuning)
    listener = Listener()
    keep_freed_memory(TrainConfig(), CPU, listener)
    wanted = "The allocator was not tuned: of a reason. Steps may be slower for it; tune_allocator=False leaves it "
    assert [note.startswith(wanted) for note in listener.notes] == [True] * told
