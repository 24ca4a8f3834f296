"""A file with the weights of somebody's net: which tensors are in it, and is it that at all?"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from torch import Tensor
from torch.nn.modules.utils import consume_prefix_in_state_dict_if_present

from ..errors import InputError
from ._model_file import CHECKPOINT_FORMAT, FORMAT, TRAINING_FORMAT, unfolding
from ._pickle_file import pickle_bytes, read_pickle
from ._safetensors import DIGEST, PICKLES, lone_tensors, read_safetensors

FAULT = (
    "expected a state_dict that torch.save wrote, or a safetensors file; this is neither, or damaged, or holds more "
    "than tensors"
)
ADVICE = "Nothing of it was run. Save the state_dict of a model, not the model: torch.save(model.state_dict(), path)."

WRAPPERS = ("module.", "_orig_mod.")
"""What those put before the names in a `state_dict` whose attribute holds the net."""


def is_state_dict(path: Path) -> bool:
    """Whether a path is a file that no `batchnorm train` wrote as a model.

    Example:
        >>> is_state_dict(Path("runs/first"))
        False
    """
    try:
        if not path.is_file():
            return False
    except OSError:  # a name that the system cannot take
        return False
    if path.suffix != ".safetensors":
        return True
    try:
        return read_safetensors(path)[1].get("format") != FORMAT
    except InputError:
        return False


def read_state_dict(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors of a checkpoint by their names, and the metadata that it has; nothing in it is ever run.

    Raises:
        InputError: it cannot be read, holds something else, or is a checkpoint of a training.
    """
    if path.suffix == ".safetensors":
        tensors, metadata = read_safetensors(path)
        if metadata.get("format") == CHECKPOINT_FORMAT:
            raise InputError(f"{path}: is folded already", cure=("Get back what it was: ", unfolding(path), "."))
        return tensors, metadata
    return checked_state_dict(path, read_pickle(path, FAULT, ADVICE, legacy=True)), {}


def state_dict_bytes(target: Path, source: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    """Return the bytes of a checkpoint: safetensors, or a pickle that `torch.load(weights_only=True)` reads.

    Args:
        target: the file to be, whose name says which of them; any other name gets what `source` is.
        source: the file that was read.
        tensors: by their names.
        metadata: for safetensors; a pickle has none.
    """
    from safetensors.torch import save

    ending = next((end for end in (target.suffix, source.suffix) if end in (".safetensors", *PICKLES)), ".pt")
    if ending != ".safetensors":
        return pickle_bytes(lone_tensors(tensors))
    about = {key: value for key, value in metadata.items() if key != DIGEST}
    return save(lone_tensors(tensors), about or None)


def take_off_wrappers(tensors: dict[str, Tensor], names: Iterable[str]) -> str:
    """Give tensors the names that they have in the net itself, in place; return what was taken off each name.

    `DataParallel` and `DistributedDataParallel` put `module.` before every name, `torch.compile` `_orig_mod.`, and one
    may be wrapped in another. It is taken off where every name has it, unless the net has such names itself.

    Args:
        tensors: of a checkpoint, by their names.
        names: of the net's own `state_dict`.

    Example:
        >>> import torch
        >>> tensors = {"module._orig_mod.weight": torch.ones(1)}
        >>> take_off_wrappers(tensors, ["weight"]), tensors
        ('module._orig_mod.', {'weight': tensor([1.])})
    """
    own, taken = set(names), ""
    while tensors and own.isdisjoint(tensors):
        prefix = next((word for word in WRAPPERS if all(name.startswith(word) for name in tensors)), None)
        if prefix is None:
            break
        # torch's own: it knows the versions of the modules, which a `state_dict` has, too.
        consume_prefix_in_state_dict_if_present(tensors, prefix)
        taken += prefix
    return taken


def checked_state_dict(path: Path, content: object) -> dict[str, Tensor]:
    """Return what was read from a file, if it is a `state_dict`.

    Raises:
        InputError: it is something else, or a checkpoint of a training.
    """
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected a state_dict, got {type(content).__name__}", cure="Save net.state_dict().")
    if isinstance(kind := content.get("format"), str) and kind == TRAINING_FORMAT:
        raise InputError(
            f"{path}: is the checkpoint of a training, from which that training can be resumed",
            cure=f"Its net is in {path.parent / 'model.safetensors'}.",
        )
    odd = [key for key, value in content.items() if not isinstance(key, str) or not isinstance(value, Tensor)]
    if odd or not content:
        inside = [key for key in odd if isinstance(key, str) and isinstance(content[key], dict)]
        advice = f"torch.load(...)[{inside[0]!r}] may be one." if inside else "Save net.state_dict() alone."
        raise InputError(
            f"{path}: expected a state_dict, tensors by their names, got something else for "
            f"{', '.join(map(_named, odd[:3])) or 'an empty one'}",
            cure=advice,
        )
    return content


def _named(key: object) -> str:
    return key[:100] if isinstance(key, str) else f"a key of type {type(key).__name__}"
