"""How do timm and torchvision list and make their nets?"""

import importlib
import inspect
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType, ModuleType
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ..errors import InputError, did_you_mean
from ..files import one_line
from ._grey import take_grey
from ._zoo_import import imported


class Library(ABC):
    """A library with a registry of nets, imported when the object is made.

    Raises:
        InputError: it is not installed, or cannot be imported.
    """

    name: ClassVar[str]
    listing: ClassVar[str]
    """What a user calls to see the names."""

    def __init__(self) -> None:
        self.module = imported(self.name)

    @abstractmethod
    def names(self) -> Iterable[str]:
        """The names of the classifiers in its registry."""

    @abstractmethod
    def make(self, member: str, shape: Mapping[str, Any], arguments: Mapping[str, Any]) -> nn.Module:
        """Make a net with random weights.

        Args:
            member: its name in the registry.
            shape: `num_classes`, `in_channels` and `image_size`; what is left out is the library's default.
            arguments: what the net takes besides; they win.
        """

    def check(self, member: str) -> None:
        """Raise `InputError` unless the registry has a classifier of this name.

        The registry makes nothing but nets, so that a name in it is data. What these libraries read besides it by a
        name, folders and addresses (`local-dir:`, `hf-hub:`), is in no registry.
        """
        known = frozenset(self.names())
        if member in known:
            return
        near = self.instead_of(member) or did_you_mean(member, known).replace(" '", f" '{self.name}:")
        raise InputError(
            f"{self.name} {getattr(self.module, '__version__', '')} has no classifier {one_line(member, 100)!r}",
            argument="model",
            cure=near.strip() or f"{self.listing} lists them.",
        )

    def instead_of(self, member: str) -> str:
        """What to say of a name that is none, but was meant for something."""
        return ""

    @abstractmethod
    def tags(self, member: str) -> Iterable[str]:
        """The names of the weights that there are of a net."""

    @abstractmethod
    def weights(self, member: str, tag: str) -> tuple[str, dict[str, Tensor]]:
        """Return the weights of a net, and their whole name; those by default without a tag."""

    def check_weights(self, member: str, tag: str) -> None:
        """Raise `InputError` unless there are weights of this net, of that tag."""
        tags = tuple(self.tags(member))
        if tag in tags or (tags and not tag):
            return
        known = ", ".join(f"{self.name}:{member}.{one}" for one in tags)
        raise InputError(
            f"{self.name} has no weights {one_line(tag, 100)!r} of {member}"
            if tag and tags
            else f"{self.name} has no weights of {member}",
            argument="model",
            cure=f"There are {known}." if tags else "Take those of another net.",
        )


class Timm(Library):
    """timm: nets that take any number of channels, and, where they are made for one size of images, that size."""

    name = "timm"
    listing = "timm.list_models()"
    names_of: ClassVar[Mapping[str, str]] = MappingProxyType({"num_classes": "num_classes", "in_channels": "in_chans"})

    def names(self) -> Iterable[str]:
        """All that are not deprecated."""
        found: list[str] = self.module.list_models()
        return found

    def make(self, member: str, shape: Mapping[str, Any], arguments: Mapping[str, Any]) -> nn.Module:
        """Call `timm.create_model`."""
        known: dict[str, Any] = {self.names_of[key]: value for key, value in shape.items() if key in self.names_of}
        about = self.module.get_pretrained_cfg(member)
        if "image_size" in shape and about is not None and about.fixed_input_size:
            known["img_size"] = shape["image_size"]
        net: nn.Module = self.module.create_model(member, **{**known, **arguments})
        return net

    def instead_of(self, member: str) -> str:
        """A name of pretrained weights, or one that timm has given up."""
        plain, dot, tag = member.partition(".")
        if dot and plain in self.names():
            return f"{tag!r} names pretrained weights, with which a net can be started; the net is timm:{plain}."
        now = importlib.import_module("timm.models").get_deprecated_models().get(member)
        return f"Its name is now timm:{now.partition('.')[0]}." if now else ""

    def tags(self, member: str) -> Iterable[str]:
        """Those in its registry, the default first."""
        found: list[str] = self.module.list_pretrained(f"{member}.*")
        default = f"{member}.{self.module.get_pretrained_cfg(member).tag}"
        return [name.partition(".")[2] for name in sorted(found, key=lambda name: name != default)]

    def weights(self, member: str, tag: str) -> tuple[str, dict[str, Tensor]]:
        """Call `timm.create_model`, which reads safetensors, or a pickle by `weights_only=True`."""
        net: nn.Module = self.module.create_model(f"{member}.{tag}" if tag else member, pretrained=True)
        return f"{member}.{tag or self.module.get_pretrained_cfg(member).tag}", net.state_dict()


