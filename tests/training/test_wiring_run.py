"""A run's net, watched: which images it gets, its rows, who reads them, and what can be done with the norms."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from batchnorm.data import Normalization
from batchnorm.errors import InputError
from batchnorm.models import build
from batchnorm.runs import ModelCard, save_model, wiring_of_run
from batchnorm.surgery import make_plan
from batchnorm.surgery.folding._wiring_record import rows_of
from batchnorm.wiring import trace

X = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))


class Net(nn.Module):
    """Parts by name, and a forward that is a function of the net and of its input."""

    def __init__(self, body, **parts) -> None:
        super().__init__()
        self.body = body
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x):
        return self.body(self, x)


def watched(body, **parts):
    """The rows of a net by their names, and who reads its input."""
    return watched_net(Net(body, **parts).eval())


def watched_net(net):
    wiring = trace(net, X)
    rows, of_input = rows_of(wiring, make_plan(wiring))
    return {row.module: row for row in rows}, of_input


def conv(channels: int = 4, inputs: int = 3) -> nn.Conv2d:
    return nn.Conv2d(inputs, channels, 1)


def readers(rows) -> dict[str, tuple[str, ...]]:
    return {name: row.read_by for name, row in rows.items()}


@pytest.fixture
def model_file(tmp_path, few):
    """Makes a small net's file, trained on the set of that name."""

    def make(data: str = "few", model: str = "ConvBNNet"):
        info = few.info
        arguments = {"width": 4} if model == "ConvBNNet" else {}
        net = build(model, num_classes=10, in_channels=1, image_size=28, **arguments)
        card = ModelCard(model, arguments, info.classes, 1, 28, Normalization((0.3,), (0.4,)), data)
        save_model(tmp_path / "net.safetensors", net, card)
        return tmp_path / "net.safetensors"

    return make


def test_the_first_test_images_of_the_set_are_taken(model_file, few) -> None:
    record = wiring_of_run(model_file(), batch_size=3, source=few, device="cpu")
    assert (record.data, record.input, record.input_read_by) == ("few", (3, 1, 28, 28), ("conv1",))
    assert few.loaded == ["test"]
    assert record.notes == ()


def test_the_set_of_the_card_is_taken_by_its_name(model_file) -> None:
    assert wiring_of_run(model_file("fashion-mnist-mini")).data == "fashion-mnist-mini"


def test_random_numbers_stand_in_for_images_that_are_not_here_and_it_is_said(model_file) -> None:
    record = wiring_of_run(model_file("mine"), batch_size=5)
    assert (record.data, record.input) == (None, (5, 1, 28, 28))
    assert record.notes == ("the images of mine are not here; random numbers were taken instead",)


def test_a_set_that_lies_nowhere_is_not_fetched(model_file, few, monkeypatch) -> None:
    monkeypatch.setattr(few, "locate", lambda: None)
    assert wiring_of_run(model_file(), source=few).data is None
    assert few.loaded == []


def test_every_module_of_the_default_net_is_a_row_with_its_reader(model_file) -> None:
    record = wiring_of_run(model_file("mine"))
    assert [(row.module, row.kind, row.calls, row.output, row.axis, row.read_by) for row in record.rows] == [
        ("conv1", "Conv2d", 1, (2, 4, 28, 28), 1, ("bn1",)),
        ("bn1", "BatchNormPool2d", 1, (2, 4, 14, 14), 1, ("conv2",)),
        ("conv2", "Conv2d", 1, (2, 8, 14, 14), 1, ("bn2",)),
        ("bn2", "BatchNormPool2d", 1, (2, 8, 7, 7), 1, ("flatten",)),
        ("flatten", "Flatten", 1, (2, 392), None, ("fc",)),
        ("fc", "Linear", 1, (2, 10), 1, ("(returned)",)),
    ]
    assert [(norm.outcome, norm.into, norm.reason) for norm in record.norms] == [
        ("folded", ("conv1",), None),
        ("folded", ("conv2",), None),
    ]


