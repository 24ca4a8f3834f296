"""Small real data and a small net: what the tests of training share."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from batchnorm import data
from batchnorm.allocator import AllocatorTuning
from batchnorm.data import DatasetInfo, Split, SplitName
from batchnorm.runs import TrainConfig
from batchnorm.training import _freed_memory, fit

from ..bundled_images import first


class FewImages:
    """The first images of the bundled Fashion-MNIST, as a source."""

    def __init__(self, train: int = 300, test: int = 100) -> None:
        self.bundled = data.get("fashion-mnist-mini")
        self.sizes = {"train": train, "test": test}
        self.loaded: list[SplitName] = []

    @property
    def info(self) -> DatasetInfo:
        return replace(
            self.bundled.info,
            name="few",
            train_size=self.sizes["train"],
            test_size=self.sizes["test"],
        )

    def locate(self) -> Path | None:
        return self.bundled.locate()

    def load(self, split: SplitName) -> Split:
        self.loaded.append(split)
        return first(split, self.sizes[split])


@pytest.fixture
def few_images() -> type[FewImages]:
    return FewImages


@pytest.fixture
def few() -> FewImages:
    return FewImages()


@pytest.fixture
def quick() -> TrainConfig:
    """Two epochs of a net of a few thousand parameters, with everything on that has a state."""
    return TrainConfig(
        model_args={"width": 4},
        epochs=2,
        batch_size=64,
        lr=0.05,
        shift=1,
        ema_decay=0.9,
        threads=1,
        val_fraction=0.1,
    )


@pytest.fixture
def tunings(monkeypatch) -> list[AllocatorTuning]:
    """What a training would have done to this process' allocator; nothing is done to it."""
    made: list[AllocatorTuning] = []

    def tune() -> AllocatorTuning:
        made.append(AllocatorTuning(True, "glibc 2.36", (), "", "", bool(made)))
        return made[-1]

    monkeypatch.setattr(_freed_memory, "tune_allocator", tune)
    return made


@pytest.fixture(scope="module")
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on a few images, by the CONFIG of the test's file, which names the bundled set."""
    folder = tmp_path_factory.mktemp("run") / "run"
    fit(request.module.CONFIG, out=folder, source=FewImages())
    return folder


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed."""
    return shutil.copytree(trained, tmp_path / "run")
