"""Ways in which values leave torch's sight: what was kept of a raw output must be the same after folding."""

import copy
import ctypes
import io
import pickle
from functools import partial

import numpy as np
import torch
from torch import nn

from ._case import EITHER, NOT_FOLDED, RIGHT, Theme, net

theme = Theme()


class Plain:
    """An object that torch knows nothing of."""

    def __init__(self, value):
        self.value = value


def saved(y):
    """The tensor's bytes as `torch.save` writes them."""
    file = io.BytesIO()
    torch.save(y.detach().clone(), file)
    return file.getvalue()


def memory(y):
    """The tensor's bytes, read at its address."""
    return ctypes.string_at(y.data_ptr(), y.numel() * y.element_size())


def numbers(raw, like):
    """The bytes of a tensor as numbers of its dtype."""
    return torch.frombuffer(bytearray(raw), dtype=like.dtype).clone()


KEEPERS = {
    "as_an_attribute": lambda y: y,
    "in_a_list": lambda y: [y],
    "in_an_object": Plain,
    "in_a_closure": lambda y: lambda: 2 * y.sum(),
    "as_a_bound_method": lambda y: y.sum,
    "in_a_generator": lambda y: (row.sum() for row in y),
    "as_a_view": lambda y: y[0, 1:],
    "detached": lambda y: y.detach(),
    "as_data": lambda y: y.data,
    "as_a_copy": lambda y: y.detach().clone(),
    "by_deepcopy": lambda y: copy.deepcopy(y.detach()),
    "as_numpy": lambda y: y.detach().numpy(),
    "as_a_copy_by_numpy": lambda y: y.detach().numpy().copy(),
    "by_asarray": lambda y: np.asarray(y.detach()).sum(),
    "by_dlpack": lambda y: np.from_dlpack(y.detach()),
    "as_a_list_of_numbers": lambda y: y.tolist(),
    "as_a_number": lambda y: y.sum().item(),
    "as_one_value": lambda y: float(y[0, 0, 0, 0]),
    "value_by_value": lambda y: [float(value) for value in y[0, 0, 0]],
    "at_its_address": lambda y: numbers(memory(y), y),
    "as_some_bytes_of_its_storage": lambda y: [y.untyped_storage()[place] for place in range(16)],
    "by_torch_save": saved,
    "by_pickle": lambda y: io.BytesIO(pickle.dumps(y.detach().clone())),
    "as_text": lambda y: str(y.detach()),
    "by_a_format": lambda y: f"{y.mean().item():.3f}",
    "as_a_truth": lambda y: [bool(value > 1) for value in y[0, :, 0, 0]],
    "as_a_norm": torch.linalg.vector_norm,
    "as_a_histogram": lambda y: torch.histc(y, 8, -3, 3),
}


def _opened(kept):
    """What can be compared of what was kept."""
    match kept:
        case bytes():
            return torch.load(io.BytesIO(kept), weights_only=True)
        case io.BytesIO():
            return pickle.loads(kept.getvalue())  # noqa: S301  # our own
        case Plain():
            return kept.value
        case _ if callable(kept):
            return kept()
        case _ if hasattr(kept, "send"):
            return list(kept)
        case np.ndarray() | np.generic():
            return torch.from_numpy(np.array(kept))
        case _:
            return kept


def _look(model, output):
    return output, _opened(model.kept)


def _build(keep):
    def forward(m, x):
        y = m.conv(x)
        m.kept = keep(y)
        return m.bn(y)

    return net(forward, conv=nn.Conv2d(3, 4, 3), bn=nn.BatchNorm2d(4), kept=None)


for _name, _keep in KEEPERS.items():
    theme.add(
        f"kept_{_name}",
        partial(_build, _keep),
        {"bn": NOT_FOLDED},
        "Somebody may look at the raw output later.",
        observe=_look,
    )


@theme.wiring({"bn": EITHER})
def the_address_kept():
    """A number that says nothing of the values."""

    def forward(m, x):
        y = m.conv(x)
        m.address = y.data_ptr()
        return m.bn(y)

    return net(forward, conv=nn.Conv2d(3, 4, 3), bn=nn.BatchNorm2d(4), address=0)


