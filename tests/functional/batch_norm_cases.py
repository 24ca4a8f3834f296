"""Arguments drawn from a seed, everything that a call gives for them, and how far it is from what it must be."""

import numpy as np
import torch


def make_case(shape, *, dtype, tracked=True, weight=True, bias=True, parameters=None, seed=0):
    """Arguments x, running_mean, running_var, weight, bias and a gradient dy, drawn from one seed."""
    generator = torch.Generator().manual_seed(seed)
    channels = shape[1]
    parameters = parameters or dtype

    def draw(*sizes):
        return torch.randn(*sizes, generator=generator, dtype=torch.float64)

    offset = draw(channels).reshape(1, -1, *(1,) * (len(shape) - 2))
    arguments = [
        (draw(*shape) * 2 + 3 * offset).to(dtype),
        draw(channels).to(parameters) if tracked else None,
        (draw(channels).abs() + 0.1).to(parameters) if tracked else None,
        draw(channels).to(parameters) if weight else None,
        draw(channels).to(parameters) if bias else None,
    ]
    return arguments, draw(*shape).to(dtype)


def run(function, arguments, dy, **options):
    """Everything that a call and its backward change or return, by name, in float64."""
    x, mean, var, weight, bias = (None if a is None else a.clone() for a in arguments)
    leaves = {"dx": x, "dweight": weight, "dbias": bias}
    leaves = {name: leaf.requires_grad_() for name, leaf in leaves.items() if leaf is not None}
    y = function(x, mean, var, weight, bias, **options)
    y.backward(dy)
    found = {"y": y, "running_mean": mean, "running_var": var}
    found |= {name: leaf.grad for name, leaf in leaves.items()}
    return {name: t.detach().double().numpy() for name, t in found.items() if t is not None}


def errors(found, expected):
    """For every name the largest error, as a share of the largest value or of 1."""
    return {
        name: np.abs(values - getattr(expected, name)).max() / max(1.0, np.abs(getattr(expected, name)).max())
        for name, values in found.items()
    }