def test_the_run_is_as_it_was(model_file) -> None:
    path = model_file("mine")
    before = path.read_bytes()
    wiring_of_run(path)
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("size", [0, -1, 2.0, True])
def test_a_batch_size_that_is_none_is_refused(model_file, size) -> None:
    with pytest.raises(InputError, match=r"^batch_size: expected an integer of at least 1, got "):
        wiring_of_run(model_file("mine"), batch_size=size)


def test_a_set_with_other_images_is_refused(model_file, few_images) -> None:
    class Colourful(few_images):
        @property
        def info(self):
            from dataclasses import replace

            return replace(super().info, in_channels=3)

    with pytest.raises(InputError, match="got few, which has other images or classes"):
        wiring_of_run(model_file(), source=Colourful())


def test_a_tensor_that_functions_pass_on_is_read_by_the_next_module() -> None:
    rows, of_input = watched(lambda m, x: m.head(F.relu(m.conv(x + 1)).mean((2, 3))), conv=conv(), head=nn.Linear(4, 2))
    assert of_input == ("conv",)
    assert readers(rows) == {"conv": ("head",), "head": ("(returned)",)}


def test_a_skip_is_read_by_what_takes_the_sum() -> None:
    def body(m, x):
        y = m.first(x)
        return m.act(m.second(y) + y)

    rows, _ = watched(body, first=conv(), second=conv(4, 4), act=nn.ReLU())
    assert readers(rows) == {"first": ("second", "act"), "second": ("act",), "act": ("(returned)",)}


def test_what_is_written_in_place_is_the_writer_s_from_then_on() -> None:
    def body(m, x):
        return m.last(m.act(m.conv(x)))

    rows, _ = watched(body, conv=conv(), act=nn.ReLU(inplace=True), last=conv(2, 4))
    assert readers(rows) == {"conv": ("act",), "act": ("last",), "last": ("(returned)",)}


def test_a_sum_in_place_is_of_both() -> None:
    def body(m, x):
        y = m.first(x)
        y += m.second(x)
        return m.act(y)

    rows, of_input = watched(body, first=conv(), second=conv(), act=nn.ReLU())
    assert of_input == ("first", "second")
    assert readers(rows) == {"first": ("act",), "second": ("act",), "act": ("(returned)",)}


def test_a_module_that_only_reshapes_stands_between() -> None:
    rows, _ = watched(lambda m, x: m.fc(m.flat(m.conv(x))), conv=conv(), flat=nn.Flatten(), fc=nn.Linear(64, 2))
    assert readers(rows) == {"conv": ("flat",), "flat": ("fc",), "fc": ("(returned)",)}


def test_who_reads_a_tensor_itself_does_not_read_the_view_that_a_module_made_of_it() -> None:
    def body(m, x):
        y = m.conv(x)
        return m.fc(m.flat(y)), m.other(y)

    rows, _ = watched(body, conv=conv(), flat=nn.Flatten(), fc=nn.Linear(64, 2), other=conv(2, 4))
    assert readers(rows)["conv"] == ("flat", "other")
    assert readers(rows)["flat"] == ("fc",)


def test_a_module_that_hands_its_input_on_is_passed_by() -> None:
    rows, _ = watched(lambda m, x: m.last(m.drop(m.conv(x))), conv=conv(), drop=nn.Dropout(0.5), last=conv(2, 4))
    assert readers(rows) == {"conv": ("last",), "drop": ("(hands its input on)",), "last": ("(returned)",)}


def test_a_module_that_is_called_twice_is_one_row_that_reads_itself() -> None:
    rows, _ = watched(lambda m, x: m.conv(m.conv(x)), conv=conv(3))
    assert rows["conv"].calls == 2
    assert rows["conv"].read_by == ("conv", "(returned)")


def test_a_tensor_that_is_kept_is_said_to_be() -> None:
    def body(m, x):
        m.memory = m.conv(x)
        return m.memory + 1

    assert watched(body, conv=conv())[0]["conv"].read_by == ("(returned)", "(kept)")


