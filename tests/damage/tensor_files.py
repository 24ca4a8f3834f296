"""Files of tensors: models, folded ones, checkpoints; whole ones, and ones in which a value is another."""

import io
import json
import random
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from warnings import catch_warnings

import safetensors.torch
import torch
from torch import Tensor, nn

from batchnorm import data, fold
from batchnorm.data import Normalization
from batchnorm.models import ConvBNNet
from batchnorm.runs import (
    ModelCard,
    convert_checkpoint,
    convert_run,
    load_folded,
    load_model,
    revert_checkpoint,
    revert_run,
    unfold_file,
)
from batchnorm.runs._folded_file import folded_bytes
from batchnorm.runs._model_file import model_bytes
from batchnorm.runs._safetensors import DIGEST, safetensors_bytes
from batchnorm.surgery import fold_state, is_folded
from batchnorm.training._checkpoint import load_checkpoint, save_checkpoint
from batchnorm.training._job import Job
from batchnorm.training._preparation import prepare

from .mutations import FLAT, TENSORS, damaged_value
from .text_files import CONFIG, as_json

CARD = ModelCard("ConvBNNet", {"width": 4}, ("shoe", "Hemd"), 1, 8, Normalization((0.25,), (0.5,)), "few")


@cache
def net(*, folded: bool) -> nn.Module:
    torch.manual_seed(0)
    made = ConvBNNet(num_classes=2, image_size=8, width=4)
    made(torch.randn(4, 1, 8, 8))
    if folded:
        fold(made.eval(), torch.randn(4, 1, 8, 8), verify=False)
    return made


def model() -> bytes:
    return model_bytes(net(folded=False), CARD)


def folded_model() -> bytes:
    return model_bytes(net(folded=True), CARD)


def read_model(path: Path) -> object:
    loaded, card = load_model(path)
    return card, loaded.state_dict(), is_folded(loaded)


def own(seed: int) -> nn.Module:
    """A weight that is computed, a norm that is not folded, and a buffer that no `state_dict` has."""
    torch.manual_seed(seed)
    conv = nn.utils.parametrizations.weight_norm(nn.Conv2d(1, 3, 3))
    made = nn.Sequential(conv, nn.BatchNorm2d(3), nn.ReLU(), nn.BatchNorm2d(3)).eval()
    made[3].register_buffer("table", torch.randn(2), persistent=False)
    return made


@cache
def own_folded() -> bytes:
    made = own(0)
    fold(made, torch.randn(2, 1, 5, 5), verify=False, materialize=True)
    with torch.no_grad():
        made[0].bias += 1  # trained since
    return folded_bytes(made, {})


def read_own_folded(path: Path) -> object:
    loaded = load_folded(path, own(1))
    return [*loaded.named_buffers()], loaded.state_dict(), is_folded(loaded), fold_state(loaded)


def unfolded(path: Path) -> object:
    """The tensors that were there before the fold, and what is used of the metadata."""
    out = path.with_name("out.safetensors")
    out.unlink(missing_ok=True)
    unfold_file(path, out=out)
    tensors, known = parts_of(out.read_bytes())
    return tensors, [
        known.get(name) for name in ("format", "version", "model", "arguments", "classes", "images", "data")
    ]


@cache
def converted_model() -> bytes:
    """Of a run, with torch's layers."""
    return _written(model(), lambda path, out: convert_run(path, "torch", out=out))


@cache
def converted_checkpoint() -> bytes:
    """Of somebody's net, with the prefix of a wrapper taken off and norms that are frozen."""
    content = safetensors.torch.save({f"module.{name}": tensor for name, tensor in own(0).state_dict().items()})
    return _written(content, lambda path, out: convert_checkpoint(path, "frozen", out=out))


def _written(content: bytes, write: Callable[[Path, Path], object]) -> bytes:
    with TemporaryDirectory() as folder:
        path, out = Path(folder) / "in.safetensors", Path(folder) / "out.safetensors"
        path.write_bytes(content)
        write(path, out)
        return out.read_bytes()


def reverted(path: Path, *, run: bool) -> object:
    """The tensors that were there before the conversion."""
    out = path.with_name("out.safetensors")
    out.unlink(missing_ok=True)
    (revert_run if run else revert_checkpoint)(path, out=out)
    return safetensors.torch.load_file(out)


def parts_of(content: bytes) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors and the metadata of a safetensors file."""
    size = int.from_bytes(content[:8], "little")
    return safetensors.torch.load(content), json.loads(content[8 : 8 + size])["__metadata__"]


def damaged_model(content: bytes, rng: random.Random) -> bytes:
    """Another model file, whose digest is right, or which has none."""
    tensors, known = parts_of(content)
    said = damaged_value({key: json.loads(text) if text[:1] in "[{" else text for key, text in known.items()}, rng)
    metadata = {key: value if isinstance(value, str) else as_json(value) for key, value in said.items()}
    if rng.randrange(3) == 0:
        name = rng.choice([*tensors])
        others = (tensors[name].to(torch.int32), tensors[name].half(), torch.zeros(2), tensors[name].bool())
        tensors[name] = rng.choice(others)
    if rng.randrange(2):
        return safetensors_bytes(tensors, metadata)
    metadata.pop(DIGEST, None)
    return safetensors.torch.save(tensors, metadata)


@cache
def job() -> Job:
    """A training that has done one step."""
    torch.manual_seed(0)
    made = prepare(CONFIG, torch.device("cpu"), None, data.get(CONFIG.data))
    step(made)
    made.position.step, made.position.seen, made.position.correct, made.position.loss = 1, 100, 10, 230.0
    return made


def step(made: Job) -> None:
    for parameter in made.model.parameters():
        parameter.grad = torch.ones_like(parameter)
    made.optimizer.step()
    made.scheduler.step()
    made.average.update_parameters(made.model)


@cache
def checkpoint() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "last.ckpt"
        save_checkpoint(path, job().checkpoint())
        return path.read_bytes()


def go_on(path: Path) -> object:
    """What a training goes on from; its parts take a step, so that what would be met there is."""
    read, made = load_checkpoint(path), job()
    made.restore(read)
    weights = [value.clone() for value in made.model.state_dict().values()]
    step(made)
    return read.position, read.history, read.circumstances, read.threads, weights, made.scheduler.get_last_lr()


def state_dict() -> bytes:
    out = io.BytesIO()
    torch.save(net(folded=False).state_dict(), out)
    return out.getvalue()


def damaged_pickle(content: bytes, rng: random.Random) -> bytes:
    """Another archive of torch's, whose sums are right."""
    value = torch.load(io.BytesIO(content), weights_only=True)
    out = io.BytesIO()
    with catch_warnings(action="ignore"):  # torch's, about sparse tensors
        torch.save(damaged_value(value, rng, (*FLAT, lambda: "@nested@", *TENSORS)), out)
    return _deepened(out.getvalue())


def _deepened(content: bytes, levels: int = 10_000) -> bytes:
    """The archive with lists inside each other for a word: Python's own writer gives up."""
    deep = b"]" * levels + b"a" * (levels - 1)
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(out, "w") as after:
        for name in before.namelist():
            after.writestr(name, before.read(name).replace(b"X\x08\0\0\0@nested@", deep))
    return out.getvalue()
