"""How a model is called and what it gives back: arguments and outputs of any form."""

import dataclasses
from collections import OrderedDict
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ._case import EITHER, FOLDED, NOT_FOLDED, RIGHT, Theme, draw, images, net

theme = Theme()


class Pair(NamedTuple):
    """A named tuple."""

    first: Any
    second: Any


@dataclasses.dataclass
class Record:
    """A data class."""

    first: Any
    second: Any = None


class Opaque:
    """A class that nobody knows."""

    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value


def block(wrap):
    """A convolution and its norm, whose outputs are wrapped: the normalized one, and the raw one."""

    def forward(m, x):
        y = m.conv(x)
        return wrap(m.bn(y), y)

    return net(forward, conv=nn.Conv2d(3, 4, 3), bn=nn.BatchNorm2d(4))


OUTPUTS = {
    "in_a_dict": lambda z, y: {"out": z},
    "in_a_nested_dict": lambda z, y: {"a": {"b": [z, None, 1]}, 3: (z.sum(),)},
    "in_an_ordered_dict": lambda z, y: OrderedDict(out=z, mask=z > 0),
    "in_a_named_tuple": lambda z, y: Pair(z, "text"),
    "in_a_dataclass": lambda z, y: Record(z, [z * 2]),
    "in_an_unknown_object": lambda z, y: Opaque(z),
    "as_a_list_of_rows": lambda z, y: list(z),
    "as_an_iterator": lambda z, y: iter([z, z + 1]),
    "as_a_number": lambda z, y: z.square().mean().item(),
    "as_numpy": lambda z, y: z.detach().numpy(),
    "twice": lambda z, y: (z, z),
    "beside_a_whole_number": lambda z, y: (z, (z > 0).sum()),
    "in_place": lambda z, y: z.relu_(),
}
RAW = {
    "in_a_tuple": lambda z, y: (z, y),
    "in_a_dict": lambda z, y: {"out": z, "features": {"raw": y}},
    "in_a_named_tuple": Pair,
    "in_a_dataclass": Record,
    "in_an_unknown_object": lambda z, y: (z, Opaque(y)),
    "as_a_view": lambda z, y: (z, y[0]),
    "as_a_list": lambda z, y: (z, y[0, 0].tolist()),
    "as_a_lazy_sum": lambda z, y: (z, (row.sum() for row in y)),
    "as_a_function": lambda z, y: (z, y.sum),
}


def _opened(model, output):
    """Whatever has to be asked for is asked for."""
    if isinstance(output, tuple) and len(output) == 2 and callable(output[1]):
        return output[0], output[1]()
    return output


READ = {"as_a_number", "as_numpy"}
"""Outputs that Python has read when they come: for all that is known it has decided something by them."""

for _name, _wrap in OUTPUTS.items():
    theme.add(
        f"output_{_name}",
        lambda wrap=_wrap: block(wrap),
        {"bn": EITHER if _name in READ else FOLDED},
        "Only what it is wrapped in differs.",
    )
for _name, _wrap in RAW.items():
    theme.add(
        f"raw_output_{_name}",
        lambda wrap=_wrap: block(wrap),
        {"bn": NOT_FOLDED},
        "The raw output is given away as well.",
        observe=_opened,
    )


@theme.wiring({"bn": RIGHT}, observe=lambda model, output: list(output))
def output_as_a_generator():
    """Nothing has run when the pass is over."""
    return net(lambda m, x: (m.bn(m.conv(image[None])) for image in x), conv=nn.Conv2d(3, 4, 3), bn=nn.BatchNorm2d(4))


@theme.wiring({"bn": FOLDED}, observe=lambda model, output: model.result)
def output_as_nothing():
    """The result is an attribute of the model."""

    def forward(m, x):
        m.result = m.bn(m.conv(x))

    return net(forward, conv=nn.Conv2d(3, 4, 3), bn=nn.BatchNorm2d(4), result=None)


@theme.wiring({"bn": RIGHT})
def output_that_is_not_needed():
    """The norm runs and nobody reads it."""

    def forward(m, x):
        m.bn(m.conv(x))
        return x * 2

    return net(forward, conv=nn.Conv2d(3, 4, 3), bn=nn.BatchNorm2d(4))


def plain(forward):
    return net(forward, conv=nn.Conv2d(3, 4, 3), bn=nn.BatchNorm2d(4))


