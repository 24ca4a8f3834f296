"""Hooks see and change what modules take and give: are they still called, and do they see the same?"""

from functools import partial

import torch
from torch import nn

from ._case import EITHER, FOLDED, NOT_FOLDED, RIGHT, SHIFT, Theme, net

theme = Theme()


def one():
    block = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
    return net(lambda m, x: m.block(x), block=block, seen=None)


def keep_output(m):
    """A hook that keeps what its module gave."""

    def hook(module, args, output):
        m.seen = output.detach().clone()

    return hook


def keep_input(m):
    """A hook that keeps what its module was given."""

    def hook(module, args):
        m.seen = args[0].detach().clone()

    return hook


def _look(model, output):
    return output, model.seen


def _doubled(module, args, output):
    return output * 2


def _input_doubled(module, args):
    return (args[0] * 2,)


def _written(module, args, output):
    output.relu_()


HOOKED = {
    "conv_output_kept": (lambda m: m.block[0].register_forward_hook(keep_output(m)), NOT_FOLDED),
    "conv_output_changed": (lambda m: m.block[0].register_forward_hook(_doubled), NOT_FOLDED | SHIFT),
    "conv_input_kept": (lambda m: m.block[0].register_forward_pre_hook(keep_input(m)), RIGHT),
    "conv_input_changed": (lambda m: m.block[0].register_forward_pre_hook(_input_doubled), RIGHT),
    "norm_output_kept": (lambda m: m.block[1].register_forward_hook(keep_output(m)), RIGHT),
    "norm_output_changed": (lambda m: m.block[1].register_forward_hook(_doubled), RIGHT),
    "norm_input_kept": (lambda m: m.block[1].register_forward_pre_hook(keep_input(m)), NOT_FOLDED),
    "norm_input_changed": (lambda m: m.block[1].register_forward_pre_hook(_input_doubled), NOT_FOLDED | SHIFT),
    "relu_input_kept": (lambda m: m.block[2].register_forward_pre_hook(keep_input(m)), EITHER),
    "parent_output_kept": (lambda m: m.block.register_forward_hook(keep_output(m)), FOLDED),
    "parent_input_changed": (lambda m: m.block.register_forward_pre_hook(_input_doubled), FOLDED),
    "model_output_changed": (lambda m: m.register_forward_hook(_doubled), FOLDED),
    "conv_with_a_hook_of_gradients": (lambda m: m.block[0].register_full_backward_hook(lambda *_: None), RIGHT),
    "conv_with_a_hook_of_its_state": (lambda m: m.block[0].register_state_dict_post_hook(lambda *_: None), RIGHT),
}


def _hooked(register):
    model = one()
    register(model)
    return model


for _name, (_register, _expected) in HOOKED.items():
    theme.add(
        f"hook_{_name}",
        partial(_hooked, _register),
        {"block.1": _expected},
        "A hook sees what it saw before, and what it changes is changed.",
        observe=_look,
    )


@theme.wiring({"block.1": NOT_FOLDED}, observe=_look)
def hook_with_keywords_on_the_norm():
    """A hook that takes the keywords changes what the norm reads."""
    model = one()
    model.block[1].register_forward_pre_hook(lambda module, args, kwargs: ((args[0].abs(),), kwargs), with_kwargs=True)
    return model


@theme.wiring({"block.1": NOT_FOLDED}, observe=_look)
def hook_that_writes_into_the_convs_output():
    """Nothing is given back; the tensor itself is changed."""
    model = one()
    model.block[0].register_forward_hook(_written)
    return model


@theme.wiring({"block.1": NOT_FOLDED | SHIFT}, observe=_look)
def hook_that_changes_the_convs_weight():
    """Made before each call of a parameter that nobody suspects."""
    model = one()
    model.block[0].base = nn.Parameter(model.block[0].weight.detach().clone())

    def hook(module, args):
        module.weight.data = torch.tanh(module.base.data)

    model.block[0].register_forward_pre_hook(hook)
    return model
