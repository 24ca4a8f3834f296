"""How is a folded model saved to a file, and loaded into a model that is not folded yet?"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

import torch
from torch import nn

from ..errors import InputError, InputTypeError
from ..files import atomic_write, in_short, one_line, read_json, refused
from ..transaction import all_or_nothing, all_steps, check_holds_weights, original, verb
from ._model_file import CHECKPOINT_FORMAT
from ._output_file import check_output
from ._safetensors import check_digest, read_fold, read_safetensors, safetensors_bytes


def save_folded(model: nn.Module, path: Path | str) -> None:
    """Save a folded model, together with what it was before, to one safetensors file, atomically.

    The file holds the folded tensors, all buffers (also those that a `state_dict` leaves out), the originals for
    `unfold`, and which layers the model consists of. `load_folded` reads it. An existing file is replaced.

    Args:
        model: a folded model, or one with folded parts. It stays as it is.
        path: of the file.

    Raises:
        InputTypeError: no module.
        ValueError: nothing is folded, the originals were dropped, the model holds what no file can, or none can be
            written at the path.
        OSError: the disk is full.

    Example:
        >>> import tempfile
        >>> from batchnorm import fold, load_folded, unfold
        >>> def build():
        ...     return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU()).eval()
        >>> net, x = build(), torch.randn(1, 3, 8, 8)
        >>> report = fold(net, x)
        >>> path = Path(tempfile.mkdtemp()) / "folded.safetensors"
        >>> save_folded(net, path)
        >>> other = load_folded(path, build())
        >>> torch.equal(other(x), net(x)), unfold(other)
        (True, ('1',))
    """
    _check_module(model)
    check_output(path, option="path")
    content = folded_bytes(model, {})
    with atomic_write(path) as file:
        file.write(content)


def folded_bytes(model: nn.Module, before: Mapping[str, Any]) -> bytes:
    """Return the bytes of the file of a folded model.

    Args:
        model: the folded model.
        before: what is to be known of the file that it was read from.
    """
    from ..surgery import fold_state, structure_of

    state, tensors = fold_state(model)
    for name, tensor in tensors.items():
        if tensor.layout is not torch.strided or tensor.is_meta or tensor.is_quantized:
            kind = "meta" if tensor.is_meta else "quantized" if tensor.is_quantized else str(tensor.layout)
            raise InputError(
                argument="model",
                expected="a model of plain tensors, which alone a safetensors file can hold",
                got=f"one in which {name} is a {kind} one",
                cure="Convert it first.",
            )
    about = {
        "format": CHECKPOINT_FORMAT,
        "version": "1",
        "fold": json.dumps(state),
        "layers": json.dumps(structure_of(model)),
        "before": json.dumps({"metadata": {}, "added": [], "prefix": "", **before}),
    }
    return safetensors_bytes(tensors, about)


@verb
def load_folded(path: Path | str, model: nn.Module) -> nn.Module:
    """Load a file of `save_folded`, or of `batchnorm fold` for your own model, into a model that is not folded yet.

    In place, all or nothing: the model gets the structure, the tensors and the dtypes of the saved model, bit for bit,
    on the devices that it is on, and is put into evaluation mode. If anything is raised, it is as before. No code from
    the file is run.

    Args:
        path: the file.
        model: of the same architecture, with any weights. `batchnorm.unfold` makes it what the saved one was before.

    Returns:
        The model.

    Raises:
        InputTypeError: no module.
        InputError: no such file, one that was not written by `save_folded`, or a damaged one; the model is of another
            architecture, or folded already.
    """
    from ..surgery import is_folded, restore_fold

    _check_module(model)
    check_holds_weights(model, "load_folded")
    path, module = Path(path), original(model)[0]
    if is_zipfile(path):  # what torch.save writes
        raise _what_else(path, {})
    tensors, metadata = read_safetensors(path)
    if metadata.get("format") != CHECKPOINT_FORMAT:
        raise _what_else(path, metadata)
    state = read_fold(path, metadata)
    check_digest(path, tensors, metadata)
    if is_folded(module):
        raise InputError(
            argument="model",
            expected="a model that is not folded yet",
            got="one that is",
            cure="Build it anew, or call unfold(model) first.",
        )
    if any(tensor.is_meta for tensor in (*module.parameters(), *module.buffers())):
        raise InputError(
            argument="model",
            expected="a model whose tensors have memory",
            got="one on the meta device",
            cure='Give it some first: model.to_empty(device="cpu").',
        )
    _check_layers(path, module, metadata)
    with all_or_nothing() as undo:
        undo.add(*all_steps(module))
        try:
            restore_fold(module.eval(), state, tensors)
        except ValueError as error:
            raise InputError(f"{path}: {in_short(error, 500)}") from error
    return model


def _check_module(model: object) -> None:
    if not isinstance(model, nn.Module):
        raise InputTypeError(argument="model", expected="a torch.nn.Module", got=type(model).__name__)


def _what_else(path: Path, metadata: Mapping[str, str]) -> InputError:
    wanted = f"{path}: expected a file that save_folded or `batchnorm fold CHECKPOINT` wrote, got another"
    if "fold" in metadata:
        return InputError(f"{wanted}: the folded model of a run", cure="Read it with batchnorm.runs.load_run(path).")
    return InputError(
        wanted,
        cure="The state_dict of a folded model alone does not say what was folded. "
        "Save the model with save_folded(model, path).",
    )


def _check_layers(path: Path, model: nn.Module, metadata: Mapping[str, str]) -> None:
    """Raise if the file is of a model of other layers; an older file does not say which."""
    from ..surgery import difference, structure_of

    if "layers" not in metadata:
        return
    with refused(path, "what it says of the layers is broken", "Save the model again."):
        saved = read_json(metadata["layers"])
        if not isinstance(saved, dict) or not all(isinstance(layer, dict) for layer in saved.values()):
            raise ValueError("expected an object of objects")
        unlike = difference(saved, structure_of(model))
    if unlike is not None:
        raise InputError(
            argument="model",
            expected=f"a model of the architecture that was saved to {path}",
            got=f"another: {one_line(unlike, 500)}",
            cure="Build the model as it was built when it was folded.",
        )
