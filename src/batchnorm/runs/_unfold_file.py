"""Which tensors were there before a file was folded? They are written to a new one, bit for bit."""

from pathlib import Path

from torch import Tensor

from ..errors import InputError
from ..files import in_short, read_json, refused
from ._model_file import CHECKPOINT_FORMAT, FOLDED_VERSION, FORMAT, VERSION
from ._new_file import check_new_file, nothing_written, refuse_pickle_name, write_new_file
from ._pickle_file import pickle_bytes
from ._safetensors import check_digest, lone_tensors, read_fold, read_safetensors, safetensors_bytes


def unfold_file(
    path: Path | str, *, out: Path | str | None, overwrite: bool = False, discard: bool = False
) -> tuple[str, ...]:
    """Undo `batchnorm fold`: write the tensors that were there before, bit for bit, under their names.

    The tensors are the same, the file is not: it is written anew. Neither the model nor its code is needed. The model
    of a run becomes a model file; a checkpoint of one's own becomes a safetensors file, or, where `out` ends in .pt or
    .pth, a pickle that `torch.load(weights_only=True)` reads.

    Args:
        path: a folded file.
        out: the file to write.
        overwrite: allow that a file at `out` is replaced.
        discard: do it also if the folded model had been trained when it was saved; what it had learned is lost.

    Returns:
        The names of the tensors in it.

    Raises:
        InputError: the file is not folded, is damaged, or `out` cannot be written.
        RefusedError: the folded model had been trained before it was saved.
        OSError: the disk is full.
    """
    from ..surgery import check_untrained, unfolded_tensors

    path = Path(path)
    target = check_new_file(out, path, overwrite=overwrite)
    with nothing_written():
        tensors, metadata = read_safetensors(path)
        kind, version = metadata.get("format"), metadata.get("version")
        if kind != CHECKPOINT_FORMAT and (kind, version) != (FORMAT, str(FOLDED_VERSION)):
            raise InputError(f"{path}: expected a file that `batchnorm fold` wrote, got one in which nothing is folded")
        if kind == FORMAT:
            refuse_pickle_name(target)
        state = read_fold(path, metadata)
        try:
            before = unfolded_tensors(state, tensors)
        except ValueError as error:
            raise InputError(f"{path}: {in_short(error, 500)}") from None
        check_digest(path, tensors, metadata)
        if not discard:
            check_untrained(state)
        content = _model(before, metadata) if kind == FORMAT else _checkpoint(path, before, metadata, target)
    write_new_file(target, content)
    return tuple(before)


def _model(tensors: dict[str, Tensor], metadata: dict[str, str]) -> bytes:
    about = {key: value for key, value in metadata.items() if key != "fold"}
    return safetensors_bytes(tensors, {**about, "version": str(VERSION)})


def _checkpoint(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str], target: Path) -> bytes:
    from safetensors.torch import save

    with refused(path, "what it says of the checkpoint before is broken", "Use a copy."):
        added, prefix, about = _known_of(metadata)
    for name in added:
        tensors.pop(name, None)
    for name in [*tensors]:
        tensors[prefix + name] = tensors.pop(name)
    if target.suffix not in (".pt", ".pth"):
        return save(lone_tensors(tensors), about or None)
    return pickle_bytes(lone_tensors(tensors))


def _known_of(metadata: dict[str, str]) -> tuple[list[str], str, dict[str, str]]:
    """Which tensors the checkpoint did not have, what stood before its names, and its own metadata."""
    known = read_json(metadata["before"])
    if not isinstance(known, dict):
        raise ValueError("expected an object")
    added, about, prefix = known["added"], known["metadata"], known.get("prefix", "")  # files are older than that
    if not isinstance(added, list) or not isinstance(about, dict) or not isinstance(prefix, str):
        raise ValueError("expected a list, an object and a word")
    if not all(isinstance(word, str) for word in (*added, *about.values())):
        raise ValueError("expected names and words")
    return added, prefix, about
