"""From tensors to kernels and back: batch norm, ReLU and max-pool 2×2 of images."""

import torch
from torch import Tensor

from ._calls import (
    Gradients,
    Launch,
    known_layout,
    moments_into,
    number_type,
    parameter,
    scratch,
)
from ._layout import UNITS, Columns, Rows, in_layout_of, pool_mask_bytes, pooled_like

PAIR_BYTES = 1 << 17
"""About what one unit of pairs of rows reads."""


def pool_forward(
    x: Tensor,
    statistics: tuple[Tensor, Tensor] | None,
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Compute (y, mean, var, masks) of x (N, C, H, W): y is (N, C, H // 2, W // 2); the others as in `forward`."""
    layout = known_layout(x)
    y, (mean, var) = pooled_like(x), moments_into(x, statistics)
    masks = torch.empty(pool_mask_bytes(x), dtype=torch.uint8)
    if x.numel() == 0:
        return y, mean, var, masks
    tensors: dict[str, Tensor | None] = {"x": x, "y": y, "masks": masks, "mean": mean, "var": var}
    tensors |= {"weight": parameter(weight, x), "bias": parameter(bias, x), **scratch(x, layout)}
    launch = Launch(x, layout, tensors, eps, training=statistics is None)
    launch.put(**_image(x))
    if isinstance(layout, Rows):
        launch.run_rows(layout, "pool_rows", "forward")
    else:
        if statistics is None:
            launch.run("columns", "sum_moments", units=layout.units)
        launch.run("columns", "prepare", units=layout.merge_units)
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
    layout, kind = known_layout(x), number_type(x)
    dx = torch.empty_like(x)
    dweight, dbias = torch.zeros(layout.c, dtype=kind), torch.zeros(layout.c, dtype=kind)
    gradients = Gradients(dx, dweight, dbias, x.new_empty(0))
    if x.numel() == 0:
        return gradients
    tensors: dict[str, Tensor | None] = {
        "x": x,
        "dy": in_layout_of(dy, pooled_like(x)),
        "dx": dx,
        "masks": masks,
        "mean": mean,
        "var": var,
    }
    tensors |= {"weight": parameter(weight, x), "bias": parameter(bias, x), "dweight": dweight, "dbias": dbias}
    tensors |= scratch(x, layout)
    if isinstance(layout, Columns):
        pairs, units = _pairs(x)
        tensors["sums"] = torch.empty(2 * units * layout.lanes + 3 * layout.c, dtype=torch.float64)
    launch = Launch(x, layout, tensors, eps, training=training)
    launch.put(**_image(x))
    if isinstance(layout, Rows):
        launch.run_rows(layout, "pool_rows", "backward")
        return gradients
    launch.put(training=False)  # the moments are known
    launch.run("columns", "prepare", units=layout.merge_units)
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
