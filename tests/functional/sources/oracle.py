"""The variants of batch norm from their formulas, in float64: the expected values of the tests.

Each is written as its paper has it, slice by slice; autograd differentiates the formula, in which `detach` stands where
the paper lets no gradient pass.
"""

import math
from dataclasses import fields

import torch

from ..batch_norm_cases import run
from ..batch_norm_oracle import Expected


def column(values, x):
    """(C,) in a shape that broadcasts against (N, C, *)."""
    return values.reshape(1, -1, *(1,) * (x.dim() - 2))


def moments(x):
    """Mean, biased variance and count of each channel."""
    rows = x.movedim(1, 0).flatten(1)
    return rows.mean(1), rows.var(1, correction=0), rows.shape[1]


def slices(x, size):
    """`x.split(size)`; a last slice with one value per channel joins the one before."""
    parts = list(x.split(size))
    if len(parts) > 1 and parts[-1][:, 0].numel() == 1:
        last = parts.pop()
        parts[-1] = torch.cat([parts[-1], last])
    return parts


def by_batch(x, mean, var, eps, tracked):
    own, spread, _ = moments(x)
    return (x - column(own, x)) / column(torch.sqrt(spread + eps), x)


def by_running(x, mean, var, eps, tracked):
    return (x - column(mean, x)) / column(torch.sqrt(var + eps), x)


def ghost(size):
    return lambda x, *state: torch.cat([by_batch(part, *state) for part in slices(x, size)])


def renorm(r_max, d_max, warmup):
    def x_hat(x, mean, var, eps, tracked):
        share = min(tracked / warmup, 1) if warmup else 1
        r_limit, d_limit = (1 + share * (r_max - 1), share * d_max) if share else (1, 0)
        own, spread, _ = moments(x)
        sigma_batch, sigma = torch.sqrt(spread + eps), torch.sqrt(var + eps)
        r = (sigma_batch / sigma).clamp(1 / r_limit, r_limit).detach()
        d = ((own - mean) / sigma).clamp(-d_limit, d_limit).detach()
        return (x - column(own, x)) / column(sigma_batch, x) * column(r, x) + column(d, x)

    return x_hat


def blend(alpha):
    def x_hat(x, mean, var, eps, tracked):
        own, spread, _ = moments(x)
        first = (1 - alpha) * mean + alpha * own
        second = (1 - alpha) * (var + mean**2) + alpha * (spread + own**2)
        return (x - column(first, x)) / column(torch.sqrt(second - first**2 + eps), x)

    return x_hat


TRAINING = {
    "batch": by_batch,
    "ghost:2": ghost(2),
    "ghost:4": ghost(4),
    "ghost:100": ghost(100),
    "renorm": renorm(3.0, 5.0, 5000),
    "renorm:1.5,0.5,0": renorm(1.5, 0.5, 0),
    "renorm:2,1,10": renorm(2.0, 1.0, 10),
    "renorm:inf,inf,10": renorm(math.inf, math.inf, 10),
    "population": renorm(math.inf, math.inf, 0),
    "population:none": by_running,
    "blend:0.25": by_batch,
    "sync": by_batch,  # in one process; for more see ../sync
}
EVALUATION = dict.fromkeys(TRAINING, by_running) | {"blend:0.25": blend(0.25)}
READING = [text for text in TRAINING if text.startswith(("renorm", "population", "blend"))]
"""Those that need running statistics."""


def expected(text, arguments, dy, *, training, momentum=0.1, eps=1e-5, tracked=0):
    """Everything that a call with this source and its backward must give, by name."""

    def formula(x, mean, var, weight, bias):
        state = (None, None) if mean is None else (mean.clone(), var.clone())
        y = (TRAINING if training else EVALUATION)[text](x, *state, eps, tracked)
        if training and mean is not None and not text.startswith("population"):
            move(mean, var, moments(x.detach()), momentum)
        y = y if weight is None else y * column(weight, y)
        return y if bias is None else y + column(bias, y)

    return differentiated(formula, arguments, dy)


def expected_masked(mask, fill, arguments, dy, *, training, momentum=0.1, eps=1e-5):
    """The same for a mask: the moments are those of the values that are left when the padding is thrown away."""

    def formula(x, mean, var, weight, bias):
        valid = mask.reshape(len(x), *x.shape[2:])
        rows = x.movedim(1, -1)[valid]
        state = (None, None) if mean is None else (mean.clone(), var.clone())
        y = (by_batch if training else by_running)(rows, *state, eps, 0)
        if training and mean is not None:
            move(mean, var, moments(rows.detach()), momentum)
        y = y if weight is None else y * weight
        y = y if bias is None else y + bias
        padded = x.detach().clone() if fill is None else torch.full_like(x, fill).detach()
        return padded.movedim(1, -1).index_put((valid,), y).movedim(-1, 1)

    return differentiated(formula, arguments, dy)


def move(mean, var, seen, momentum):
    """Towards the batch, whose unbiased variance is stored."""
    own, spread, count = seen
    mean.mul_(1 - momentum).add_(momentum * own)
    var.mul_(1 - momentum).add_(momentum * spread * count / (count - 1))


def differentiated(formula, arguments, dy):
    found = run(formula, [None if given is None else given.double() for given in arguments], dy.double())
    return Expected(**{field.name: found.get(field.name) for field in fields(Expected)})
