"""From tensors to kernels and back: batch norm, with an activation or with a residual and ReLU."""

import struct
from array import array
from typing import NamedTuple

import torch
from torch import Tensor

from . import _team
from ._compiler import Kernel, address_of
from ._layout import DTYPES, Columns, Rows, in_layout_of, layout_of
from .jit.slots import PLACES, TICKET, UNITS

SERIAL = 1 << 15
"""Tensors of fewer values run in one thread: waking the others would cost more."""
STREAMED = 1 << 24
"""Outputs of so many bytes go past the caches, which they would only sweep clean: the next layer finds none of it."""


class Gradients(NamedTuple):
    """What a backward pass gives; `dresidual` has no values where there was no residual."""

    dx: Tensor
    dweight: Tensor
    dbias: Tensor
    dresidual: Tensor


class Launch:
    """One array of arguments, and the kernels that run with it one after the other."""

    def __init__(
        self, x: Tensor, layout: Rows | Columns, tensors: dict[str, Tensor | None], eps: float, *, training: bool
    ) -> None:
        self.dtype = DTYPES[x.dtype]
        self.threads = 1 if x.numel() < SERIAL else torch.get_num_threads()
        self.values = array("q", layout.arguments)
        for name, tensor in tensors.items():
            if tensor is not None:
                self.values[PLACES[name]] = tensor.data_ptr()
        self.put(training=training, stream=False, eps=struct.unpack("q", struct.pack("d", eps))[0])
        self.kept = tensors  # they must outlive the kernels

    def put(self, **numbers: int) -> None:
        """Write numbers into their places."""
        for name, number in numbers.items():
            self.values[PLACES[name]] = number

    def stream(self, layout: Rows | Columns, *outputs: Tensor) -> None:
        """Let large outputs go past the caches, if each place of eight values is aligned."""
        dense = isinstance(layout, Columns) or layout.length % 8 == 0
        aligned = dense and all(output.data_ptr() % (8 * output.element_size()) == 0 for output in outputs)
        self.put(stream=aligned and outputs[0].nbytes >= STREAMED)

    def run(self, room: str, make: str, *options: str | bool, units: int) -> None:
        """Run one kernel to its end."""
        self.values[TICKET], self.values[UNITS] = 0, units
        kernel = address_of(Kernel(room, make, self.dtype, options))
        _team.run(kernel, self.values.buffer_info()[0], min(self.threads, units))

    def run_rows(self, layout: Rows, room: str, make: str, *options: str | bool) -> None:
        """Run a kernel whose units are groups of channels."""
        group = layout.group(self.threads)
        self.put(group=group)
        self.run(room, make, *options, units=-(-layout.c // group))


def number_type(x: Tensor) -> torch.dtype:
    """The type that x is computed in, which is that of weight, bias and their gradients."""
    return torch.float64 if x.dtype is torch.float64 else torch.float32


def known_layout(x: Tensor) -> Rows | Columns:
    """The layout of x.

    Raises:
        RuntimeError: no kernel takes it.
    """
    layout = layout_of(x)
    if layout is None:
        raise RuntimeError(
            f"the CPU kernels take a dense tensor, contiguous or channels_last, got strides {x.stride()} "
            f"for shape {tuple(x.shape)}. Call .contiguous() first, or take route='native'."
        )
    return layout


def scratch(x: Tensor, layout: Rows | Columns) -> dict[str, Tensor | None]:
    """The tables and sums that the kernels of one pass share."""
    kind, c = number_type(x), layout.c
    if isinstance(layout, Rows):
        return {"table": torch.empty(6 * c, dtype=kind), "sums": torch.empty(3 * c, dtype=torch.float64)}
    return {
        "table": torch.empty(6 * layout.lanes, dtype=kind),
        "sums": torch.empty(2 * layout.blocks * layout.lanes + 3 * c, dtype=torch.float64),
        "pivots": torch.empty(layout.blocks * layout.lanes, dtype=kind),
        "partial": torch.empty(2 * layout.blocks * layout.lanes, dtype=kind),
    }


def moments_into(x: Tensor, statistics: tuple[Tensor, Tensor] | None) -> tuple[Tensor, Tensor]:
    """Room for the moments of a batch, or a copy of the given ones as float64."""
    if statistics is None:
        return torch.zeros(x.shape[1], dtype=torch.float64), torch.zeros(x.shape[1], dtype=torch.float64)
    mean, var = statistics
    return mean.contiguous().to(torch.float64, copy=True), var.contiguous().to(torch.float64, copy=True)


def parameter(values: Tensor | None, x: Tensor) -> Tensor | None:
    """Weight or bias as the kernels read it."""
    return None if values is None else values.to(number_type(x)).contiguous()


def forward(
    x: Tensor,
    statistics: tuple[Tensor, Tensor] | None,
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
    activation: str,
    residual: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Compute (y, mean, var, masks): batch norm, residual added if there is one, activated.

    `statistics` are the mean and the variance to normalize by; None takes the batch's. mean and var (C,) are those
    that were used, in float64; masks are the bits that `backward` needs where there is a residual.
    """
    layout, add = known_layout(x), residual is not None
    y, (mean, var) = torch.empty_like(x), moments_into(x, statistics)
    masks = torch.empty(layout.mask_bytes if add else 0, dtype=torch.uint8)
    if x.numel() == 0:
        return y, mean, var, masks
    residual = None if residual is None else in_layout_of(residual, y)
    tensors: dict[str, Tensor | None] = {"x": x, "y": y, "residual": residual, "masks": masks, "mean": mean, "var": var}
    tensors |= {"weight": parameter(weight, x), "bias": parameter(bias, x), **scratch(x, layout)}
    launch = Launch(x, layout, tensors, eps, training=statistics is None)
    launch.stream(layout, y)
    if isinstance(layout, Rows):
        launch.run_rows(layout, "rows", "forward", activation, add)
    else:
        if statistics is None:
            launch.run("columns", "sum_moments", units=layout.units)
        launch.run("columns", "prepare", units=layout.merge_units)
        launch.run("columns", "forward", activation, add, units=layout.units)
    return y, mean, var, masks


def backward(
    dy: Tensor,
    x: Tensor,
    mean: Tensor,
    var: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    masks: Tensor,
    eps: float,
    activation: str,
    add: bool,  # noqa: FBT001  # the operator's order
    training: bool,  # noqa: FBT001
) -> Gradients:
    """Compute the gradients of `forward`, with the mean, var and masks that it gave."""
    layout, kind = known_layout(x), number_type(x)
    dx = torch.empty_like(x)
    dresidual = torch.empty_like(x) if add else x.new_empty(0)
    dweight, dbias = torch.zeros(layout.c, dtype=kind), torch.zeros(layout.c, dtype=kind)
    gradients = Gradients(dx, dweight, dbias, dresidual)
    if x.numel() == 0:
        return gradients
    tensors: dict[str, Tensor | None] = {
        "x": x,
        "dy": in_layout_of(dy, dx),
        "dx": dx,
        "dresidual": dresidual,
        "masks": masks,
    }
    tensors |= {"mean": mean, "var": var, "weight": parameter(weight, x), "bias": parameter(bias, x)}
    tensors |= {"dweight": dweight, "dbias": dbias, **scratch(x, layout)}
    launch = Launch(x, layout, tensors, eps, training=training)
    launch.stream(layout, dx, dresidual)
    if isinstance(layout, Rows):
        launch.run_rows(layout, "rows", "backward", activation, add)
    else:
        launch.put(training=False)  # the moments are known
        launch.run("columns", "prepare", units=layout.merge_units)
        launch.put(training=training)
        launch.run("columns_backward", "sum_gradients", activation, add, units=layout.units)
        launch.run("columns_backward", "merge", activation, add, units=layout.merge_units)
        launch.run("columns_backward", "differentiate", activation, add, units=layout.units)
    return gradients
