"""The shipped model: weights in a safetensors file whose metadata says how to build the net and feed it."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..data import Fit, ImageSize, Normalization, as_image_size, height_and_width
from ..errors import ForPython, InputError, Setting, Words
from ..files import as_path, atomic_write, in_short, one_line, read_json, refused
from ..models import build, file_may_name
from ..nn import set_moments
from ._finite import nonfinite_entry
from ._net_of_card import net_of_card
from ._own_net import foreign_net, name_of
from ._own_norm import norm_in_file
from ._safetensors import check_digest, read_fold, read_safetensors, safetensors_bytes
from ._trainable_moments import unfit_moments

FORMAT = "batchnorm.model"
VERSION = 1
CHECKPOINT_FORMAT = "batchnorm.fold"
TRAINING_FORMAT = "batchnorm.checkpoint"
"""Of a file that `fold_checkpoint` wrote: a folded net that is no run's."""
FOLDED_VERSION = 2
"""Of a file that holds a folded net, and what it was: an older reader would not understand its tensors."""


@dataclass(frozen=True)
class ModelCard:
    """Everything besides the weights that is needed to use a trained model on an image.

    `model` and `arguments` rebuild the net; `classes` name its outputs; `normalization` holds the constants of the
    training images; `image_size` is the side of square images, or (height, width); `data` is the name of the set that
    they came from, or the path of its files; `moments` says whose moments normalized in training, which evaluation does
    not ask; `fit` what `data.read_image` does to an image of another shape: that of a net that was trained on crops of
    photographs (`"crop"`), or bars beside it.
    """

    model: str
    arguments: dict[str, Any]
    classes: tuple[str, ...]
    in_channels: int
    image_size: ImageSize
    normalization: Normalization
    data: str
    moments: str = "batch"
    fit: Fit = "pad"

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Shape of an image that the net takes, (C, H, W)."""
        return self.in_channels, *height_and_width(self.image_size)

    def build(self, model: str | None = None) -> nn.Module:
        """Build the net, untrained.

        Args:
            model: the caller's own `package.module:function`. A net that is neither of this package nor in the
                registry of timm or torchvision is built only when its user names it, for a file must not choose which
                code runs.

        Raises:
            InputError: the card names such a net and `model` is `None`, or it cannot be built.
        """
        if model is None and not file_may_name(self.model):
            raise foreign_net(self.model)
        norm = norm_in_file(self.arguments.get("norm"))
        arguments = {**self.arguments, **({"norm": norm} if "norm" in self.arguments else {})}
        shape = {"num_classes": len(self.classes), "in_channels": self.in_channels, "image_size": self.image_size}
        net = build(model or self.model, **{**arguments, **shape})
        self.set_moments(net)
        return net

    def set_moments(self, net: nn.Module) -> None:
        """Let a net normalize in training as it was trained; an own one may have sources of its own."""
        if self.moments != "batch":
            set_moments(net, self.moments)


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
    from ..surgery import check_not_dropped, fold_state, is_folded

    check_not_dropped(model)
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
    if card.moments != "batch":  # older code reads the file, too, and builds the net without
        metadata["moments"] = card.moments
    if card.fit != "pad":
        metadata["fit"] = card.fit
    if state is not None:
        metadata["fold"] = json.dumps(state)
    return safetensors_bytes(tensors, metadata)


def load_model(path: Path | str, model: nn.Module | str | None = None) -> tuple[nn.Module, ModelCard]:
    """Build the model that `path` describes, load its weights, and return it in evaluation mode with its card.

    A net that was folded comes back folded; `batchnorm.unfold` makes it what it was.

    Args:
        path: a `model.safetensors` that `save_model` wrote.
        model: the caller's own net, if the file cannot name it: `package.module:function`, see `ModelCard.build`, or a
            module, of which a copy takes the weights.

    Raises:
        InputError: no such file, a broken or foreign one, or weights that do not fit the net.
        InputTypeError: `model` is no net and no name of one.
    """
    path, name = as_path(path, "path"), name_of(model)
    tensors, metadata = read_safetensors(path)
    card = _read_card(path, metadata)
    net = net_of_card(path, card, model, tensors)
    _load(path, net, name or card.model, tensors, metadata)
    check_digest(path, tensors, metadata)
    broken = nonfinite_entry(net)
    if broken:
        raise InputError(
            f"{path}: {broken} holds values that are not finite: the file is damaged, or the training diverged"
        )
    return net, card


def load_card(path: Path | str) -> ModelCard:
    """Return the card of a model file alone.

    Raises:
        InputError: no such file, or a broken or foreign one.
    """
    return _read_card(Path(path), read_safetensors(Path(path))[1])


def _load(path: Path, net: nn.Module, name: str, tensors: dict[str, torch.Tensor], metadata: Mapping[str, str]) -> None:
    """Put the tensors of a file into a net, folded if it was."""
    from ..surgery import check_kinds, restore_fold

    fold = read_fold(path, metadata) if metadata["version"] == str(FOLDED_VERSION) else None
    try:
        check_kinds(net, tensors)
        if fold is not None:
            restore_fold(net, fold, tensors)
        else:
            net.load_state_dict(tensors)
    except (RuntimeError, ValueError) as error:
        raise InputError(f"{path}: its weights do not fit {name}: {in_short(error, 500)}") from error


def unfolding(path: Path) -> Words:
    """How a folded file is made what it was."""
    return ForPython(
        f"batchnorm.runs.unfold_file({str(path)!r}, out=...)",
        otherwise=(f"batchnorm unfold {shlex.quote(str(path))} ", Setting("out", "FILE")),
    )


def refuse_folded(path: Path, net: nn.Module) -> None:
    """Raise if a net is folded: its norms are gone, and with them the statistics.

    Raises:
        InputError: it is.
    """
    from ..surgery import is_folded

    if is_folded(net):
        raise InputError(
            f"{path}: this net is folded already: its norms are in its weights and have no statistics any more",
            cure=("First get back what it was: ", unfolding(path), "."),
        )


def _read_card(path: Path, metadata: dict[str, str]) -> ModelCard:
    """Read the card from the file's metadata; whatever is missing or odd makes the file a foreign one."""
    if metadata.get("format") == CHECKPOINT_FORMAT:
        raise InputError(
            f"{path}: it holds a folded net of your own, without a card that says what its images and classes are",
            cure="Read it with batchnorm.runs.load_folded(path, model).",
        )
    if metadata.get("format") != FORMAT:
        raise InputError(
            f"{path}: is a safetensors file, but not one that `batchnorm train` wrote (no card in its metadata)"
        )
    version = metadata.get("version")
    if version not in (str(VERSION), str(FOLDED_VERSION)):
        raise InputError(
            f"{path}: its format has version {one_line(str(version), 40)}; this batchnorm reads versions {VERSION} and "
            f"{FOLDED_VERSION}"
        )
    with refused(path, "the card in its metadata is broken", "Train it again or use a copy."):
        return _card(metadata)