IMAGES, MORE = images(), images(3, seed=1)
INPUTS = {
    "two_tensors": (lambda m, x, z: m.bn(m.conv(x + z)), (IMAGES, IMAGES), (MORE, 2 * MORE)),
    "a_list_of_tensors": (lambda m, xs: m.bn(m.conv(sum(xs))), ([IMAGES, IMAGES],), ([MORE],)),
    "a_dict_of_tensors": (lambda m, d: m.bn(m.conv(d["image"])), ({"image": IMAGES},), ({"image": MORE},)),
    "a_named_tuple": (lambda m, p: m.bn(m.conv(p.first)), (Pair(IMAGES, 1),), (Pair(MORE, 2),)),
    "a_dataclass": (lambda m, r: m.bn(m.conv(r.first)), (Record(IMAGES),), (Record(MORE),)),
    "as_many_as_come": (lambda m, *xs: [m.bn(m.conv(x)) for x in xs], (IMAGES, IMAGES), (MORE,)),
    "keywords_alone": (lambda m, *, image: m.bn(m.conv(image)), {"image": IMAGES}, {"image": MORE}),
    "a_text": (
        lambda m, x, mode: m.bn(m.conv(x)) if mode == "a" else m.bn(m.conv(-x)),
        (IMAGES, "a"),
        (MORE, "b"),
    ),
    "nothing_beside_none": (lambda m, x, mask=None: m.bn(m.conv(x)), (IMAGES, None), (MORE,)),
    "whole_numbers": (
        lambda m, x: m.bn(m.conv(x.to(m.conv.weight.dtype) / 255)),
        torch.arange(216, dtype=torch.uint8).view(2, 3, 6, 6),
        torch.full((1, 3, 6, 6), 7, dtype=torch.uint8),
    ),
    "a_mask": (
        lambda m, x, mask: m.bn(m.conv(x.masked_fill(mask, 0))),
        (IMAGES, IMAGES > 1),
        (MORE, MORE > 0),
    ),
    "indices": (
        lambda m, x, i: m.bn(m.conv(x))[i],
        (IMAGES, torch.tensor([1, 0, 1])),
        (MORE, torch.tensor([2])),
    ),
}

for _name, (_forward, _example, _further) in INPUTS.items():
    theme.add(
        f"input_{_name}",
        lambda forward=_forward: plain(forward),
        {"bn": FOLDED},
        "Only the arguments' form differs.",
        example=_example,
        further=(_further,),
    )


@theme.wiring({"bn": FOLDED}, example=(), further=((),))
def input_none_at_all():
    """A generator that begins with a parameter of its own."""
    return net(
        lambda m: m.bn(m.conv(m.seed)), seed=nn.Parameter(images()), conv=nn.Conv2d(3, 4, 3), bn=nn.BatchNorm2d(4)
    )


@theme.wiring({"bn": FOLDED})
def input_that_is_overwritten():
    """The caller's tensor is changed: an example must not be worn out by several passes."""

    def forward(m, x):
        x.mul_(2)
        return m.bn(m.conv(x))

    return plain(forward)


@theme.wiring({"bn": RIGHT})
def input_that_is_overwritten_by_a_relu():
    """What is overwritten is read by the convolution and by a skip."""

    def forward(m, x):
        y = m.bn(m.conv(x))
        x.relu_()
        return y + x[..., 1:-1, 1:-1].sum(1, keepdim=True)

    return plain(forward)


def _inference(x: Tensor) -> Tensor:
    with torch.inference_mode():
        return x.clone()


@theme.wiring({"bn": FOLDED}, example=_inference(IMAGES), further=(MORE, _inference(MORE)))
def input_of_inference_mode():
    """Its tensors have no version counter."""
    return plain(lambda m, x: m.bn(m.conv(x)))


@theme.wiring({"bn": FOLDED}, example=IMAGES.clone().requires_grad_(), further=(MORE,))
def input_that_wants_a_gradient():
    """A leaf of somebody's graph."""
    return plain(lambda m, x: m.bn(m.conv(x)))


@theme.wiring({"bn": FOLDED})
def a_block_in_inference_mode():
    """The tensors made inside have no version counter."""

    def forward(m, x):
        with torch.inference_mode():
            return m.bn(m.conv(x))

    return plain(forward)


@theme.wiring({"bn": FOLDED})
def a_conv_in_inference_mode():
    """Of raw output and norm only one is inside."""

    def forward(m, x):
        with torch.inference_mode():
            y = m.conv(x)
        return m.bn(y)

    return plain(forward)


@theme.wiring({"bn": FOLDED})
def a_block_without_gradients():
    """A frozen backbone."""

    def forward(m, x):
        with torch.no_grad():
            y = m.bn(m.conv(x))
        return y * 2

    return plain(forward)


@theme.wiring({"bn": FOLDED}, example=images().mT.contiguous().mT, further=(draw(1, 3, 9, 6),))
def input_that_is_not_contiguous():
    """Strides are the caller's."""
    return plain(lambda m, x: m.bn(m.conv(x)))