@theme.wiring({"bn": NOT_FOLDED})
def through_numpy_and_back():
    """The array is another tensor's memory: between the two is a step that nobody sees."""
    return net(
        lambda m, x: m.bn(torch.from_numpy(np.tanh(m.conv(x).detach().numpy()))),
        conv=nn.Conv2d(3, 4, 3),
        bn=nn.BatchNorm2d(4),
    )


@theme.wiring({"bn": NOT_FOLDED})
def changed_by_numpy_in_place():
    """NumPy writes into the tensor that the norm then reads."""

    def forward(m, x):
        y = m.conv(x)
        array = y.detach().numpy()
        np.maximum(array, 0, out=array)
        return m.bn(y)

    return net(forward, conv=nn.Conv2d(3, 4, 3), bn=nn.BatchNorm2d(4))


@theme.wiring({"bn": NOT_FOLDED})
def read_by_numpy_later():
    """The array is taken before the norm and read behind it."""

    def forward(m, x):
        y = m.conv(x)
        array = y.detach().numpy()
        z = m.bn(y)
        return z + float(array.sum())

    return net(forward, conv=nn.Conv2d(3, 4, 3), bn=nn.BatchNorm2d(4))


class Tanh(torch.autograd.Function):
    """A step written as its own autograd function, past torch's operators."""

    @staticmethod
    def forward(ctx, y):
        return torch.from_numpy(np.tanh(y.detach().numpy()))

    @staticmethod
    def backward(ctx, grad):
        return grad


class Same(torch.autograd.Function):
    """Gradient reversal: forwards nothing happens."""

    @staticmethod
    def forward(ctx, y):
        return y.view_as(y)

    @staticmethod
    def backward(ctx, grad):
        return -grad


@theme.wiring({"bn": NOT_FOLDED})
def through_an_autograd_function():
    """What it does is hidden from the dispatcher."""
    return net(lambda m, x: m.bn(Tanh.apply(m.conv(x))), conv=nn.Conv2d(3, 4, 3), bn=nn.BatchNorm2d(4))


@theme.wiring({"bn": NOT_FOLDED})
def read_by_an_autograd_function():
    """The norm reads the raw output, and so does the function."""

    def forward(m, x):
        y = m.conv(x)
        return m.bn(y) + Tanh.apply(y)

    return net(forward, conv=nn.Conv2d(3, 4, 3), bn=nn.BatchNorm2d(4))


@theme.wiring({"bn": RIGHT})
def through_an_autograd_function_that_does_nothing():
    """An alias comes out."""
    return net(lambda m, x: m.bn(Same.apply(m.conv(x))), conv=nn.Conv2d(3, 4, 3), bn=nn.BatchNorm2d(4))


@torch.library.custom_op("wirings::squash", mutates_args=())
def squash(y: torch.Tensor) -> torch.Tensor:
    """An operator of somebody's own."""
    return torch.from_numpy(np.tanh(y.numpy()))


@torch.library.custom_op("wirings::squash_in_place", mutates_args=("y",))
def squash_in_place(y: torch.Tensor) -> None:
    """One that writes into its input."""
    array = y.numpy()
    np.tanh(array, out=array)


@theme.wiring({"bn": NOT_FOLDED})
def read_by_an_own_operator():
    """An operator whose schema is all that is known."""

    def forward(m, x):
        y = m.conv(x)
        return m.bn(y) + squash(y.detach())

    return net(forward, conv=nn.Conv2d(3, 4, 3), bn=nn.BatchNorm2d(4))


@theme.wiring({"bn": NOT_FOLDED})
def changed_by_an_own_operator():
    """Its schema says that it writes."""

    def forward(m, x):
        y = m.conv(x).detach()
        squash_in_place(y)
        return m.bn(y)

    return net(forward, conv=nn.Conv2d(3, 4, 3), bn=nn.BatchNorm2d(4))


class Tagged(torch.Tensor):
    """A subclass without behaviour of its own."""


@theme.wiring({"bn": RIGHT})
def through_a_subclass_of_tensor():
    """The norm gives back what the convolution gave, by another class."""
    return net(
        lambda m, x: m.bn(m.conv(x).as_subclass(Tagged)).as_subclass(torch.Tensor),
        conv=nn.Conv2d(3, 4, 3),
        bn=nn.BatchNorm2d(4),
    )
