import io
import json
import os
import pickle
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from batchnorm import fold, unfold
from batchnorm.data import Normalization
from batchnorm.errors import InputError
from batchnorm.models import ConvBNNet
from batchnorm.records import EpochRecord
from batchnorm.runs import ModelCard, load_model, save_model
from batchnorm.surgery import is_folded
from batchnorm.training._checkpoint import Checkpoint, Position, load_checkpoint, save_checkpoint


class Bomb:
    """A pickle that makes a folder when it is loaded as code."""

    def __init__(self, path) -> None:
        self.path = str(path)

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (self.path,)


@pytest.fixture
def card() -> ModelCard:
    return ModelCard(
        model="ConvBNNet",
        arguments={"width": 4},
        classes=("shoe", "Hemd", "外套"),
        in_channels=1,
        image_size=28,
        normalization=Normalization((0.25,), (0.1 + 0.2,)),
        data="few",
    )


@pytest.fixture
def net() -> nn.Module:
    net = ConvBNNet(num_classes=3, width=4)
    net(torch.randn(4, 1, 28, 28))
    return net


def test_a_model_file_gives_back_every_bit_and_the_card(tmp_path, net, card) -> None:
    save_model(tmp_path / "m.safetensors", net, card)
    loaded, read = load_model(tmp_path / "m.safetensors")
    assert read == card
    assert not loaded.training
    for (name, one), other in zip(net.state_dict().items(), loaded.state_dict().values(), strict=True):
        assert torch.equal(one, other), name


def test_channels_last_weights_and_shared_weights_are_saved(tmp_path, net, card) -> None:
    net.to(memory_format=torch.channels_last)
    net.bn2.bias = net.bn2.weight
    save_model(tmp_path / "m.safetensors", net, card)
    loaded, _ = load_model(tmp_path / "m.safetensors")
    assert torch.equal(loaded.conv2.weight, net.conv2.weight)
    assert torch.equal(loaded.bn2.bias, net.bn2.weight)


def test_a_missing_model_file_is_refused(tmp_path) -> None:
    with pytest.raises(InputError, match=r"none: expected a model file, found none"):
        load_model(tmp_path / "none")


@pytest.mark.parametrize("content", [b"", b"hello", b"\xff" * 100, b"PK\x03\x04" + b"0" * 60])
def test_a_file_that_is_no_safetensors_is_refused(tmp_path, content: bytes) -> None:
    (tmp_path / "m").write_bytes(content)
    with pytest.raises(InputError, match=r"m: expected a safetensors file"):
        load_model(tmp_path / "m")


def test_a_model_file_that_was_cut_off_is_refused(tmp_path, net, card) -> None:
    save_model(tmp_path / "m", net, card)
    (tmp_path / "m").write_bytes((tmp_path / "m").read_bytes()[:-100])
    with pytest.raises(InputError, match=r"m: expected a safetensors file, and this is none or is cut off"):
        load_model(tmp_path / "m")


def test_a_foreign_safetensors_file_is_refused(tmp_path) -> None:
    save_file({"weight": torch.ones(2)}, tmp_path / "m")
    with pytest.raises(InputError, match=r"not one that `batchnorm train` wrote"):
        load_model(tmp_path / "m")


@pytest.mark.parametrize("key", ["classes", "normalization", "images", "arguments", "model", "data"])
def test_a_card_without_one_of_its_parts_is_refused(tmp_path, net, card, key: str) -> None:
    from safetensors import safe_open

    save_model(tmp_path / "m", net, card)
    with safe_open(tmp_path / "m", framework="pt") as file:
        metadata = file.metadata()
    del metadata[key]
    save_file(net.state_dict(), tmp_path / "m", metadata)
    with pytest.raises(InputError, match="the card in its metadata is broken"):
        load_model(tmp_path / "m")


def test_a_newer_version_of_the_format_is_refused(tmp_path, net) -> None:
    save_file({"a": torch.ones(1)}, tmp_path / "m", {"format": "batchnorm.model", "version": "3"})
    with pytest.raises(InputError, match="its format has version 3; this batchnorm reads versions 1 and 2"):
        load_model(tmp_path / "m")


def test_weights_of_another_net_are_refused(tmp_path, card) -> None:
    save_model(tmp_path / "m", ConvBNNet(num_classes=3, width=6), card)
    with pytest.raises(InputError, match="its weights do not fit ConvBNNet"):
        load_model(tmp_path / "m")


