"""A bit that has turned in a checkpoint or a model file is noticed, and files from before there were sums are read."""

import json
import random
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from batchnorm import fold
from batchnorm.data import Normalization
from batchnorm.errors import InputError
from batchnorm.models import ConvBNNet
from batchnorm.runs import ModelCard, load_folded, load_model, save_model, unfold_file
from batchnorm.runs._model_file import CHECKPOINT_FORMAT
from batchnorm.runs._safetensors import DIGEST
from batchnorm.training._checkpoint import Checkpoint, Position, load_checkpoint, save_checkpoint

CARD = ModelCard("ConvBNNet", {"width": 4}, ("shoe", "shirt"), 1, 8, Normalization((0.25,), (0.5,)), "few")


@pytest.fixture
def checkpoint(tmp_path) -> Path:
    weights = torch.randn(1000, generator=torch.Generator().manual_seed(0))
    save_checkpoint(tmp_path / "last.ckpt", Checkpoint(Position(), [], {"epochs": 3}, 2, {"model": {"w": weights}}))
    return tmp_path / "last.ckpt"


@pytest.fixture
def model(tmp_path) -> Path:
    save_model(tmp_path / "m.safetensors", ConvBNNet(num_classes=2, image_size=8, width=4), CARD)
    return tmp_path / "m.safetensors"


def turn_a_bit(path: Path, place: int, bit: int = 0) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1 << bit
    path.write_bytes(content)


def place_of_data(path: Path) -> int:
    """Where the numbers of the only tensor of a checkpoint begin."""
    with zipfile.ZipFile(path) as archive:
        (member,) = (member for member in archive.infolist() if "/data/" in member.filename)
        content = path.read_bytes()
        name, extra = (int.from_bytes(content[member.header_offset + at :][:2], "little") for at in (26, 28))
        return member.header_offset + 30 + name + extra


def test_every_bit_that_turns_in_the_weights_of_a_checkpoint_is_noticed(checkpoint) -> None:
    whole, begin = checkpoint.read_bytes(), place_of_data(checkpoint)
    rng = random.Random(0)  # noqa: S311 - no secret
    for _ in range(60):
        checkpoint.write_bytes(whole)
        turn_a_bit(checkpoint, begin + rng.randrange(4000), rng.randrange(8))
        with pytest.raises(InputError, match=r"or a damaged one .*data/0 in it has changed since it was written"):
            load_checkpoint(checkpoint)


def test_a_checkpoint_has_its_sums_whatever_torch_was_told(checkpoint) -> None:
    read = load_checkpoint(checkpoint)
    torch.serialization.set_crc32_options(False)
    try:
        save_checkpoint(checkpoint, read)
        assert not torch.serialization.get_crc32_options()
    finally:
        torch.serialization.set_crc32_options(True)
    turn_a_bit(checkpoint, place_of_data(checkpoint) + 7)
    with pytest.raises(InputError, match="data/0 in it has changed since it was written"):
        load_checkpoint(checkpoint)


def test_a_checkpoint_that_another_program_wrote_without_sums_is_read(checkpoint) -> None:
    content = torch.load(checkpoint, weights_only=True)
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(content, checkpoint)
    finally:
        torch.serialization.set_crc32_options(True)
    assert torch.equal(load_checkpoint(checkpoint).states["model"]["w"], content["states"]["model"]["w"])


def test_a_bit_that_turns_in_the_weights_of_a_model_is_noticed(model) -> None:
    turn_a_bit(model, model.stat().st_size - 40)
    with pytest.raises(InputError, match=r"m\.safetensors: its contents are not those that were written"):
        load_model(model)


def test_a_digit_that_changes_in_the_constants_of_a_model_is_noticed(model) -> None:
    content = model.read_bytes()
    model.write_bytes(content.replace(b"0.25", b"0.35"))
    with pytest.raises(InputError, match="its contents are not those that were written"):
        load_model(model)


def test_a_model_without_a_digest_is_read(model) -> None:
    weights = load_file(model)
    metadata = metadata_of(model)
    del metadata[DIGEST]
    save_file(weights, model, metadata)
    net, card = load_model(model)
    assert card == CARD
    assert torch.equal(net.state_dict()["fc.weight"], weights["fc.weight"])


def metadata_of(path: Path) -> dict[str, str]:
    content = path.read_bytes()
    known: dict[str, str] = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
    return known


@pytest.fixture
def folded(tmp_path) -> Path:
    net = ConvBNNet(num_classes=2, image_size=8, width=4).eval()
    fold(net, torch.randn(2, 1, 8, 8), verify=False)
    save_model(tmp_path / "f.safetensors", net, CARD)
    return tmp_path / "f.safetensors"


def test_a_bit_that_turns_in_what_a_fold_has_replaced_is_noticed(folded, tmp_path) -> None:
    weights = load_file(folded)
    weights["unfold.0.conv1.weight"][0, 0, 0, 0] += 1
    save_file(weights, folded, metadata_of(folded))
    for read in (load_model, lambda path: unfold_file(path, out=tmp_path / "out.safetensors")):
        with pytest.raises(InputError, match="its contents are not those that were written"):
            read(folded)
    assert not (tmp_path / "out.safetensors").exists()


def test_a_bit_that_turns_in_a_folded_net_of_ones_own_is_noticed(folded, tmp_path) -> None:
    weights, metadata = load_file(folded), metadata_of(folded)
    save_file(weights, folded, {**metadata, "format": CHECKPOINT_FORMAT})
    with pytest.raises(InputError, match="its contents are not those that were written"):
        load_folded(folded, ConvBNNet(num_classes=2, image_size=8, width=4))


@pytest.mark.parametrize("dtype", [torch.int32, torch.bool, torch.complex64])
def test_numbers_of_another_kind_are_no_weights(model, dtype: torch.dtype) -> None:
    weights, metadata = load_file(model), metadata_of(model)
    del metadata[DIGEST]
    save_file({**weights, "bn1.weight": weights["bn1.weight"].to(dtype)}, model, metadata)
    with pytest.raises(InputError, match=r"do not fit ConvBNNet: expected numbers like torch\.float32 for bn1\.weight"):
        load_model(model)


def test_weights_of_half_the_precision_are_read(model) -> None:
    weights, metadata = load_file(model), metadata_of(model)
    del metadata[DIGEST]
    save_file(
        {name: value.half() if value.is_floating_point() else value for name, value in weights.items()}, model, metadata
    )
    net, _ = load_model(model)
    assert torch.equal(net.state_dict()["fc.weight"], weights["fc.weight"].half().float())


def test_an_argument_that_is_no_nets_is_refused(tmp_path) -> None:
    from dataclasses import replace

    path = tmp_path / "m.safetensors"
    net: nn.Module = ConvBNNet(num_classes=2, image_size=8, width=4)
    save_model(path, net, replace(CARD, arguments={"width": 4, "name": "resnet20"}))
    with pytest.raises(InputError, match="expected arguments of a net, got one that is called 'name'"):
        load_model(path)
