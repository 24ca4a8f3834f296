"""A folded file, made what was there before it was folded, bit for bit."""

import io
import json
from pathlib import Path

import torch
from torch import Tensor

from ..errors import InputError
from ._model_file import CHECKPOINT_FORMAT, FOLDED_VERSION, FORMAT, VERSION, lone_tensors, read_fold, read_safetensors
from ._new_file import check_new_file, nothing_written, write_new_file


def unfold_file(path: Path | str, *, out: Path | str | None, overwrite: bool = False) -> tuple[str, ...]:
    """Write the file that was there before `batchnorm fold`: every tensor with every bit, under its name.

    It needs neither the net nor its code. The model of a run becomes a model file; a checkpoint of one's own becomes a
    safetensors file, or, where `out` ends in .pt or .pth, a pickle that `torch.load(weights_only=True)` reads.

    Args:
        path: a folded file.
        out: the file to write.
        overwrite: allow that a file at `out` is replaced.

    Returns:
        The names of the tensors in it.

    Raises:
        InputError: the file is not folded, is damaged, or `out` cannot be written.
        OSError: the disk is full.
    """
    from ..surgery import unfolded_tensors

    path = Path(path)
    target = check_new_file(out, path, overwrite=overwrite)
    with nothing_written():
        tensors, metadata = read_safetensors(path)
        kind, version = metadata.get("format"), metadata.get("version")
        if kind != CHECKPOINT_FORMAT and (kind, version) != (FORMAT, str(FOLDED_VERSION)):
            raise InputError(f"{path}: expected a file that `batchnorm fold` wrote, got one in which nothing is folded")
        try:
            before = unfolded_tensors(read_fold(path, metadata), tensors)
        except ValueError as error:
            raise InputError(f"{path}: {str(error).removeprefix('restore_fold: ')}") from None
        content = _model(before, metadata) if kind == FORMAT else _checkpoint(path, before, metadata, target)
    write_new_file(target, content)
    return tuple(before)


def _model(tensors: dict[str, Tensor], metadata: dict[str, str]) -> bytes:
    from safetensors.torch import save

    about = {key: value for key, value in metadata.items() if key != "fold"}
    return save(lone_tensors(tensors), {**about, "version": str(VERSION)})


def _checkpoint(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str], target: Path) -> bytes:
    from safetensors.torch import save

    try:
        known = json.loads(metadata["before"])
        # Files are older than the prefix, which a wrapper had put before every name.
        added, prefix, about = (
            [*known["added"]],
            str(known.get("prefix", "")),
            {str(key): str(value) for key, value in known["metadata"].items()},
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: what it says of the checkpoint before is broken ({error!r})") from None
    for name in added:
        tensors.pop(name, None)
    for name in [*tensors]:
        tensors[prefix + name] = tensors.pop(name)
    if target.suffix not in (".pt", ".pth"):
        return save(lone_tensors(tensors), about or None)
    memory = io.BytesIO()
    torch.save(lone_tensors(tensors), memory)
    return memory.getvalue()
