"""How is a batch normalized in parts, each by its own moments?"""

import torch
from torch import Tensor

from ..kernels import in_output_format
from ._arguments import Arguments
from ._between import state_of, track
from ._channels import per_channel
from ._finish import finish
from ._moments import Moments, batch_moments
from ._steps import affine
from .sources import Source


def sliced(route: str, a: Arguments, source: Source, sizes: tuple[int, ...]) -> Tensor:
    """The output of a call whose batch is cut into parts of so many samples; what is tracked are the parts' merge."""
    parts = torch.split(a.x, list(sizes))
    state, own = state_of(a), [batch_moments(part) for part in parts]
    found = []
    for part, moments in zip(parts, own, strict=True):
        mean, invstd = source.normalizer(moments, state, a.eps)
        x_hat = (part - per_channel(mean, part, "mean")) * per_channel(invstd, part, "invstd")
        found.append(affine(x_hat, a.weight, a.bias))
    y = torch.cat(found).to(a.x.dtype)
    track(a, source, merged(own))
    return finish(in_output_format(y, a.x), a.activation, a.residual, a.pool)


def merged(own: list[Moments]) -> Moments:
    """The moments of all parts together."""
    whole, *others = own
    for part in others:
        whole = whole.merge(part)
    return whole
