"""`recalibrate_checkpoint` and `wiring_of_checkpoint`: a state_dict of somebody's own net."""

import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from batchnorm.data import Batches, Normalization
from batchnorm.errors import InputError
from batchnorm.progress import RunRecalibrationWatcher
from batchnorm.runs import recalibrate_checkpoint, wiring_of_checkpoint

pytestmark = pytest.mark.usefixtures("one_thread")

NETS = """
import torch
from torch import nn

def net():
    return nn.Sequential(nn.Conv2d(1, 4, 3, 2, bias=False), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(676, 10))

def features():
    return nn.Sequential(nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4))

class Counts(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = net()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x):
        self.calls += 1
        return self.net(x)
"""


@pytest.fixture
def checkpoint(tmp_path, monkeypatch) -> nn.Module:
    """`checkpoint_nets.py`, and `net.pt` with the weights of `net`, which is returned."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "checkpoint_nets", raising=False)
    Path("checkpoint_nets.py").write_text(NETS)
    torch.manual_seed(0)
    names: dict[str, object] = {}
    exec(NETS, names)  # noqa: S102 - the text above
    net = names["net"]()
    torch.save(net.state_dict(), "net.pt")
    return net


def population(net: nn.Module, few) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and unbiased variance of the norm's input over all training images, in float64."""
    images = few.load("train")
    ((batch, _),) = Batches(images, len(images), Normalization.of(images.images))
    with torch.no_grad():
        inputs = net[0].double()(batch.double())
    net.float()
    return inputs.mean((0, 2, 3)), inputs.var((0, 2, 3))


