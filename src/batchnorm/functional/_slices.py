"""How is a batch normalized in parts, each by its own moments?"""

import torch
from torch import Tensor

from ..kernels import in_output_format
from ._arguments import Arguments
from ._between import state_of, track
from ._finish import finish
from ._fused import check_kernels, is_short, steps_of
from ._moments import Moments, batch_moments
from ._operators import fused_training
from ._plain import plain
from ._steps import affine, standardize
from ._sweeps import BySlices
from .sources import Source


def sliced(route: str, a: Arguments, source: Source, sizes: tuple[int, ...]) -> Tensor:
    """The output of a call whose batch is cut into parts of so many samples; what is tracked are the parts' merge."""
    if route == "fused":
        check_kernels(a)
    if type(source).normalizer is Source.normalizer:  # the moments of each part are what normalizes it
        if route == "fused":
            return _by_kernels(a, source, sizes)
        if route == "native":
            return _by_torch(a, source, sizes)
    parts, state = torch.split(a.x, list(sizes)), state_of(a)
    own = [batch_moments(part) for part in parts]
    given = [source.normalizer(moments, state, a.eps) for moments in own]
    found = [affine(standardize(part, *one), a.weight, a.bias) for part, one in zip(parts, given, strict=True)]
    y = in_output_format(torch.cat(found), a.x)
    track(a, source, merged(own))
    return finish(y, a.activation, a.residual, a.pool).to(a.x.dtype)


def _by_kernels(a: Arguments, source: Source, sizes: tuple[int, ...]) -> Tensor:
    """All parts into one output; where somebody looks on, an operator for each."""
    steps = steps_of(a)
    if is_short(a):
        sweeps = BySlices(sizes)
        y = plain(a.x, steps, sweeps)
        track(a, source, merged(sweeps.own))
        return y
    parts, inner = torch.split(a.x, list(sizes)), a.x.numel() // a.x.shape[1] // a.x.shape[0]
    residuals = [None] * len(parts) if a.residual is None else torch.split(a.residual, list(sizes))
    found = [
        fused_training(part, *steps._replace(residual=residual))
        for part, residual in zip(parts, residuals, strict=True)
    ]
    own = [Moments(mean, var, size * inner) for (_, mean, var, _), size in zip(found, sizes, strict=True)]
    track(a, source, merged(own))
    return torch.cat([y for y, *_ in found])


def _by_torch(a: Arguments, source: Source, sizes: tuple[int, ...]) -> Tensor:
    """Torch's operator for each part. The moments of all are read once more: it gives those of a part in few digits."""
    flag = torch.backends.cudnn.enabled
    parts = torch.split(a.x, list(sizes))
    found = [torch.batch_norm(part, a.weight, a.bias, None, None, True, 0.0, a.eps, flag) for part in parts]
    if a.running_mean is not None:
        with torch.no_grad():
            track(a, source, batch_moments(a.x))
    return finish(in_output_format(torch.cat(found), a.x), a.activation, a.residual, a.pool)


def merged(own: list[Moments]) -> Moments:
    """The moments of all parts together, by pairs, which rounds least."""
    while len(own) > 1:
        pairs = zip(own[::2], own[1::2], strict=False)
        own = [one.merge(other) for one, other in pairs] + (own[-1:] if len(own) % 2 else [])
    return own[0]
