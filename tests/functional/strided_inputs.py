"""Tensors of one shape in all kinds of memory: permuted, sliced, expanded."""

from itertools import permutations

import torch


def draw(sizes):
    return torch.randn(sizes, generator=torch.Generator().manual_seed(0))


def channels_innermost(sizes):
    return draw([sizes[0], *sizes[2:], sizes[1]]).movedim(-1, 1)


def permuted(shape):
    """The axes in every order in memory."""
    for order in permutations(range(len(shape))):
        yield draw([shape[axis] for axis in order]).permute([order.index(axis) for axis in range(len(shape))])


def cut(shape):
    """Parts of larger tensors, contiguous ones and such whose channels are innermost."""
    n, c, *image = shape
    for whole in (draw, channels_innermost):
        yield whole([2 * n, c, *image])[::2]
        yield whole([n, c + 3, *image])[:, 1:-2]
        yield whole([n, 2 * c, *image])[:, ::2]
        if image:
            yield whole([n, c, *image[:-1], image[-1] + 2])[..., 1:-1]
            yield whole([n, c, *image[:-1], 2 * image[-1]])[..., ::2]
    yield draw([size + 1 for size in shape])[tuple(slice(1, None) for _ in shape)]


def expanded(shape):
    """Axes that are one value, or one row, many times."""
    for axis in range(len(shape)):
        yield draw([1 if place == axis else size for place, size in enumerate(shape)]).expand(shape)


SHAPES = [
    *((6, 4), (1, 4), (6, 1)),
    *((4, 3, 5), (4, 1, 5), (1, 3, 5), (4, 3, 1)),
    *((4, 3, 5, 6), (4, 1, 5, 6), (1, 3, 5, 6), (4, 3, 1, 6), (4, 3, 5, 1), (4, 3, 1, 1)),
    *((2, 3, 2, 4, 5), (2, 3, 1, 4, 2, 3)),
]


def inputs(shape):
    """About fifty tensors, each in a memory of its own kind; of six axes only some."""
    if len(shape) > 5:
        return [draw(shape), channels_innermost(shape), draw(shape[::-1]).permute(*reversed(range(len(shape))))]
    return [*permuted(shape), *cut(shape), *expanded(shape)]