def test_a_model_file_cannot_choose_code(tmp_path, monkeypatch) -> None:
    (tmp_path / "evil.py").write_text("import os\nos.mkdir('ran')\n")
    monkeypatch.chdir(tmp_path)
    metadata = {
        "format": "batchnorm.model", "version": "1", "model": "evil:net", "data": "few", "arguments": "{}",
        "classes": '["a"]', "images": json.dumps({"channels": 1, "size": 28}),
        "normalization": json.dumps({"mean": [0.0], "std": [1.0]}),
    }  # fmt: skip
    save_file({"a": torch.ones(1)}, tmp_path / "m", metadata)
    with pytest.raises(
        InputError, match=r"your own \('evil:net'\), and a file may not choose which code runs\. Pass it: model=net"
    ):
        load_model("m")
    assert not (tmp_path / "ran").exists()


def test_a_pickle_in_place_of_a_model_is_never_run(tmp_path) -> None:
    (tmp_path / "m").write_bytes(pickle.dumps(Bomb(tmp_path / "ran")))
    with pytest.raises(InputError, match="expected a safetensors file"):
        load_model(tmp_path / "m")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_checkpoint_with_code_in_it_is_never_run(tmp_path, protocol: int) -> None:
    torch.save(
        {"format": "batchnorm.checkpoint", "states": Bomb(tmp_path / "ran")}, tmp_path / "c", pickle_protocol=protocol
    )
    with pytest.raises(InputError, match="Nothing of it was run"):
        load_checkpoint(tmp_path / "c")
    assert not (tmp_path / "ran").exists()


def test_a_bare_pickle_in_place_of_a_checkpoint_is_never_run(tmp_path) -> None:
    (tmp_path / "c").write_bytes(pickle.dumps(Bomb(tmp_path / "ran")))
    with pytest.raises(InputError, match="Nothing of it was run"):
        load_checkpoint(tmp_path / "c")
    assert not (tmp_path / "ran").exists()


@pytest.fixture
def checkpoint() -> Checkpoint:
    return Checkpoint(
        position=Position(epoch=1, step=2, loss=0.1, correct=5, seen=9, seconds=1.5, epoch_seconds=0.5),
        history=[EpochRecord(1, 79, 0.5, 0.8, None, None, 0.1, 3.0, 1e3)],
        circumstances={"epochs": 3, "model_args": {"width": 4}},
        threads=2,
        states={"model": {"w": torch.ones(1000)}, "average": None},
    )


def test_a_checkpoint_reads_back_equal(tmp_path, checkpoint) -> None:
    save_checkpoint(tmp_path / "c", checkpoint)
    read = load_checkpoint(tmp_path / "c")
    assert torch.equal(read.states["model"]["w"], checkpoint.states["model"]["w"])
    assert replace(read, states={}) == replace(checkpoint, states={})


def test_a_full_disk_is_named_by_the_system(tmp_path, checkpoint) -> None:
    """A file that can hold nothing, through torch's own writer: the reason must come through."""

    class Full(io.BytesIO):
        def write(self, data: object) -> int:
            raise OSError(28, "No space left on device")

    with pytest.MonkeyPatch.context() as patch, pytest.raises(OSError, match="No space left on device"):  # noqa: PT012 - the patch must end with it
        patch.setattr(type(tmp_path), "open", lambda self, *arguments, **options: Full())
        save_checkpoint(tmp_path / "c", checkpoint)


@pytest.mark.parametrize("content", [b"", b"hello world", b"\x80\x02", b"PK\x03\x04" + b"0" * 60])
def test_a_broken_checkpoint_is_refused(tmp_path, content: bytes) -> None:
    (tmp_path / "c").write_bytes(content)
    with pytest.raises(InputError, match="not a checkpoint that `batchnorm train` wrote, or a damaged one"):
        load_checkpoint(tmp_path / "c")


def test_a_checkpoint_that_was_cut_off_is_refused(tmp_path, checkpoint) -> None:
    save_checkpoint(tmp_path / "c", checkpoint)
    (tmp_path / "c").write_bytes((tmp_path / "c").read_bytes()[:2000])
    with pytest.raises(InputError, match="or a damaged one"):
        load_checkpoint(tmp_path / "c")


@pytest.mark.parametrize("content", [torch.ones(2), {"model": {}}, {"format": "other"}])
def test_a_foreign_checkpoint_is_refused(tmp_path, content: object) -> None:
    torch.save(content, tmp_path / "c")
    with pytest.raises(InputError, match="`batchnorm train` did not write it"):
        load_checkpoint(tmp_path / "c")