def test_concatenated_tensors_are_all_read() -> None:
    def body(m, x):
        return m.last(torch.cat([m.first(x), m.second(x)], 1))

    rows, _ = watched(body, first=conv(), second=conv(), last=conv(2, 8))
    assert readers(rows) == {"first": ("last",), "second": ("last",), "last": ("(returned)",)}


def test_a_norm_is_one_row_whatever_runs_inside_it() -> None:
    class NormAct(nn.BatchNorm2d):
        def __init__(self, channels) -> None:
            super().__init__(channels)
            self.act = nn.ReLU(inplace=True)

        def forward(self, x):
            return self.act(super().forward(x))

    rows, _ = watched(lambda m, x: m.last(m.bn(m.conv(x))), conv=conv(), bn=NormAct(4), last=conv(2, 4))
    assert readers(rows) == {"conv": ("bn",), "bn": ("last",), "last": ("(returned)",)}
    assert (rows["bn"].kind, rows["bn"].outcome) == ("NormAct", "folded")


def test_a_container_that_computes_with_a_weight_itself_has_a_row_for_it() -> None:
    def body(m, x):
        return m.last(F.conv2d(x, m.weight))

    rows, of_input = watched(body, weight=nn.Parameter(torch.randn(4, 3, 1, 1)), last=conv(2, 4))
    assert of_input == ("[convolution]",)
    assert readers(rows) == {"[convolution]": ("last",), "last": ("(returned)",)}
    row = rows["[convolution]"]
    assert (row.kind, row.output, row.axis) == ("function", (2, 4, 4, 4), 1)


def test_a_norm_without_a_module_is_a_row_that_stays() -> None:
    def body(m, x):
        return F.batch_norm(m.conv(x), torch.zeros(4), torch.ones(4))

    row = watched(body, conv=conv())[0]["[batch_norm]"]
    assert (row.outcome, row.reason) == (
        "left",
        "F.batch_norm is called in a forward, where there is no module to replace: use a norm module instead",
    )


def test_a_norm_that_never_ran_is_the_last_row() -> None:
    rows, _ = watched(lambda m, x: m.conv(x), unused=nn.BatchNorm2d(4), conv=conv())
    assert list(rows) == ["conv", "unused"]
    unused = rows["unused"]
    assert (unused.calls, unused.output, unused.read_by, unused.outcome) == (0, None, (), "left")
    assert unused.reason == "it was not called with the examples: give one with which it is"


def test_the_readers_of_all_ways_are_together_and_each_way_is_counted() -> None:
    def body(m, x):
        y = m.conv(x)
        return m.one(y) if y.mean() > 0 else m.other(y)

    rows, _ = watched(body, conv=conv(), one=conv(2, 4), other=conv(2, 4))
    assert set(rows["conv"].read_by) == {"one", "other"}
    assert (rows["one"].calls, rows["other"].calls) == (1, 1)


def test_a_model_that_is_a_norm_is_one_row_without_a_name() -> None:
    rows, of_input = watched_net(nn.BatchNorm2d(3).eval())
    assert of_input == ("",)
    assert (rows[""].read_by, rows[""].outcome) == (("(returned)",), "left")


def test_what_is_to_be_known_of_a_model_is_noted(tmp_path, monkeypatch) -> None:
    (tmp_path / "noisy_wiring_net.py").write_text(NOISY)
    monkeypatch.syspath_prepend(tmp_path)
    from noisy_wiring_net import net

    card = ModelCard("noisy_wiring_net:net", {}, ("a", "b"), 1, 4, Normalization((0.0,), (1.0,)), "mine")
    save_model(tmp_path / "net.safetensors", net(), card)
    record = wiring_of_run(tmp_path / "net.safetensors", model="noisy_wiring_net:net")
    assert record.notes[1:] == (
        "the model draws random numbers, also in evaluation",
        "the model calls F.batch_norm itself: there is no module to replace",
    )
    assert record.ways == 4


NOISY = """
import torch
import torch.nn.functional as F


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = torch.nn.Linear(16, 2)

    def forward(self, x):
        x = x.flatten(1) + torch.rand(())
        return F.batch_norm(self.fc(x), torch.zeros(2), torch.ones(2))


def net():
    return Net()
"""
