"""From tensors to kernels and back: batch norm, ReLU and max-pool 2×2 of images."""

import torch
from torch import Tensor

from ._calls import Gradients, Running, Statistics, known_layout, moments_into, move, parameter, room_for_gradients
from ._launch import Launch
from ._layout import UNITS, Rows, in_layout_of, pool_mask_bytes, pooled_like

PAIR_BYTES = 1 << 17
"""About what one unit of pairs of rows reads."""


def pool_forward(
    x: Tensor,
    statistics: Statistics | None,
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
    running: Running | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Compute (y, mean, var, masks) of x (N, C, H, W): y is (N, C, H // 2, W // 2); the others as in `forward`."""
    layout = known_layout(x)
    y, (mean, var) = pooled_like(x), moments_into(x, statistics)
    masks = torch.empty(pool_mask_bytes(x), dtype=torch.uint8)
    if x.numel() == 0:
        return y, mean, var, masks
    launch = Launch(x, layout, eps, training=statistics is None)
    launch.place(x=x, y=y, masks=masks, mean=mean, var=var, weight=parameter(weight, x), bias=parameter(bias, x))
    launch.put(**_image(x))
    move(launch, running)
    if isinstance(layout, Rows):
        launch.run_rows(layout, "pool_rows", "forward")
    else:
        launch.find("pool_columns", "forward")  # before the statistics move
        launch.run_merge(layout)
        pairs, units = _pairs(x)
        launch.put(group=pairs)
        launch.run("pool_columns", "forward", units=units)
    return y, mean, var, masks


def pool_backward(
    dy: Tensor,
    x: Tensor,
    mean: Tensor,
    var: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    masks: Tensor,
    eps: float,
    training: bool,  # noqa: FBT001  # the operator's order
) -> Gradients:
    """Compute the gradients of `pool_forward`, with the mean, var and masks that it gave."""
    layout, gradients = known_layout(x), room_for_gradients(x, add=False)
    if x.numel() == 0:
        return gradients
    pairs, units = _pairs(x)
    launch = Launch(x, layout, eps, training=training, blocks=units)
    launch.place(x=x, dy=in_layout_of(dy, pooled_like(x)), dx=gradients.dx, masks=masks, mean=mean, var=var)
    launch.place(weight=parameter(weight, x), bias=parameter(bias, x))
    launch.place(dweight=gradients.dweight, dbias=gradients.dbias)
    launch.put(**_image(x))
    if isinstance(layout, Rows):
        launch.run_rows(layout, "pool_rows", "backward")
        return gradients
    launch.put(training=False)  # the moments are known
    launch.run_merge(layout)
    launch.put(training=training, group=pairs, blocks=units)
    launch.run("pool_columns", "sum_gradients", units=units)
    launch.run("pool_columns", "merge", units=1)
    launch.run("pool_columns", "differentiate", units=units)
    return gradients


def _image(x: Tensor) -> dict[str, int]:
    return {"n": x.shape[0], "height": x.shape[2], "image_width": x.shape[3]}


def _pairs(x: Tensor) -> tuple[int, int]:
    """Pairs of rows in a unit, and how many units there are."""
    n, c, height, width = x.shape
    pairs = n * (height // 2)
    by_cache = PAIR_BYTES // (2 * width * c * x.element_size())
    group = max(1, min(by_cache, -(-pairs // UNITS)))
    return group, -(-pairs // group)
