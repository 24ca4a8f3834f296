"""A run's files of text: whole ones, and ones in which a value is another."""

import json
import random
import tomllib

import tomli_w

from batchnorm.records import (
    Certificate,
    EpochRecord,
    Judgement,
    NormRecalibration,
    Recalibration,
    Round,
    RunRecalibration,
    TrainResult,
    to_json,
)
from batchnorm.runs import TrainConfig, write_config

from .mutations import PLAIN, damaged_value

CONFIG = TrainConfig(
    model="ConvBNNet",  # as a run's config says it, which "auto" became
    model_args={"width": 4},
    epochs=2,
    ema_decay=0.9,
    val_fraction=0.97,
    batch_size=100,
    threads=1,
)
RESULT = TrainResult(0.9, 0.3, 1.0, "runs/x", "ConvBNNet", "few", 2, 10, 0, 50378, 0.8, 0.4)
EPOCHS = [EpochRecord(epoch, 79, 0.5, 0.8, None, 0.7, 0.1, 3.0, 1e3) for epoch in (1, 2, 3)]
_STATISTICS = ((0.5, None), (1.0, 2.0), (-0.5, 0.25), (1.5, 2.5))
_NORM = NormRecalibration(
    "bn", "BatchNorm2d", "exact", 1, 1.0, 90, *_STATISTICS, 0.1, 0.05, 0.2, None, (0.1, 0.2), 80, 1e-8, 1e-8
)
_DONE = Recalibration(
    "exact",
    "unbiased",
    90,
    3,
    1,
    1,
    1,
    2.5,
    "float32",
    "00ff",
    (_NORM,),
    {"head": "it is frozen"},
    (Round(1, "average", None, 1, 0.1, 0.2, 0.5),),
    Certificate(1, 1, 1e-8, 1e-8, 1e-4, "float32", "00ff", 90),
    ("a note",),
)
_JUDGED = (Judgement(0.5, 0.75), Judgement(None, 0.8))
RECALIBRATION = RunRecalibration(
    "runs/x", "few", "train", True, 30, "test", 200, *_JUDGED, "model.safetensors", "0f", None, _DONE
)
NO_WORD = (
    b"x = " + b"[" * 10_000,
    b"a." * 10_000 + b"b = 1\n",
    b"seed = 0x" + b"f" * 9000,
    b"epochs = " + b"9" * 9000,
    b"lr = 1e999",
    b"seed = 2026-01-01",
)
"""Lines that no writer of TOML writes."""


def config() -> bytes:
    return write_config(CONFIG).encode()


def result() -> bytes:
    return to_json(RESULT).encode()


def recalibration() -> bytes:
    return to_json(RECALIBRATION).encode()


def metrics() -> bytes:
    return "\n".join(map(to_json, EPOCHS)).encode()


def damaged_toml(content: bytes, rng: random.Random) -> bytes:
    if rng.randrange(10) == 0:
        return rng.choice(NO_WORD) + b"\n" + content
    strange = tuple(make for make in PLAIN if make() is not None)
    value = damaged_value(tomllib.loads(content.decode()), rng, strange)
    try:
        return tomli_w.dumps(value).encode()
    except (RecursionError, TypeError):
        return NO_WORD[0]


def damaged_json(content: bytes, rng: random.Random) -> bytes:
    """Lines of JSON, one of which has another value."""
    lines = content.decode().splitlines()
    place = rng.randrange(len(lines))
    lines[place] = as_json(damaged_value(json.loads(lines[place]), rng))
    return "\n".join(lines).encode()


def as_json(value: object) -> str:
    """JSON of a value, however deep; Python's own writer gives up."""
    levels = 0
    while isinstance(value, list) and len(value) == 1:
        value, levels = value[0], levels + 1
    if isinstance(value, dict):
        inside = ", ".join(f"{json.dumps(str(key))}: {as_json(inner)}" for key, inner in value.items())
        text = f"{{{inside}}}"
    elif isinstance(value, list):
        text = f"[{', '.join(map(as_json, value))}]"
    else:
        text = json.dumps(value)
    return "[" * levels + text + "]" * levels
