"""How are tensors and what is said of them written to a safetensors file, and read so that no changed bit is missed?"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from ..errors import InputError
from ..files import open_regular, read_json, refused

DIGEST = "sha256"
"""The entry of the metadata that holds the digest of all others and of the tensors."""
PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".pkl")
"""How the names of files end that `torch.save` writes."""
_NO_RUN = (
    "It seems to be of torch.save: `batchnorm recalibrate`, `fold` and `wiring` take a state_dict of your own model; "
    "in Python, evaluate(model, loader) takes the model."
)


def read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors and the metadata of a file, whose sizes the reader compares with the file's.

    Raises:
        InputError: no such file, or none of that kind.
    """
    from safetensors import safe_open

    fault = "expected a safetensors file, and this is none or is cut off"
    if not path.exists():
        raise InputError(f"{path}: expected a model file, found none", cure="Check the path.")
    with refused(path, fault, _NO_RUN if path.suffix in PICKLES else "Use a copy."):
        with open_regular(path):
            pass
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
            return tensors, file.metadata() or {}


def safetensors_bytes(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    """Return the bytes of a file with these tensors, this metadata, and the digest of both."""
    from safetensors.torch import save

    lone = lone_tensors(tensors)
    about = {key: value for key, value in metadata.items() if key != DIGEST}
    return save(lone, {**about, DIGEST: digest_of(lone, about)})


def check_digest(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Raise if a file has changed since it was written; one that is older than digests says nothing of it.

    Raises:
        InputError: it has.
    """
    if metadata.get(DIGEST, "") not in ("", digest_of(tensors, metadata)):
        raise InputError(
            f"{path}: its contents are not those that were written (they do not match the digest in its metadata)",
            cure=f"Use a copy, or, if you changed it yourself, save it without {DIGEST!r} in the metadata.",
        )


def digest_of(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    """Return the SHA-256 of the tensors, by name with dtype, shape and bytes, and of the metadata without the digest.

    Example:
        >>> one, other = {"a": torch.zeros(2)}, {"a": torch.tensor([0.0, -0.0])}
        >>> digest_of(one, {}) == digest_of(other, {})
        False
    """
    about = {key: value for key, value in metadata.items() if key != DIGEST}
    head = [about, [(name, str(tensors[name].dtype), [*tensors[name].shape]) for name in sorted(tensors)]]
    digest = hashlib.sha256(json.dumps(head, sort_keys=True).encode())
    for name in sorted(tensors):
        digest.update(tensors[name].detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def lone_tensors(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return contiguous copies with memory of their own: safetensors refuses shared storages and strides."""
    return {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()
    }


def read_fold(path: Path, metadata: Mapping[str, str]) -> object:
    """Return what the metadata of a file say of the fold, unchecked.

    Raises:
        InputError: that is no JSON, or nothing is said.
    """
    with refused(path, "what it says of its fold is broken", "Fold the model again."):
        return read_json(metadata["fold"])
