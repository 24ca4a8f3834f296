"""Files that are small, and would take gigabytes, minutes or for ever: how each is made."""

import io
import json
import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from PIL import Image

from batchnorm.runs._safetensors import DIGEST

from .mutations import endless
from .tensor_files import folded_model, model, parts_of


def a_pipe(path: Path) -> None:
    """Nobody will ever write to it."""
    os.mkfifo(path)


def a_device(path: Path) -> None:
    """It never ends."""
    path.symlink_to("/dev/zero")


def compressed(path: Path) -> None:
    """An archive with half a gigabyte of zeros in it."""
    path.write_bytes(_compressed())


@cache
def _compressed() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"format": "batchnorm.checkpoint"}, 2))
        archive.writestr("archive/version", b"3\n")
        with archive.open("archive/data/0", "w") as part:
            for _ in range(2**7):
                part.write(bytes(2**22))
    return out.getvalue()


def the_same_bytes_many_times(path: Path) -> None:
    """An archive whose directory names one part a thousand times."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("archive/data/0", bytes(2**20))
        for number in range(1, 1000):
            archive.filelist.append(_copied(archive.filelist[0], f"archive/data/{number}"))
    path.write_bytes(out.getvalue())


def _copied(member: zipfile.ZipInfo, name: str) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name)
    made.header_offset, made.CRC = member.header_offset, member.CRC
    made.file_size = made.compress_size = member.file_size
    return made


def named_a_billion_times(path: Path) -> None:
    """A checkpoint with a list of lists of lists, each the same."""
    parts = {"position": {}, "circumstances": {}, "threads": 1, "states": {}, "history": endless()}
    torch.save({"format": "batchnorm.checkpoint", "version": 1, **parts}, path)


def described(arguments: dict[str, Any], name: str = "ConvBNNet", **images: int) -> Callable[[Path], None]:
    """A model file whose metadata describe a huge net."""

    def make(path: Path) -> None:
        tensors, known = parts_of(model())
        del known[DIGEST]
        size = {**json.loads(known["images"]), **images}
        constants = {"mean": [0.5] * size["channels"], "std": [1.0] * size["channels"]}
        known |= {"model": name, "arguments": json.dumps(arguments), "images": json.dumps(size)}
        path.write_bytes(safetensors.torch.save(tensors, {**known, "normalization": json.dumps(constants)}))

    return make


def undo_record(change: Callable[[dict[str, Any]], None], more: int = 0) -> Callable[[Path], None]:
    """A folded file whose record of what to undo is long, and so many tensors more."""

    def make(path: Path) -> None:
        tensors, known = parts_of(folded_model())
        del known[DIGEST]
        state = json.loads(known["fold"])
        change(state)
        tensors |= {f"t{number}": torch.zeros(1) for number in range(more)}
        path.write_bytes(safetensors.torch.save(tensors, {**known, "fold": json.dumps(state)}))

    return make


def many_modules_and_norms(state: dict[str, Any]) -> None:
    (fold,) = state["folds"]
    fold["modules"] += [f"m{number}" for number in range(20_000)]
    fold["norms"] += [{**fold["norms"][0], "names": [f"n{number}"]} for number in range(2_000)]


def many_folds(state: dict[str, Any]) -> None:
    state["folds"] *= 3_000


def png(width: int, height: int, depth: int = 1, colour: int = 0) -> Callable[[Path], None]:
    """A picture of one colour; its first rows, for a size is read before them."""
    channels = {0: 1, 2: 3, 6: 4}[colour]

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    def make(path: Path) -> None:
        packer = zlib.compressobj(1)
        row = bytes(1 + (width * depth * channels + 7) // 8)
        pixels = b"".join(packer.compress(row * 100) for _ in range(10)) + packer.flush()
        head = struct.pack(">2I5B", width, height, depth, colour, 0, 0, 0)
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b""))

    return make


def tiff(path: Path) -> None:
    Image.new("1", (2**14, 2**14)).save(path, "TIFF", compression="group4")


def dotted_keys(path: Path) -> None:
    path.write_text("model_args." + "a." * 10**6 + "b = 1\n")


PLACES = (
    "config",
    "result",
    "metrics",
    "model",
    "undo record",
    "checkpoint",
    "state_dict",
    "kernel",
    "images of IDX",
    "picture of PNG",
)
"""Kinds of files, one of each reader."""

COSTLY: dict[str, tuple[str, Callable[[Path], None]]] = {
    "a checkpoint that is compressed": ("checkpoint", compressed),
    "a state_dict that is compressed": ("state_dict", compressed),
    "a checkpoint of one part under many names": ("checkpoint", the_same_bytes_many_times),
    "a checkpoint with a list of billions": ("checkpoint", named_a_billion_times),
    "a net that is wide": ("model", described({"width": 20_000})),
    "a net that is as wide as no memory": ("model", described({"width": 2**40})),
    "an MLP that is deep": ("model", described({"depth": 10**9, "width": 1}, "MLP")),
    "a PlainNet that is deep": ("model", described({"depth": 10**12}, "PlainNet")),
    "a net for large images": ("model", described({"width": 4}, size=2**31 - 1)),
    "a net for many channels": ("model", described({"width": 4}, channels=1000)),
    "an undo record of many names": ("undo record", undo_record(many_modules_and_norms)),
    "a folded model of many names": ("folded", undo_record(many_modules_and_norms)),
    "an undo record of many folds": ("undo record", undo_record(many_folds, 3_000)),
    "a folded model of many folds": ("folded", undo_record(many_folds, 3_000)),
    "a PNG of many pixels": ("picture of PNG", png(13_000, 13_000)),
    "a PNG of many rows": ("picture of PNG", png(1, 10**9)),
    "a TIFF of many pixels": ("picture of TIFF", tiff),
    "a config of long keys": ("config", dotted_keys),
    "a result that is nested": ("result", lambda path: path.write_text("[" * 10**7)),
    **{f"a pipe for {kind}": (kind, a_pipe) for kind in PLACES},
    **{f"a device for {kind}": (kind, a_device) for kind in PLACES},
}  # fmt: skip
"""The kind of the file, and what makes it."""
