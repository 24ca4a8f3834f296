"""Which images, and which code of a user's net, were the runs of a study done with? Digests, to see if they change."""

import hashlib
import inspect
from pathlib import Path

import torch

from ..data import Split
from ..models import is_builtin, own_code

LOOKED_AT = 256
"""Images of a split that are looked at where reading all of them would mean decoding files."""


def images_digest(*splits: Split) -> str:
    """Return SHA-256 of images and labels: of all images that are in memory, and of some of those that lie in files.

    Example:
        >>> one, other = (Split(torch.full((2, 1, 4, 4), n, dtype=torch.uint8), torch.tensor([0, 1])) for n in (0, 1))
        >>> images_digest(one) == images_digest(other)
        False
    """
    digest = hashlib.sha256()
    for split in splits:
        digest.update(repr(split.shape).encode())
        digest.update(split.labels.numpy().tobytes())
        digest.update(_images(split).contiguous().numpy().tobytes())
    return digest.hexdigest()


def _images(split: Split) -> torch.Tensor:
    if isinstance(split.images, torch.Tensor):
        return split.images
    count = len(split)
    return split.read(torch.linspace(0, count - 1, min(LOOKED_AT, count)).round().long())


def model_digest(model: str | None) -> str | None:
    """Return SHA-256 of the file that makes a user's net; None of a net by its name.

    Raises:
        InputError: there is no such function.

    Example:
        >>> model_digest("resnet20") is None, len(model_digest("torch.nn:Flatten"))
        (True, 64)
    """
    if model is None or is_builtin(model) or ":" not in model:
        return None
    with own_code("model", model) as found:
        try:
            file = inspect.getsourcefile(found)
        except TypeError:  # no function and no class
            file = None
    return hashlib.sha256(Path(file).read_bytes()).hexdigest() if file and Path(file).is_file() else ""