def test_the_statistics_are_those_of_the_set_and_all_else_keeps_every_bit(checkpoint, few) -> None:
    recalibrate_checkpoint("net.pt", model="checkpoint_nets:net", source=few, out="new.pt")
    before, after = torch.load("net.pt", weights_only=True), torch.load("new.pt", weights_only=True)
    mean, var = population(checkpoint, few)
    torch.testing.assert_close(after["1.running_mean"], mean.float(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(after["1.running_var"], var.float(), rtol=1e-4, atol=1e-5)
    assert list(after) == list(before)
    assert {name for name in before if not torch.equal(before[name], after[name])} == {
        "1.running_mean",
        "1.running_var",
    }


def test_the_file_that_was_read_stays_and_is_judged_before_and_after(checkpoint, few) -> None:
    read = Path("net.pt").read_bytes()
    said = recalibrate_checkpoint("net.pt", model="checkpoint_nets:net", source=few, out="new.pt")
    assert Path("net.pt").read_bytes() == read
    test = few.load("test")
    images, labels = next(iter(Batches(test, 100, Normalization.of(few.load("train").images))))
    with torch.no_grad():
        outputs = checkpoint.eval()(images)
    assert said.before.loss == pytest.approx(nn.functional.cross_entropy(outputs, labels).item(), rel=1e-4)
    checkpoint.load_state_dict(torch.load("new.pt", weights_only=True))
    with torch.no_grad():
        outputs = checkpoint(images)
    assert said.after.loss == pytest.approx(nn.functional.cross_entropy(outputs, labels).item(), rel=1e-4)
    assert (said.judged_on, said.judged, said.written, said.augmented) == ("test", 100, "new.pt", False)


def test_a_single_test_image_is_enough_to_judge_by(checkpoint, few_images) -> None:
    said = recalibrate_checkpoint("net.pt", model="checkpoint_nets:net", source=few_images(test=1), out="new.pt")
    assert (said.judged_on, said.judged) == ("test", 1)


@pytest.mark.parametrize(("source", "out"), [("net.safetensors", "new"), ("net.pt", "new.safetensors")])
def test_a_safetensors_file_is_read_and_written_as_the_name_says(checkpoint, few, source: str, out: str) -> None:
    save_file(checkpoint.state_dict(), "net.safetensors", {"origin": "here"})
    recalibrate_checkpoint(source, model="checkpoint_nets:net", source=few, out=out)
    mean, _ = population(checkpoint, few)
    torch.testing.assert_close(load_file(out)["1.running_mean"], mean.float(), rtol=1e-4, atol=1e-5)


def test_names_of_a_wrapper_are_kept(checkpoint, few) -> None:
    torch.save({f"module.{name}": tensor for name, tensor in checkpoint.state_dict().items()}, "wrapped.pt")
    recalibrate_checkpoint("wrapped.pt", model="checkpoint_nets:net", source=few, out="new.pt")
    after = torch.load("new.pt", weights_only=True)
    assert list(after) == [f"module.{name}" for name in checkpoint.state_dict()]
    mean, _ = population(checkpoint, few)
    torch.testing.assert_close(after["module.1.running_mean"], mean.float(), rtol=1e-4, atol=1e-5)


def test_what_a_net_counts_in_its_forward_is_written_as_it_was_read(checkpoint, few) -> None:
    state = {f"net.{name}": tensor for name, tensor in checkpoint.state_dict().items()}
    torch.save({"calls": torch.tensor(7.0), **state}, "counts.pt")
    recalibrate_checkpoint("counts.pt", model="checkpoint_nets:Counts", source=few, out="new.pt")
    after = torch.load("new.pt", weights_only=True)
    assert after["calls"] == 7
    assert not torch.equal(after["net.1.running_mean"], state["net.1.running_mean"])


def test_a_net_without_scores_is_not_judged(checkpoint, few) -> None:
    torch.save({name: tensor for name, tensor in checkpoint.state_dict().items() if name[0] in "01"}, "part.pt")
    said = recalibrate_checkpoint("part.pt", model="checkpoint_nets:features", source=few, out="new.pt")
    assert (said.before, said.after, said.judged_on, said.judged) == (None, None, None, 0)


def test_half_precision_stays_half_precision(checkpoint, few) -> None:
    torch.save(checkpoint.bfloat16().state_dict(), "half.pt")
    recalibrate_checkpoint("half.pt", model="checkpoint_nets:net", source=few, out="new.pt")
    after = torch.load("new.pt", weights_only=True)
    assert {tensor.dtype for tensor in after.values() if tensor.is_floating_point()} == {torch.bfloat16}


def test_progress_and_notes_are_heard(checkpoint, few) -> None:
    heard: list[str] = []

    class Listener(RunRecalibrationWatcher):
        def started(self, plan) -> None:
            heard.append(f"{plan.model} by {plan.images} of {plan.data}")

        def note(self, message: str) -> None:
            heard.append(message)

    recalibrate_checkpoint("net.pt", model="checkpoint_nets:net", source=few, out="new.pt", watcher=Listener())
    assert "normalized by the mean and standard deviation of the training images of few" in heard[0]
    assert heard[1] == "checkpoint_nets:net by 300 of few"


REFUSED = {
    "no net": ({"model": None}, "is a state_dict of a net of your own"),
    "no data": ({"source": None}, "is a state_dict of a net of your own"),
    "another shape": ({"inputs": [(1, 3, 28, 28)]}, "inputs: expected the shape of the images of few, Nx1x28x28"),
    "two inputs": ({"inputs": [(1, 1, 28, 28)] * 2}, "inputs: expected the shape of the images"),
    "another net": ({"model": "checkpoint_nets:features"}, "does not fit the net of checkpoint_nets:features"),
    "no place": ({"out": None}, "out: expected the name of a new file"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_done_is_refused_and_nothing_is_written(checkpoint, few, case: str) -> None:
    changed, message = REFUSED[case]
    before = sorted(path.name for path in Path().iterdir() if path.suffix)
    arguments = {"model": "checkpoint_nets:net", "source": few, "out": "new.pt", **changed}
    with pytest.raises(InputError, match=message):
        recalibrate_checkpoint("net.pt", **arguments)
    assert sorted(path.name for path in Path().iterdir() if path.suffix) == before


def test_a_file_is_replaced_only_if_that_is_allowed(checkpoint, few) -> None:
    Path("new.pt").write_text("mine")
    with pytest.raises(InputError, match=r"new\.pt exists already"):
        recalibrate_checkpoint("net.pt", model="checkpoint_nets:net", source=few, out="new.pt")
    assert Path("new.pt").read_text() == "mine"
    recalibrate_checkpoint("net.pt", model="checkpoint_nets:net", source=few, out="new.pt", overwrite=True)
    assert "1.running_mean" in torch.load("new.pt", weights_only=True)


def test_the_wiring_of_a_checkpoint_is_that_of_its_net(checkpoint) -> None:
    record = wiring_of_checkpoint("net.pt", model="checkpoint_nets:net", inputs=[(2, 1, 28, 28)])
    assert [(row.module, row.read_by) for row in record.rows[:2]] == [("0", ("1",)), ("1", ("2",))]
    assert [(norm.module, norm.outcome, norm.into) for norm in record.norms] == [("1", "folded", ("0",))]
    assert (record.data, record.input, record.model) == (None, (2, 1, 28, 28), "checkpoint_nets:net")


def test_a_wiring_without_shapes_or_with_wrong_ones_is_refused(checkpoint) -> None:
    with pytest.raises(InputError, match="is a state_dict of a net of your own"):
        wiring_of_checkpoint("net.pt", model="checkpoint_nets:net", inputs=[])
    with pytest.raises(InputError, match="the net cannot take an input of 2x3x28x28: RuntimeError"):
        wiring_of_checkpoint("net.pt", model="checkpoint_nets:net", inputs=[(2, 3, 28, 28)])