def _card(metadata: Mapping[str, str]) -> ModelCard:
    """Make the card of what the metadata say, each value of which is checked first."""
    arguments, classes, images, normalization = (
        read_json(metadata[name]) for name in ("arguments", "classes", "images", "normalization")
    )
    if not isinstance(arguments, dict) or not isinstance(normalization, dict) or not isinstance(images, dict):
        raise ValueError("expected objects for arguments, normalization and images")
    if "name" in arguments:  # what `build` takes besides the arguments of a net
        raise ValueError("expected arguments of a net, got one that is called 'name'")
    if not isinstance(classes, list) or not classes or not all(isinstance(name, str) for name in classes):
        raise ValueError("expected a list of names for classes")
    channels, size = images["channels"], images["size"]
    sides = tuple(size) if isinstance(size, list) and len(size) == 2 else (size, size)
    if not all(type(number) is int and 0 < number < 2**31 for number in (channels, *sides)):
        raise ValueError(f"expected positive integers for channels and size of images, got {channels} and {size}")
    constants = Normalization.from_dict(normalization)
    if len(constants.mean) != channels:
        raise ValueError(f"expected one number per channel for normalization, got {len(constants.mean)}")
    model, data, moments = metadata["model"], metadata["data"], metadata.get("moments", "batch")
    if fault := unfit_moments(moments):
        raise ValueError(fault.text())
    if (fit := metadata.get("fit", "pad")) not in ("pad", "crop"):
        raise ValueError(f"expected 'pad' or 'crop' for fit, got {fit!r}")
    shown: Fit = "crop" if fit == "crop" else "pad"
    size = as_image_size(*sides)
    return ModelCard(model, arguments, tuple(classes), channels, size, constants, data, moments, shown)
