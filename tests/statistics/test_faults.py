"""Whatever is raised while it runs comes through unchanged, and the model is bit for bit as before."""

import pytest
import torch
from torch import nn

from batchnorm import recalibrate
from batchnorm.statistics import RecalibrationWatcher

from .oracle import errors, images, make, picture, population


class BrokenError(Exception):
    """Raised by a loader, a model, a watcher."""


class Loader:
    """Raises in one of its batches, when it is read for the nth time."""

    def __init__(self, error, read, batch):
        self.error, self.read, self.batch, self.reads = error, read, batch, 0

    def __iter__(self):
        self.reads += 1
        for number, batch in enumerate(images().split(10), 1):
            if (self.reads, number) == (self.read, self.batch):
                raise self.error
            yield batch, torch.rand(3)


@pytest.mark.parametrize(
    "error", [BrokenError("disk"), KeyboardInterrupt("ctrl-c"), SystemExit(3), MemoryError("much")]
)
@pytest.mark.parametrize(("method", "read"), [("average", 1), ("exact", 1), ("exact", 2), ("exact", 3), ("exact", 4)])
@pytest.mark.parametrize("batch", [1, 3])
def test_what_the_loader_raises(error, method, read, batch):
    model = make("mlp").train()
    model.bn2.eval()
    model.bn2.weight.grad = torch.ones(20)
    before = picture(model)
    with pytest.raises(type(error), match=str(error)) as caught:
        recalibrate(model, Loader(error, read, batch), method=method)
    assert caught.value is error
    assert picture(model) == before


@pytest.mark.parametrize("call", range(1, 12))
def test_what_the_model_raises_in_any_of_its_calls(call):
    model = make("mlp")
    calls = []

    def hook(*_):
        calls.append(1)
        if len(calls) == call:
            raise BrokenError("model")

    model.linear3.register_forward_hook(hook)
    before = picture(model)
    # The forwards that look at the model, in training and for the depths, are tried again.
    if call in (1, 5):
        record = recalibrate(model, images().split(10), method="exact")
        assert (record.certificate.settled, record.notes) == (4, ())
        return
    with pytest.raises(BrokenError, match="model"):
        recalibrate(model, images().split(10), method="exact")
    assert picture(model) == before


def test_a_model_that_cannot_be_looked_at_is_settled_norm_by_norm():
    class Hiding(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = make("mlp")

        def forward(self, x):
            if torch._C._len_torch_dispatch_stack():
                raise BrokenError("not under a mode")
            return self.net(x)

    model, x = Hiding(), images()
    expected = population(model, x)
    record = recalibrate(model, x.split(10), method="exact")
    assert "cannot run while it is looked at: the norms are settled one after the other" in record.notes[0]
    assert max(errors(model, expected)) <= 1e-5


def test_what_a_watcher_raises():
    class Watcher(RecalibrationWatcher):
        def planned(self, rounds, seconds):
            raise BrokenError("watcher")

    model = make("mlp")
    before = picture(model)
    with pytest.raises(BrokenError, match="watcher"):
        recalibrate(model, images().split(10), method="exact", watcher=Watcher())
    assert picture(model) == before


@pytest.mark.parametrize("mode", [True, False])
@pytest.mark.parametrize("method", ["average", "exact"])
def test_success_changes_nothing_but_the_statistics(method, mode):
    model = make("convbnnet").train(mode)
    before = picture(model)
    recalibrate(model, images().split(10), method=method)
    after = picture(model)
    assert after[1:] == before[1:]
    assert [entry[:2] for entry in after[0]] == [entry[:2] for entry in before[0]]
    changed = {new[0].rpartition(".")[2] for new, old in zip(after[0], before[0], strict=True) if new != old}
    assert changed == {"running_mean", "running_var"}
