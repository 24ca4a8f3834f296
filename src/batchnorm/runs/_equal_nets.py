"""Do two nets with the same weights compute the same?"""

import copy
from typing import Literal

import torch
from torch import Tensor, nn

from ..errors import InputError, RefusedError
from ..files import one_line
from ..records import ConvertProof
from ._model_file import ModelCard

_IMAGES = 4
_BOUND = 1e-9
"""By how much numbers may differ in float64, as a share of the largest of their tensor."""


def proof_of(one: nn.Module, other: nn.Module, card: ModelCard, *, training: bool) -> ConvertProof:
    """Run two nets on random images of the size that they are for, and compare what comes of it.

    Args:
        one: a net; it stays as it is.
        other: a net with the same weights; it stays as it is.
        card: says what the images are.
        training: compare gradients and running statistics, too.

    Raises:
        RefusedError: they differ by more than rounding.
        InputError: one of them raises.
    """
    images = torch.randn((_IMAGES, *card.image_shape), generator=torch.Generator().manual_seed(0))
    runs = (_evaluated, _trained) if training else (_evaluated,)
    try:
        errors = {
            dtype: max(_distance(run(one, images.to(dtype)), run(other, images.to(dtype))) for run in runs)
            for dtype in (torch.float32, torch.float64)
        }
    except Exception as error:  # a net of the caller's own may raise anything
        said = f"{type(error).__name__}: {one_line(str(error), 500)}"
        raise InputError(f"the nets with either norm cannot be compared: one of them raised {said}") from error
    if not errors[torch.float64] <= _BOUND:
        raise RefusedError(
            "the net with the other norms computes something else: in float64 it differs by "
            f"{errors[torch.float64]:.1e} of the largest number; nothing was written"
        )
    modes: tuple[Literal["evaluation", "training"], ...] = ("evaluation", "training") if training else ("evaluation",)
    return ConvertProof(1, modes, errors[torch.float32], errors[torch.float64], "float32")


def _evaluated(net: nn.Module, images: Tensor) -> dict[str, Tensor]:
    with torch.no_grad():
        return {"": copy.deepcopy(net).to(images.dtype).eval()(images)}


def _trained(net: nn.Module, images: Tensor) -> dict[str, Tensor]:
    """The outputs, the gradients of their mean square, and the statistics; both nets draw the same random numbers."""
    trial = copy.deepcopy(net).to(images.dtype).train()
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        outputs = trial(images)
    outputs.square().mean().backward()
    # All gradients as one: that of a bias in front of a norm is zero, and has nothing but rounding.
    gradients = [one.grad.flatten() for one in trial.parameters() if one.grad is not None]
    return {"": outputs.detach(), "gradients": torch.cat(gradients), **dict(trial.named_buffers())}


def _distance(found: dict[str, Tensor], expected: dict[str, Tensor]) -> float:
    if found.keys() != expected.keys():
        return torch.inf
    return max(_share(found[name].double(), tensor.double()) for name, tensor in expected.items())


def _share(found: Tensor, expected: Tensor) -> float:
    if found.shape != expected.shape or not expected.numel():
        return 0.0 if found.shape == expected.shape else torch.inf
    most = float(expected.abs().max())
    return float((found - expected).abs().max()) / (most or 1.0)
