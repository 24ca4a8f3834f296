"""The shipped model: weights in a safetensors file whose metadata says how to build the net and feed it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..data import Normalization
from ..errors import InputError
from ..files import atomic_write
from ..models import build, is_builtin
from ._finite import nonfinite_entry

FORMAT = "batchnorm.model"
VERSION = 1
CHECKPOINT_FORMAT = "batchnorm.fold"
"""Of a file that `fold_checkpoint` wrote: a folded net that is no run's."""
FOLDED_VERSION = 2
"""Of a file that holds a folded net, and what it was: an older reader would not understand its tensors."""


@dataclass(frozen=True)
class ModelCard:
    """All that is needed, beside the weights, to use a trained net on an image.

    `model` and `arguments` rebuild the net; `classes` name its outputs; `normalization` holds the constants of the
    training images; `data` is the name of the set that they came from.
    """

    model: str
    arguments: dict[str, Any]
    classes: tuple[str, ...]
    in_channels: int
    image_size: int
    normalization: Normalization
    data: str

    def build(self, model: str | None = None) -> nn.Module:
        """Build the net, untrained.

        Args:
            model: the caller's own `package.module:function`; a net that is not built in is built only when its
                user names it, for a file must not choose which code runs.

        Raises:
            InputError: the card names a net that is not built in and `model` is `None`, or it cannot be built.
        """
        if model is None and not is_builtin(self.model):
            raise InputError(
                f"the model file names {self.model!r}, which is not a net of this package, and a file may not choose "
                f"which code runs; if you trust it, say so: --model {self.model}"
            )
        shape = {"num_classes": len(self.classes), "in_channels": self.in_channels, "image_size": self.image_size}
        return build(model or self.model, **{**self.arguments, **shape})


def save_model(path: Path | str, model: nn.Module, card: ModelCard) -> None:
    """Write `model`'s state and `card` to one safetensors file, atomically.

    A folded net stays folded, and the file keeps what it was: `batchnorm.unfold` gives that back when it is loaded.

    Raises:
        OSError: the file cannot be written.
        ValueError: the net was folded in a way that no file can hold.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "model.safetensors"
        >>> card = ModelCard("MLP", {"width": 8}, ("shoe", "shirt"), 1, 28, Normalization((0.3,), (0.4,)), "mine")
        >>> save_model(path, build("MLP", num_classes=2, in_channels=1, image_size=28, width=8), card)
        >>> net, read = load_model(path)
        >>> read == card, net.training
        (True, False)
    """
    with atomic_write(path) as file:
        file.write(model_bytes(model, card))


def model_bytes(model: nn.Module, card: ModelCard) -> bytes:
    """Return the bytes of the file that `save_model` writes."""
    from safetensors.torch import save

    from ..surgery import fold_state, is_folded

    folded = is_folded(model)
    state, tensors = fold_state(model) if folded else (None, model.state_dict())
    metadata = {
        "format": FORMAT,
        "version": str(FOLDED_VERSION if folded else VERSION),
        "model": card.model,
        "data": card.data,
        "arguments": json.dumps(card.arguments),
        "classes": json.dumps(card.classes),
        "images": json.dumps({"channels": card.in_channels, "size": card.image_size}),
        "normalization": json.dumps(card.normalization.to_dict()),
    }
    if state is not None:
        metadata["fold"] = json.dumps(state)
    return save(lone_tensors(tensors), metadata)


def lone_tensors(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return contiguous copies with memory of their own: safetensors refuses shared storages and strides."""
    return {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()
    }


def load_model(path: Path | str, model: str | None = None) -> tuple[nn.Module, ModelCard]:
    """Build the net that `path` describes, load its weights, and return it in evaluation mode with its card.

    A net that was folded comes back folded; `batchnorm.unfold` makes it what it was.

    Args:
        path: a `model.safetensors` that `save_model` wrote.
        model: the caller's own `package.module:function`, see `ModelCard.build`.

    Raises:
        InputError: no such file, a broken or foreign one, or weights that do not fit the net.
    """
    path = Path(path)
    tensors, metadata = read_safetensors(path)
    card = _read_card(path, metadata)
    # The mode first: a norm that has been folded away is out of reach of what comes later.
    net = card.build(model).eval()
    try:
        if metadata["version"] == str(FOLDED_VERSION):
            from ..surgery import restore_fold

            restore_fold(net, read_fold(path, metadata), tensors)
        else:
            net.load_state_dict(tensors)
    except (RuntimeError, ValueError) as error:
        said = str(error).removeprefix("restore_fold: ")
        raise InputError(f"{path}: its weights do not fit {model or card.model}: {said}") from None
    broken = nonfinite_entry(net)
    if broken:
        raise InputError(f"{path}: {broken} holds values that are not finite; the file is damaged or badly trained")
    return net, card


def read_safetensors(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Return the tensors and the metadata of a file.

    Raises:
        InputError: no such file, or none of that kind.
    """
    from safetensors import SafetensorError, safe_open

    try:
        if not path.is_file():
            raise InputError(f"{path}: expected a model file, found none; check the path")
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
            return tensors, file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: expected a safetensors file, and this is none or is cut off ({error})") from None


def read_fold(path: Path, metadata: Mapping[str, str]) -> object:
    """Return what the metadata of a file say of the fold, unchecked.

    Raises:
        InputError: that is no JSON, or nothing is said.
    """
    try:
        state: object = json.loads(metadata["fold"])
    except (KeyError, ValueError) as error:
        raise InputError(f"{path}: what it says of its fold is broken ({error!r}); fold the model again") from None
    return state


def refuse_folded(path: Path, net: nn.Module) -> None:
    """Raise if a net is folded: its norms are gone, and with them the statistics.

    Raises:
        InputError: it is.
    """
    from ..surgery import is_folded

    if is_folded(net):
        raise InputError(
            f"{path}: this net is folded already: its norms are in its weights, and have no statistics any more. First "
            f"get back what it was: batchnorm unfold {path} -o FILE"
        )


def _read_card(path: Path, metadata: dict[str, str]) -> ModelCard:
    """Read the card from the file's metadata; whatever is missing or odd makes the file a foreign one."""
    if metadata.get("format") == CHECKPOINT_FORMAT:
        raise InputError(
            f"{path}: a folded net of your own, without a card that says what its images and classes are; "
            "batchnorm.training.load_folded reads it"
        )
    if metadata.get("format") != FORMAT:
        raise InputError(
            f"{path}: a safetensors file, but not one that `batchnorm train` wrote (no card in its metadata)"
        )
    if metadata.get("version") not in (str(VERSION), str(FOLDED_VERSION)):
        raise InputError(
            f"{path}: its format has version {metadata.get('version')}, this batchnorm reads versions {VERSION} and "
            f"{FOLDED_VERSION}"
        )
    try:
        images = json.loads(metadata["images"])
        return ModelCard(
            model=metadata["model"],
            arguments=dict(json.loads(metadata["arguments"])),
            classes=tuple(map(str, json.loads(metadata["classes"]))),
            in_channels=int(images["channels"]),
            image_size=int(images["size"]),
            normalization=Normalization.from_dict(json.loads(metadata["normalization"])),
            data=metadata["data"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: the card in its metadata is broken ({error!r}); train it again or use a copy"
        ) from None