def test_a_checkpoint_of_another_version_or_shape_is_refused(tmp_path) -> None:
    torch.save({"format": "batchnorm.checkpoint", "version": 9}, tmp_path / "c")
    with pytest.raises(InputError, match="has version 9; this batchnorm goes on from version 1"):
        load_checkpoint(tmp_path / "c")
    torch.save({"format": "batchnorm.checkpoint", "version": 1, "position": {"epok": 1}, "states": {}}, tmp_path / "c")
    with pytest.raises(InputError, match="the checkpoint is damaged"):
        load_checkpoint(tmp_path / "c")


def test_arguments_of_a_card_cannot_overrule_its_images(tmp_path, net, card) -> None:
    save_model(tmp_path / "m", net, replace(card, arguments={"width": 4, "num_classes": 7}))
    loaded, _ = load_model(tmp_path / "m")
    assert loaded.fc.out_features == 3


def test_weights_that_are_not_finite_are_refused_by_name(tmp_path, net, card) -> None:
    net.bn2.running_var[1] = float("nan")
    save_model(tmp_path / "m", net, card)
    with pytest.raises(InputError, match=r"bn2\.running_var holds values that are not finite"):
        load_model(tmp_path / "m")


@pytest.fixture
def folded(net) -> nn.Module:
    fold(net.eval(), torch.randn(4, 1, 28, 28), verify=False)
    return net


def metadata_of(path) -> dict[str, str]:
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        return file.metadata()


def test_a_folded_net_is_read_folded_and_can_be_unfolded(tmp_path, net, card) -> None:
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    fold(net.eval(), torch.randn(4, 1, 28, 28), verify=False)
    save_model(tmp_path / "m", net, card)
    loaded, read = load_model(tmp_path / "m")
    assert (read, is_folded(loaded)) == (card, True)
    for name, tensor in net.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor), name
    unfold(loaded)
    assert loaded.state_dict().keys() == before.keys()
    for name, tensor in before.items():
        assert torch.equal(loaded.state_dict()[name], tensor), name
    assert not any(module.training for module in loaded.modules())


def test_only_a_folded_net_has_the_newer_version(tmp_path, net, card) -> None:
    save_model(tmp_path / "plain", net, card)
    fold(net.eval(), torch.randn(4, 1, 28, 28), verify=False)
    save_model(tmp_path / "folded", net, card)
    plain, newer = metadata_of(tmp_path / "plain"), metadata_of(tmp_path / "folded")
    assert plain["version"] == "1"
    assert newer == plain | {"version": "2", "fold": newer["fold"], "sha256": newer["sha256"]}


def test_an_unfolded_net_has_the_tensors_that_it_always_had(tmp_path, net, folded, card) -> None:
    from safetensors.torch import load_file

    unfold(net)
    save_model(tmp_path / "m", net, card)
    assert load_file(tmp_path / "m").keys() == ConvBNNet(num_classes=3, width=4).state_dict().keys()


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (None, "what it says of its fold is broken"),
        ("{", "what it says of its fold is broken"),
        ("[]", r"do not fit ConvBNNet: .*the state is damaged"),
        ('{"version": 7}', "has version 7, this batchnorm reads versions 1 and 2"),
        ('{"version": 1, "prefix": "unfold.", "folds": []}', "Missing key"),
    ],
)
def test_a_fold_that_is_broken_is_refused(tmp_path, folded, card, said: str | None, message: str) -> None:
    from safetensors.torch import load_file

    save_model(tmp_path / "m", folded, card)
    metadata = metadata_of(tmp_path / "m")
    del metadata["fold"]
    save_file(load_file(tmp_path / "m"), tmp_path / "m", metadata if said is None else {**metadata, "fold": said})
    with pytest.raises(InputError, match=rf"m: (?s:.)*{message}"):
        load_model(tmp_path / "m")


def test_a_folded_net_of_another_width_is_refused(tmp_path, folded, card) -> None:
    save_model(tmp_path / "m", folded, replace(card, arguments={"width": 6}))
    with pytest.raises(InputError, match="its weights do not fit ConvBNNet"):
        load_model(tmp_path / "m")


def test_a_net_whose_originals_were_dropped_is_not_written(tmp_path, card) -> None:
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)).eval()
    fold(net, torch.randn(2, 1, 9, 9), verify=False, keep_originals=False)
    with pytest.raises(
        ValueError, match="expected a folded model that keeps what it was, got one whose originals were"
    ):
        save_model(tmp_path / "m", net, card)
    assert not (tmp_path / "m").exists()
