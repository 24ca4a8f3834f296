"""Data sets of torch that do not fit into memory: read again in every epoch, and the same bit for bit."""

import multiprocessing
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset

from batchnorm.data import Augmentation, Batches, Normalization, Source, from_datasets
from batchnorm.errors import InputError
from batchnorm.files import _memory
from batchnorm.runs import TrainConfig
from batchnorm.training import fit

pytestmark = pytest.mark.usefixtures("one_thread")


class Noise(Dataset):
    """Images of 3x8x10, each made by its own seed; their brightness tells the class."""

    def __init__(self, count: int, broken: int = -1) -> None:
        self.count, self.broken, self.read = count, broken, 0

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        if index >= self.count:
            raise IndexError(index)
        if index == self.broken:
            raise KeyError("no such file")
        self.read += 1
        images = torch.randint(200, (3, 8, 10), generator=torch.Generator().manual_seed(index), dtype=torch.uint8)
        return images + 25 * (index % 3), index % 3


def source(*, in_memory: bool | None, workers: int = 0, **options: int) -> Source:
    return from_datasets(Noise(23, **options), Noise(7), in_memory=in_memory, workers=workers, name="noise")


def batches(source: Source) -> list[tuple[Tensor, Tensor]]:
    made = Batches(
        source.load("train"),
        8,
        Normalization((0.5,) * 3, (0.2,) * 3),
        augmentation=Augmentation(flip=True, shift=1, crop=0.5),
        shuffle=True,
    )
    return list(made.epoch(seed=3, epoch=1))


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_are_those_of_images_in_memory_bit_for_bit(workers: int) -> None:
    kept, read = batches(source(in_memory=True)), batches(source(in_memory=False, workers=workers))
    for (images, labels), (others, numbers) in zip(kept, read, strict=True):
        assert torch.equal(images, others)
        assert torch.equal(labels, numbers)


def test_nothing_is_kept_of_images_that_are_read_when_they_are_needed() -> None:
    train = Noise(23)
    split = from_datasets(train, Noise(7), in_memory=False, workers=0).load("train")
    before = train.read
    for _ in range(2):
        split.read(torch.arange(5))
    assert train.read == before + 10


def test_their_constants_are_those_of_images_in_memory() -> None:
    kept, read = (source(in_memory=in_memory).load("train").images for in_memory in (True, False))
    assert Normalization.of(kept) == Normalization.of(read)


def test_their_fingerprint_is_that_of_images_in_memory() -> None:
    kept, read = (source(in_memory=in_memory).load("train") for in_memory in (True, False))
    assert kept.fingerprint() == read.fingerprint() != read.subset(torch.arange(22)).fingerprint()


@pytest.mark.parametrize(("free", "kept"), [(2 * 30 * 240, True), (2 * 30 * 240 - 1, False), (None, True)])
def test_the_memory_that_is_free_says_whether_images_are_kept(monkeypatch, free: int | None, kept: bool) -> None:
    monkeypatch.setattr(_memory, "free_memory", lambda: free)
    assert isinstance(source(in_memory=None).load("train").images, Tensor) == kept


def test_a_training_on_them_is_that_on_images_in_memory() -> None:
    config = TrainConfig(epochs=1, batch_size=8, threads=1, model_args={"width": 4}, tune_allocator=False)
    trained = [fit(config, source=source(in_memory=in_memory)) for in_memory in (True, False)]
    assert replace(trained[0].result, seconds=0) == replace(trained[1].result, seconds=0)


@pytest.mark.parametrize("in_memory", [True, False])
@pytest.mark.parametrize("workers", [0, 1])
def test_a_sample_that_cannot_be_read_is_told_by_its_number(in_memory: bool, workers: int) -> None:
    with pytest.raises(InputError, match=r"train: sample 20 raised KeyError: .*no such file"):
        source(in_memory=in_memory, workers=workers, broken=20).load("train")


def test_a_daemon_reads_in_its_own_process(monkeypatch) -> None:
    monkeypatch.setitem(multiprocessing.current_process()._config, "daemon", True)
    assert len(batches(source(in_memory=False, workers=2))) == 3


def test_processes_that_read_ahead_end_with_whoever_asked() -> None:
    steps = Batches(source(in_memory=False, workers=2).load("train"), 4, Normalization((0.5,) * 3, (0.2,) * 3)).epoch()
    next(steps)
    assert multiprocessing.active_children()
    steps.close()
    assert not multiprocessing.active_children()
