"""Every kind of file that is read: how a whole one is made, damaged and read."""

import gzip
import io
import random
import struct
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from batchnorm.data import open_source, read_image
from batchnorm.data.arrays import read_idx
from batchnorm.data.arrays._cifar import _batch
from batchnorm.data.arrays._pickled import read_pickle
from batchnorm.data.folders._listing import Listing
from batchnorm.data.folders._split_file import read_split, split_table
from batchnorm.files import refused
from batchnorm.kernels.cpu import _objects
from batchnorm.records import read_record, to_json
from batchnorm.runs import OwnData, RunFolder, TrainConfig, read_config, write_config
from batchnorm.runs._state_dict import read_state_dict

from ..data.arrays import files as arrays
from . import tensor_files as tensors
from . import text_files as text
from .mutations import damaged_bytes


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


def read_written_config(path: Path) -> TrainConfig:
    """The config, which can be written, and read equal."""
    config = read_config(path)
    values = tomllib.loads(write_config(config))
    # As for `read_config`, a name that is unknown here may be that of an object.
    assert TrainConfig(**values | {"data": OwnData(values["data"])}) == config
    return config


def read_result(path: Path) -> str:
    """The result, as it would be printed."""
    result = RunFolder(path.parent).read_result()
    assert result is not None
    return (
        to_json(result) + f"{result.test_accuracy:.1%} {result.test_loss:.4f} {result.seconds:,.0f} {result.epochs:,}"
    )


def read_metrics(path: Path) -> list[str]:
    return [to_json(record) for record in RunFolder(path.parent).read_metrics()]


def read_any_record(path: Path) -> str:
    """The record, as it would be printed and written."""
    record = read_record(path)
    return str(record) + repr(record) + to_json(record)


def kernel() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "run" / "rows-forward.o"
        _objects.save(path, "symbol", bytes(range(250)) * 20)
        return path.read_bytes()


def read_kernel(path: Path) -> object:
    """The code that would be brought into the process."""
    with patch.object(_objects, "link", lambda symbol, code: (symbol, code)):
        return _objects.load(path)


def picture(kind: str) -> bytes:
    out, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6  # lies on its side
    pixels = (torch.arange(40 * 30 * 3) % 251).to(torch.uint8).reshape(40, 30, 3)
    Image.fromarray(pixels.numpy()).save(out, kind, exif=exif)
    return out.getvalue()


def read_picture(path: Path) -> Tensor:
    pixels, _ = read_image(path, channels=1, image_size=8)
    assert (pixels.shape, pixels.dtype) == ((1, 8, 8), torch.uint8)
    return pixels


def split() -> bytes:
    listing = Listing(
        ("a", "b"), {"train": (("a/1.png", "a"), ("b/1.png", "b")), "test": (("b/2.png", "b"),)}, drawn=True
    )
    return split_table(Path("gone"), listing, frozenset({"b/1.png"}))


def idx() -> bytes:
    return gzip.compress(b"\0\0\x08\x02" + struct.pack(">2I", 30, 20) + bytes(range(200)) * 3)


def npz(save: Callable[..., None]) -> bytes:
    out = io.BytesIO()
    images, labels = arrays.pixels(12, 6, 5), np.arange(12) % 3
    save(out, x_train=images[:8], y_train=labels[:8], x_test=images[8:], y_test=labels[8:])
    return out.getvalue()


def read_source(path: Path) -> list[Any]:
    """All that is in a data set."""
    source = open_source(str(path))
    splits = [source.load(part) for part in ("train", "test")]
    return [source.info, *((split.images, split.labels) for split in splits)]


def read_values(path: Path) -> Any:
    """The values in a pickle, as a batch of images would be read from it."""
    with refused(path, "cannot be read", ""):
        return _batch(read_pickle(path.read_bytes()), "it")


PICTURES = ("PNG", "JPEG", "TIFF", "GIF", "BMP", "WEBP", "PPM")

KINDS = {
    "config": Kind("config.toml", text.config, read_written_config),
    "config, its values": Kind("config.toml", text.config, read_written_config, text.damaged_toml),
    "result": Kind("result.json", text.result, read_result),
    "result, its values": Kind("result.json", text.result, read_result, text.damaged_json),
    "metrics": Kind("metrics.jsonl", text.metrics, read_metrics),
    "metrics, its values": Kind("metrics.jsonl", text.metrics, read_metrics, text.damaged_json),
    "recalibration": Kind("recalibration.json", text.recalibration, read_any_record),
    "recalibration, its values": Kind("recalibration.json", text.recalibration, read_any_record, text.damaged_json),
    "model": Kind("model.safetensors", tensors.model, tensors.read_model, is_sealed=True),
    "model, its values": Kind("model.safetensors", tensors.model, tensors.read_model, tensors.damaged_model),
    "folded": Kind("f.safetensors", tensors.folded_model, tensors.read_model, is_sealed=True),
    "folded, its values": Kind("f.safetensors", tensors.folded_model, tensors.read_model, tensors.damaged_model),
    "undo record": Kind("f.safetensors", tensors.folded_model, tensors.unfolded, is_sealed=True),
    "undo record, its values": Kind("f.safetensors", tensors.folded_model, tensors.unfolded, tensors.damaged_model),
    "own folded": Kind("f.safetensors", tensors.own_folded, tensors.read_own_folded, is_sealed=True),
    "own folded, its values": Kind("f.safetensors", tensors.own_folded, tensors.read_own_folded, tensors.damaged_model),
    "converted": Kind(
        "c.safetensors", tensors.converted_model, partial(tensors.reverted, run=True), tensors.damaged_model
    ),
    "converted state_dict": Kind(
        "c.safetensors", tensors.converted_checkpoint, partial(tensors.reverted, run=False), tensors.damaged_model
    ),
    "checkpoint": Kind("last.ckpt", tensors.checkpoint, tensors.go_on, is_sealed=True),
    "checkpoint, its values": Kind("last.ckpt", tensors.checkpoint, tensors.go_on, tensors.damaged_pickle),
    "state_dict": Kind("net.pt", tensors.state_dict, lambda path: read_state_dict(path)[0], is_sealed=True),
    "state_dict, its values": Kind(
        "net.pt", tensors.state_dict, lambda path: [*read_state_dict(path)[0]], tensors.damaged_pickle
    ),
    "table of a run's images": Kind("split.csv", split, read_split),
    "kernel": Kind("rows-forward.o", kernel, read_kernel, is_sealed=True),
    "arrays": Kind("a.npz", partial(npz, np.savez), read_source, is_sealed=True),
    "arrays, packed": Kind("a.npz", partial(npz, np.savez_compressed), read_source, is_sealed=True),
    "archive of CIFAR-10": Kind("c.tar.gz", lambda: arrays.archive(arrays.members()), read_source, is_sealed=True),
    "pickle": Kind("batch.pkl", partial(arrays.batch, 3, 0), read_values),
    "images of IDX": Kind("x.gz", idx, lambda path: read_idx(path, (30, 20)), is_sealed=True),
    **{f"picture of {kind}": Kind("i.png", partial(picture, kind), read_picture) for kind in PICTURES},
}
