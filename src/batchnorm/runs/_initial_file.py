"""Which tensors are in the file, or the run, that a net is to be started with?"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from ..errors import InputError
from ..files import as_path
from ..models import file_may_name, is_in_zoo, pretrained
from ._model_file import CHECKPOINT_FORMAT, FOLDED_VERSION, FORMAT, load_card, unfolding
from ._pickle_file import read_pickle
from ._run_folder import RunFolder
from ._safetensors import check_digest, read_safetensors
from ._state_dict import ADVICE, FAULT, checked_state_dict

ENTRIES = ("state_dict", "model_state_dict", "model", "net")
"""Under which of these a checkpoint of many trainers holds its `state_dict`, beside epoch, optimizer and others."""


@dataclass(frozen=True)
class Initial:
    """Weights that a net is to be started with.

    Attributes:
        init: what was asked for.
        found: the file, or the name of the weights in their library.
        tensors: by their names there.
        inside: the entry of the file that holds them; None if they are all of it.
        model: the net that they are of, where the file names one that a file may name.
        classes: of that net, where they are known.
        arguments: with which it was built, likewise.
    """

    init: str
    found: str
    tensors: dict[str, Tensor]
    inside: str | None = None
    model: str | None = None
    classes: tuple[str, ...] = ()
    arguments: dict[str, Any] = field(default_factory=dict)


def settled_init(init: str) -> str:
    """Return a way to weights that means the same from any folder.

    Example:
        >>> settled_init("timm:resnet18"), settled_init("runs/first") == f"{Path.cwd()}/runs/first"
        ('timm:resnet18', True)
    """
    return init if is_in_zoo(init) else str(as_path(init, "init").absolute())


def read_initial(init: Path | str) -> Initial:
    """Read the weights that a net is to be started with; nothing in a file is ever run.

    Args:
        init: a run's folder, or a file with a `state_dict`: of `torch.save`, safetensors, a run's `model.safetensors`;
            `timm:NAME` or `torchvision:NAME` for the weights that these libraries offer.

    Raises:
        InputError: there are none, the file is damaged or holds something else, or they cannot be fetched.
        InputTypeError: it is neither a path nor a name.
    """
    path, init = as_path(init, "init"), str(init)
    if is_in_zoo(init):
        name, tensors = pretrained(init)
        return Initial(init, name, tensors, model=init.partition(".")[0])
    if _there(path, Path.is_dir):
        path = RunFolder.open(path).model
    if not _there(path, Path.exists):
        raise InputError(
            f"{path}: expected the weights to start with, found none",
            argument="init",
            cure="Give a file, a run's folder, timm:NAME or torchvision:NAME.",
        )
    if path.suffix == ".safetensors":
        return _of_safetensors(init, path)
    content = read_pickle(path, FAULT, ADVICE, legacy=True)
    inside = _entry_of(content)
    tensors = checked_state_dict(path, content[inside] if inside else content)  # type: ignore[index]  # a dict
    return Initial(init, str(path), tensors, inside)


def _there(path: Path, ask: Callable[[Path], bool]) -> bool:
    try:
        return ask(path)
    except OSError:  # a name that the system cannot take, or a folder that may not be looked into
        return False


def _of_safetensors(init: str, path: Path) -> Initial:
    """Read a safetensors file: of a run, or anybody's `state_dict`."""
    tensors, metadata = read_safetensors(path)
    of_run = metadata.get("format") == FORMAT
    if metadata.get("format") == CHECKPOINT_FORMAT or (of_run and metadata.get("version") == str(FOLDED_VERSION)):
        raise InputError(
            f"{path}: is of a folded net, whose norms are in its weights",
            argument="init",
            cure=("Get back what it was: ", unfolding(path), "."),
        )
    if not of_run:
        return Initial(init, str(path), checked_state_dict(path, tensors))
    card = load_card(path)
    check_digest(path, tensors, metadata)
    model = card.model if file_may_name(card.model) else None
    return Initial(init, str(path), tensors, model=model, classes=card.classes, arguments=card.arguments)


def _entry_of(content: object) -> str | None:
    """The entry of a trainer's checkpoint that holds the `state_dict`; None if it is all of it, or there is none."""
    if not isinstance(content, dict) or (content and all(isinstance(value, Tensor) for value in content.values())):
        return None
    return next((key for key in ENTRIES if isinstance(content.get(key), dict)), None)
