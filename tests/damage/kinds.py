"""Every kind of file that is read: how a whole one is made, damaged and read, and what it may turn into."""

import io
import json
import random
import tomllib
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any
from warnings import catch_warnings

import safetensors.torch
import tomli_w
import torch
from PIL import Image
from torch import Tensor, nn

from batchnorm import fold
from batchnorm.data import Normalization
from batchnorm.data._idx import read_idx
from batchnorm.kernels.cpu import _objects
from batchnorm.models import ConvBNNet
from batchnorm.records import EpochRecord, TrainResult, to_json
from batchnorm.surgery import is_folded
from batchnorm.timings import benchmark_from_json, benchmark_to_json
from batchnorm.training import (
    ModelCard,
    RunFolder,
    TrainConfig,
    load_model,
    read_config,
    read_image,
    save_model,
    unfold_file,
    write_config,
)
from batchnorm.training._preparation import Job, prepare
from batchnorm.training._checkpoint import load_checkpoint, save_checkpoint
from batchnorm.training._state_dict import read_state_dict

from .mutations import FLAT, PLAIN, TENSORS, damaged_bytes, damaged_value

CARD = ModelCard("ConvBNNet", {"width": 4}, ("shoe", "Hemd"), 1, 8, Normalization((0.25,), (0.5,)), "few")
CONFIG = TrainConfig(model_args={"width": 4}, epochs=2, ema_decay=0.9, val_fraction=0.97, batch_size=100, threads=1)


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes:
        name: that such a file has.
        whole: the bytes of one.
        read: what reads one, and gives what of it goes on being used.
        damage: makes another file's bytes of those.
        is_sealed: whether a file that has changed anywhere gives the same, or is refused.
    """

    name: str
    whole: Callable[[], bytes]
    read: Callable[[Path], Any]
    damage: Callable[[bytes, random.Random], bytes] = damaged_bytes
    is_sealed: bool = False


# Text

RESULT = TrainResult(0.9, 0.3, 1.0, "runs/x", "ConvBNNet", "few", 2, 10, 0, 50378, 0.8, 0.4)
EPOCHS = [EpochRecord(epoch, 79, 0.5, 0.8, None, 0.7, 0.1, 3.0, 1e3) for epoch in (1, 2, 3)]


def damaged_json(content: bytes, rng: random.Random) -> bytes:
    lines = content.decode().splitlines()
    place = rng.randrange(len(lines))
    lines[place] = text_of(damaged_value(json.loads(lines[place]), rng))
    return "\n".join(lines).encode()


def text_of(value: object) -> str:
    """JSON of a value, however deep; Python's own writer gives up."""
    if isinstance(value, list) and len(value) == 1:
        levels = 0
        while isinstance(value, list) and len(value) == 1:
            value, levels = value[0], levels + 1
        return "[" * levels + text_of(value) + "]" * levels
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(str(key))}: {text_of(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(text_of, value)) + "]"
    return json.dumps(value)


def damaged_toml(content: bytes, rng: random.Random) -> bytes:
    if rng.randrange(10) == 0:
        return content + rng.choice(
            (b"\nx = " + b"[" * 10_000, b"\n" + b"a." * 10_000 + b"b = 1\n", b"\nseed = 0x" + b"f" * 9000)
        )
    value = damaged_value(tomllib.loads(content.decode()), rng, tuple(make for make in PLAIN if make() is not None))
    try:
        return tomli_w.dumps(value).encode()
    except (RecursionError, TypeError):
        return content[:1]


def as_written(config: TrainConfig) -> TrainConfig:
    """The config, which can be written, and read equal."""
    assert TrainConfig(**tomllib.loads(write_config(config))) == config
    return config


# Tensors


@cache
def net(*, folded: bool) -> nn.Module:
    torch.manual_seed(0)
    made = ConvBNNet(num_classes=2, image_size=8, width=4)
    made(torch.randn(4, 1, 8, 8))
    if folded:
        fold(made.eval(), torch.randn(4, 1, 8, 8), verify=False)
    return made


def model_file(*, folded: bool) -> bytes:
    from batchnorm.training._model_file import model_bytes

    return model_bytes(net(folded=folded), CARD)


def read_model(path: Path) -> object:
    loaded, card = load_model(path)
    return card, loaded.state_dict(), is_folded(loaded)


def unfolded(path: Path) -> object:
    out = path.with_name("out.safetensors")
    out.unlink(missing_ok=True)
    unfold_file(path, out=out)
    return out.read_bytes()


def damaged_metadata(content: bytes, rng: random.Random) -> bytes:
    """Another model file, whose digest is right, or which has none."""
    from batchnorm.training._safetensors import DIGEST, safetensors_bytes

    tensors = safetensors.torch.load(content)
    size = int.from_bytes(content[:8], "little")
    known = json.loads(content[8 : 8 + size])["__metadata__"]
    said = {key: json.loads(text) if text[:1] in "[{" else text for key, text in known.items()}
    said = damaged_value(said, rng)
    metadata = {key: value if isinstance(value, str) else text_of(value) for key, value in said.items()}
    if rng.randrange(3) == 0:
        name = rng.choice([*tensors])
        tensors[name] = rng.choice(
            (tensors[name].to(torch.int32), tensors[name].half(), torch.zeros(2), tensors[name].bool())
        )
    if rng.randrange(2):
        metadata.pop(DIGEST, None)
        return safetensors.torch.save(tensors, metadata)
    return safetensors_bytes(tensors, metadata)


@cache
def job() -> Job:
    from batchnorm import data

    torch.manual_seed(0)
    made = prepare(CONFIG, torch.device("cpu"), None, data.get(CONFIG.data))
    _step(made)
    made.position.step, made.position.seen, made.position.correct, made.position.loss = 1, 100, 10, 230.0
    return made


def _step(made: Job) -> None:
    for parameter in made.model.parameters():
        parameter.grad = torch.ones_like(parameter)
    made.optimizer.step()
    made.scheduler.step()
    made.average.update_parameters(made.model)


@cache
def checkpoint() -> bytes:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        save_checkpoint(Path(folder) / "c", job().checkpoint())
        return (Path(folder) / "c").read_bytes()


def go_on(path: Path) -> object:
    """What a training goes on from; the parts take a step, so that what would be met there is."""
    read = load_checkpoint(path)
    made = job()
    made.restore(read)
    before = [value.clone() for value in made.model.state_dict().values()]
    _step(made)
    return read.position, read.history, read.circumstances, read.threads, before, made.scheduler.get_last_lr()


def damaged_pickle(content: bytes, rng: random.Random) -> bytes:
    value = torch.load(io.BytesIO(content), weights_only=True)
    out = io.BytesIO()
    with catch_warnings(action="ignore"):  # torch's, about sparse tensors
        torch.save(damaged_value(value, rng, (*FLAT, lambda: "@nested@", *TENSORS)), out)
    return _deepened(out.getvalue())


def _deepened(content: bytes, levels: int = 10_000) -> bytes:
    """The archive with lists inside each other for a word: Python's own writer gives up."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(out, "w") as after:
        for name in before.namelist():
            deep = b"]" * levels + b"a" * (levels - 1)
            after.writestr(name, before.read(name).replace(b"X\x08\0\0\0@nested@", deep))
    return out.getvalue()


def state_dict() -> bytes:
    out = io.BytesIO()
    torch.save(net(folded=False).state_dict(), out)
    return out.getvalue()


# Others


def kernel_file() -> bytes:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        path = Path(folder) / "run" / "rows-forward.o"
        _objects.save(path, "symbol", random.Random(0).randbytes(5000))
        return path.read_bytes()


def kernel_code(path: Path) -> bytes | None:
    """The code that would be brought into the process."""
    from unittest.mock import patch

    with patch.object(_objects, "link", lambda symbol, code: (symbol, code)):
        return _objects.load(path)


def images(kind: str) -> bytes:
    out = io.BytesIO()
    pixels = (torch.arange(40 * 30 * 3) % 251).to(torch.uint8).reshape(40, 30, 3)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels.numpy()).save(out, kind, exif=exif)
    return out.getvalue()


def pixels(path: Path) -> Tensor:
    read, _ = read_image(path, CARD)
    assert (read.shape, read.dtype) == ((1, 8, 8), torch.uint8)
    return read


def idx() -> bytes:
    import gzip
    import struct

    return gzip.compress(b"\0\0\x08\x02" + struct.pack(">2I", 30, 20) + bytes(range(200)) * 3)


def _folder_of(path: Path) -> RunFolder:
    return RunFolder(path.parent)


KINDS = {
    "config": Kind("config.toml", lambda: write_config(CONFIG).encode(), lambda path: as_written(read_config(path))),
    "config, its values": Kind("config.toml", lambda: write_config(CONFIG).encode(), lambda path: as_written(read_config(path)), damaged_toml),
    "result": Kind("result.json", lambda: to_json(RESULT).encode(), lambda path: to_json(_folder_of(path).read_result())),
    "result, its values": Kind("result.json", lambda: to_json(RESULT).encode(), lambda path: to_json(_folder_of(path).read_result()), damaged_json),
    "metrics": Kind("metrics.jsonl", lambda: "\n".join(map(to_json, EPOCHS)).encode(), lambda path: [*map(to_json, _folder_of(path).read_metrics())]),
    "metrics, its values": Kind("metrics.jsonl", lambda: "\n".join(map(to_json, EPOCHS)).encode(), lambda path: [*map(to_json, _folder_of(path).read_metrics())], damaged_json),
    "model": Kind("model.safetensors", lambda: model_file(folded=False), read_model, is_sealed=True),
    "model, its metadata": Kind("model.safetensors", lambda: model_file(folded=False), read_model, damaged_metadata),
    "folded model": Kind("folded.safetensors", lambda: model_file(folded=True), read_model, is_sealed=True),
    "folded model, its metadata": Kind("folded.safetensors", lambda: model_file(folded=True), read_model, damaged_metadata),
    "undo record": Kind("folded.safetensors", lambda: model_file(folded=True), unfolded, is_sealed=True),
    "undo record, its metadata": Kind("folded.safetensors", lambda: model_file(folded=True), unfolded, damaged_metadata),
    "checkpoint": Kind("last.ckpt", checkpoint, go_on, is_sealed=True),
    "checkpoint, its values": Kind("last.ckpt", checkpoint, go_on, damaged_pickle),
    "state_dict": Kind("net.pt", state_dict, lambda path: read_state_dict(path)[0], is_sealed=True),
    "state_dict, its values": Kind("net.pt", state_dict, lambda path: [*read_state_dict(path)[0]], damaged_pickle),
    "kernel": Kind("rows-forward.o", kernel_file, kernel_code),
    "images of IDX": Kind("x.gz", idx, lambda path: read_idx(path, (30, 20)), is_sealed=True),
    **{f"{kind} image": Kind("i.png", lambda kind=kind: images(kind), pixels) for kind in ("PNG", "JPEG", "TIFF", "GIF", "BMP", "WEBP", "PPM")},
}  # fmt: skip