class Torchvision(Library):
    """torchvision: nets for images of three channels, most of them for any size."""

    name = "torchvision"
    listing = "torchvision.models.list_models(module=torchvision.models)"
    single: ClassVar[Mapping[str, bool]] = MappingProxyType({"aux_logits": False, "init_weights": True})
    """For GoogLeNet and Inception, which in training also give outputs of two more classifiers, for which there is no
    loss here. Their weights start as by default, which warns unless it is asked for."""

    def names(self) -> Iterable[str]:
        """The classifiers: nets for detection, segmentation and videos are in other modules."""
        found: list[str] = self.module.models.list_models(module=self.module.models)
        return found

    def make(self, member: str, shape: Mapping[str, Any], arguments: Mapping[str, Any]) -> nn.Module:
        """Call `torchvision.models.get_model`."""
        known: dict[str, Any] = dict(self.single) if member in ("googlenet", "inception_v3") else {}
        if "num_classes" in shape:
            known["num_classes"] = shape["num_classes"]
        if "image_size" in shape:
            known |= _sized(member, shape["image_size"])
        self._check_known(member, arguments)
        net: nn.Module = self.module.models.get_model(member, weights=None, **{**known, **arguments})
        if (in_channels := shape.get("in_channels", 3)) != 3:
            take_grey(net, in_channels, f"torchvision:{member}")
        return net

    def tags(self, member: str) -> Iterable[str]:
        """Those of its enumeration, without the one that stands for another."""
        return [one.name for one in self.module.models.get_model_weights(member)]

    def weights(self, member: str, tag: str) -> tuple[str, dict[str, Tensor]]:
        """Call `torchvision.models.get_model`, which runs what is in a file, after a look that runs nothing."""
        kind = self.module.models.get_model_weights(member)
        chosen = kind[tag] if tag else kind.DEFAULT
        shown = sys.stderr.isatty()
        torch.hub.load_state_dict_from_url(
            chosen.url, map_location="cpu", progress=shown, check_hash=True, weights_only=True
        )
        net: nn.Module = self.module.models.get_model(member, weights=chosen, progress=shown)
        return f"{member}.{chosen.name}", net.state_dict()

    def _check_known(self, member: str, arguments: Mapping[str, Any]) -> None:
        """Refuse an argument of which nobody there has heard: some of these nets take any name, and drop it."""
        home = importlib.import_module(self.module.models.get_model_builder(member).__module__)
        known = {*_parameters(home)}
        for name in arguments:
            if name not in known:
                raise InputError(
                    f"torchvision:{member}: unknown argument {name!r}",
                    argument="model_args",
                    cure=did_you_mean(name, known) or f"{home.__name__} says which there are.",
                )

    def instead_of(self, member: str) -> str:
        """A net that is no classifier."""
        other = member in self.module.models.list_models()
        return "There is one of that name, but it is no classifier of images." if other else ""


LIBRARIES: dict[str, Callable[[], Library]] = {"timm": Timm, "torchvision": Torchvision}


def _sized(member: str, size: int | tuple[int, int]) -> dict[str, Any]:
    """How a net of torchvision is told the size of images that it is made for."""
    if member.startswith("vit_"):
        if not isinstance(size, int):
            raise InputError(
                argument="model",
                expected=f"square images for torchvision:{member}",
                got="{1}x{0}".format(*size),
                cure="Choose one size for both sides, or a net of timm, such as timm:vit_base_patch16_224.",
            )
        return {"image_size": size}
    return {"input_size": (size, size) if isinstance(size, int) else size} if member.startswith("maxvit_") else {}


def _parameters(module: ModuleType) -> Iterator[str]:
    """The names of all parameters of the functions and methods that a module defines."""
    for entry in vars(module).values():
        if getattr(entry, "__module__", None) == module.__name__:
            for one in (entry, *vars(entry).values()) if isinstance(entry, type) else (entry,):
                function = getattr(one, "__func__", one)
                if inspect.isfunction(inspect.unwrap(function)):
                    yield from inspect.signature(function).parameters
