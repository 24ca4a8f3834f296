"""A checkpoint's batch norms as layers of another kind: by the names of its tensors, back bit for bit, or refused."""

import json
import sys
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from batchnorm.errors import InputError, InputTypeError
from batchnorm.records import from_json, to_json
from batchnorm.runs import convert_checkpoint, revert_checkpoint

NETS = """
from torch import nn

def net():
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.BatchNorm2d(4, affine=False))

def groups():
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.GroupNorm(2, 4), nn.ReLU(), nn.GroupNorm(2, 4, affine=False))

def half():
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.GroupNorm(2, 4, affine=False))

def other():
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 4))
"""


class Frozen(nn.Module):
    """What torchvision's and detectron2's FrozenBatchNorm2d hold, written out."""

    def __init__(self, features: int) -> None:
        super().__init__()
        for name in ("weight", "bias", "running_mean", "running_var"):
            self.register_buffer(name, torch.rand(features))


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    """A folder with `converted_nets.py` is the current one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "converted_nets", raising=False)
    Path("converted_nets.py").write_text(NETS)


def made(name: str = "net") -> nn.Module:
    names: dict[str, object] = {}
    exec(NETS, names)  # noqa: S102 - the text above
    torch.manual_seed(0)
    net = names[name]()
    for _ in range(3):
        net(torch.randn(4, 1, 8, 8))
    return net


def frozen() -> dict[str, Tensor]:
    net = made()
    net[1], net[3] = Frozen(4), Frozen(4)
    return net.state_dict()


def same(found: dict[str, Tensor], expected: dict[str, Tensor]) -> bool:
    return list(found) == list(expected) and all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize("to", ["batchnorm", "torch", "sync", "ghost"])
def test_a_frozen_checkpoint_loads_strictly_into_a_net_that_trains(to):
    torch.save(frozen(), "frozen.pt")
    said = convert_checkpoint("frozen.pt", to, out="net.pt")
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.BatchNorm2d(4))
    tensors = torch.load("net.pt", weights_only=True)
    assert {*tensors} == {*net.state_dict()}
    net.load_state_dict(tensors)
    before = torch.load("frozen.pt", weights_only=True)
    assert all(torch.equal(tensors[name], tensor) for name, tensor in before.items())
    assert (said.report.named("converted"), net[1].num_batches_tracked) == (("1", "3"), 0)


def test_a_checkpoint_becomes_one_of_frozen_norms_which_have_weights_in_any_case():
    torch.save(made().state_dict(), "net.pt")
    convert_checkpoint("net.pt", "frozen", out="frozen.pt")
    tensors = torch.load("frozen.pt", weights_only=True)
    assert {*tensors} == {*frozen()}
    assert torch.equal(tensors["3.weight"], torch.ones(4))
    assert torch.equal(tensors["3.bias"], torch.zeros(4))


@pytest.mark.parametrize(("to", "kept"), [("group", ["1.weight", "1.bias"]), ("identity", [])])
def test_what_a_layer_has_not_is_gone(to, kept):
    torch.save(made().state_dict(), "net.pt")
    convert_checkpoint("net.pt", to, out="new.pt")
    assert list(torch.load("new.pt", weights_only=True)) == ["0.weight", "0.bias", *kept]


@pytest.mark.parametrize(
    ("prefix", "to"), [("", "frozen"), ("module.", "frozen"), ("module._orig_mod.", "frozen"), ("module.", "torch")]
)
def test_reverting_gives_back_every_name_and_bit(prefix, to):
    before = {prefix + name: tensor for name, tensor in made().state_dict().items()}
    torch.save(before, "net.pt")
    said = convert_checkpoint("net.pt", to, out="new.safetensors")
    assert not any(name.startswith("m") for name in load_file("new.safetensors"))
    assert len(said.report.notes) == bool(prefix)
    reverted = revert_checkpoint("new.safetensors", out="again.pt")
    after = torch.load("again.pt", weights_only=True)
    assert {*after} == {*before}
    assert all(torch.equal(after[name], before[name]) and after[name].dtype == before[name].dtype for name in before)
    assert {norm.outcome for norm in reverted.report.norms} == {"reverted" if to == "frozen" else "already"}


def test_metadata_of_a_file_stay_and_go_back_without_a_word_of_the_conversion():
    save_file(made().state_dict(), "net.safetensors", {"by": "me"})
    convert_checkpoint("net.safetensors", "frozen", out="new.safetensors")
    revert_checkpoint("new.safetensors", out="again.safetensors")
    with safe_open("new.safetensors", "pt") as new, safe_open("again.safetensors", "pt") as again:
        assert (new.metadata()["by"], again.metadata()) == ("me", {"by": "me"})


def test_a_file_in_which_nothing_was_to_do_is_none_that_was_converted():
    save_file(made().state_dict(), "net.safetensors")
    for number in (1, 2):
        said = convert_checkpoint("net.safetensors", "torch", out="again.safetensors", overwrite=True)
        assert said.report.named("already") == ("1", "3"), number
        Path("again.safetensors").replace("net.safetensors")


def test_what_cannot_be_a_batch_norm_is_left_with_its_reason():
    tensors = made().state_dict() | {"1.mask": torch.ones(4), "3.running_var": torch.ones(4, 2)}
    torch.save(tensors, "net.pt")
    said = convert_checkpoint("net.pt", "frozen", out="new.pt")
    assert [norm.reason for norm in said.report.norms] == [
        "it holds mask, too, which no batch norm has",
        "its tensors are not one number for each channel",
    ]
    assert same(torch.load("new.pt", weights_only=True), tensors)


def test_what_has_the_names_but_not_the_shapes_is_left_though_nothing_is_to_be_added():
    torch.save(made().state_dict() | {"3.running_var": torch.ones(3)}, "net.pt")
    said = convert_checkpoint("net.pt", "torch", out="new.pt")
    assert [norm.outcome for norm in said.report.norms] == ["already", "left"]


def test_a_state_dict_of_one_norm_is_told_of_as_the_model():
    torch.save(nn.BatchNorm2d(3).state_dict(), "net.pt")
    there = convert_checkpoint("net.pt", "frozen", out="new.safetensors")
    back = revert_checkpoint("new.safetensors", out="again.pt")
    assert [said.report.norms[0].name for said in (there, back)] == ["the model"] * 2


def test_a_module_inside_a_norm_keeps_its_tensors():
    torch.save({**made().state_dict(), "1.act.weight": torch.ones(1)}, "net.pt")
    convert_checkpoint("net.pt", "identity", out="new.pt")
    assert list(torch.load("new.pt", weights_only=True)) == ["0.weight", "0.bias", "1.act.weight"]


def test_a_net_that_is_to_load_the_file_says_which_norms_stay():
    torch.save(made().state_dict(), "net.pt")
    said = convert_checkpoint("net.pt", "group", model="converted_nets:half", out="new.pt")
    assert [(norm.outcome, norm.reason) for norm in said.report.norms] == [
        ("left", "the net has a BatchNorm2d there"),
        ("converted", None),
    ]
    made("half").load_state_dict(torch.load("new.pt", weights_only=True))


def test_the_record_is_written_and_read():
    torch.save(frozen(), "frozen.pt")
    said = convert_checkpoint("frozen.pt", "torch", out="net.pt")
    assert from_json(to_json(said)) == said
    assert said.summary() == "2 of 2 norms converted to batch norm; written: net.pt"
    assert str(said).endswith("written: net.pt")


def write_net() -> None:
    torch.save(made().state_dict(), "net.pt")
    torch.save(nn.Linear(2, 2).state_dict(), "linear.pt")
    convert_checkpoint("net.pt", "frozen", out="converted.safetensors")
    convert_checkpoint("net.pt", "group", out="groups.safetensors")
    save_file(made().state_dict(), "plain.safetensors")
    Path("damaged.safetensors").write_bytes(altered("converted.safetensors", added=["no.such"]))
    Path("lost.safetensors").write_bytes(altered("converted.safetensors", added=["1.running_mean"]))
    Path("more.safetensors").write_bytes(altered("converted.safetensors", added=["1.running_var"]))
    Path("nobody.safetensors").write_bytes(altered("converted.safetensors", counters={"0.num_batches_tracked": 3}))
    Path("alone.safetensors").write_bytes(altered("converted.safetensors", counters={"9.num_batches_tracked": 1}))
    Path("odd.safetensors").write_bytes(altered("converted.safetensors", counters={"1.num_batches_tracked": 2**70}))


def altered(path: str, **changes: object) -> bytes:
    """A converted file whose metadata say something else."""
    from safetensors.torch import save

    with safe_open(path, "pt") as file:
        said = json.loads(file.metadata()["converted"]) | changes
    return save(load_file(path), {"converted": json.dumps(said)})


CONVERSIONS = {
    "unknown": (["net.pt", "grup"], {}, r"^to: expected one of batchnorm, .*, got 'grup'\. Did you mean 'group'\?$"),
    "no name": (
        ["net.pt", nn.GroupNorm],
        {},
        r"^to: expected one of .*Name it: a file holds tensors, and no classes\.$",
    ),
    "no norm": (
        ["linear.pt", "torch"],
        {},
        r"^linear\.pt: it holds no batch norm \(no running_mean beside a running_var",
    ),
    "twice": (
        ["converted.safetensors", "torch"],
        {},
        r"was converted already\. First get back .*revert_checkpoint\('conv",
    ),
    "same file": (["net.pt", "torch"], {"out": "net.pt", "overwrite": True}, r"^out: net\.pt is the file that is read"),
    "there": (["net.pt", "torch"], {"out": "linear.pt"}, r"^out: linear\.pt exists already"),
    "nowhere": (["net.pt", "torch"], {"out": None}, r"^out: expected the name of a new file"),
    "other name": (
        ["net.pt", "torch"],
        {"out": "new.txt"},
        r"^out: expected a name ending in \.safetensors, or, for torch\.load, in \.pt, \.pth, got new\.txt\. Use new",
    ),
    "missing": (["none.pt", "torch"], {}, r"^none\.pt"),
    "no net": (["net.pt", "torch"], {"model": "converted_nets:no"}, r"converted_nets .* has no 'no'"),
    "a net": (["net.pt", "torch"], {"model": nn.Identity()}, r"^model: expected 'package\.module:function'"),
    "misfit": (
        ["net.pt", "group"],
        {"model": "converted_nets:other"},
        r"^model: net\.pt: what would be written does not fit the net of \S+: it lacks 2\.weight, 2\.bias$",
    ),
}


@pytest.mark.parametrize("case", CONVERSIONS)
def test_a_conversion_that_cannot_be_is_one_message_and_writes_nothing(case):
    write_net()
    arguments, options, message = CONVERSIONS[case]
    before = {path: path.read_bytes() for path in Path().iterdir() if path.is_file()}
    with pytest.raises((InputError, InputTypeError), match=message):
        convert_checkpoint(*arguments, **{"out": "new.pt", **options})
    assert {path: path.read_bytes() for path in Path().iterdir() if path.is_file()} == before


REVERSALS = {
    "net.pt": r"does not say what it was before a conversion; files of torch\.save \(\.pt, \.pth\) never do\.",
    "plain.safetensors": r"plain\.safetensors: it does not say what it was before a conversion\. Convert it once more",
    "groups.safetensors": r"are not in it any more: 1\.running_mean, 1\.running_var, 3\.running_mean and 1 more\.",
    "damaged.safetensors": r"what it says of its conversion is broken",
    "lost.safetensors": r"is broken \(expected names of tensors that were added to its batch norms\)",
    "nobody.safetensors": r"is broken \(expected names of counters that its batch norms had\)",
    "odd.safetensors": r"what it says of its conversion is broken",
    "more.safetensors": r"what it says of its conversion is broken",
    "alone.safetensors": r"what it says of its conversion is broken",
    "none.safetensors": r"expected a model file, found none",
}


@pytest.mark.parametrize("path", REVERSALS)
def test_a_reversal_that_cannot_be_is_one_message_and_writes_nothing(path):
    write_net()
    with pytest.raises(InputError, match=REVERSALS[path]):
        revert_checkpoint(path, out="new.pt")
    assert not Path("new.pt").exists()
