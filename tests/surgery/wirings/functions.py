"""Convolutions and norms that are called as functions or past their modules: whose weight was it, and whose norm?"""

import types

import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call
from torch.nn import Parameter

from ._case import EITHER, FOLDED, LEFT, NOT_FOLDED, RIGHT, SCALE_SHIFTED, SHIFT, Theme, draw, net

theme = Theme()


def one(forward, **parts):
    return net(forward, **({"conv": nn.Conv2d(3, 4, 3), "bn": nn.BatchNorm2d(4)} | parts))


def own(forward, *shape, **parts):
    """A parameter of the model's own instead of a convolution."""
    return net(forward, w=Parameter(draw(*shape)), bn=nn.BatchNorm2d(4), **parts)


@theme.wiring({"bn": SHIFT})
def conv2d_of_a_parameter():
    """The scale goes into the parameter; a bias that the call does not have cannot take the shift."""
    return own(lambda m, x: m.bn(F.conv2d(x, m.w)), 4, 3, 3, 3)


@theme.wiring({"bn": FOLDED | SHIFT})
def conv2d_of_two_parameters():
    """Weight and bias are parameters, and both are given."""
    return own(lambda m, x: m.bn(F.conv2d(x, m.w, m.b, padding=1)), 4, 3, 3, 3, b=Parameter(draw(4)))


@theme.wiring({"bn": SHIFT | EITHER})
def conv_transpose2d_of_a_parameter():
    """The output channels are on axis 1, in groups."""
    return own(lambda m, x: m.bn(F.conv_transpose2d(x[:, :2], m.w, groups=2)), 2, 2, 3, 3)


@theme.wiring({"bn": SHIFT | EITHER})
def linear_of_a_parameter():
    """Channels last, then permuted."""
    return own(lambda m, x: m.bn(F.linear(x.permute(0, 2, 3, 1), m.w).permute(0, 3, 1, 2)), 4, 3)


@theme.wiring({"bn": SHIFT | EITHER})
def matmul_with_a_parameter():
    """The output's features are on the last axis of the weight."""
    return own(lambda m, x: m.bn((x.permute(0, 2, 3, 1) @ m.w).movedim(-1, 1)), 3, 4)


@theme.wiring({"bn": SHIFT | EITHER})
def einsum_with_a_parameter():
    """A 1x1 convolution as a sum over an index."""
    return own(lambda m, x: m.bn(torch.einsum("nchw,dc->ndhw", x, m.w)), 4, 3)


@theme.wiring({"bn": NOT_FOLDED})
def conv2d_of_a_parameter_used_twice():
    """The second call reads it without a norm."""
    return own(lambda m, x: m.bn(F.conv2d(x, m.w)) + F.conv2d(x, m.w), 4, 3, 3, 3)


@theme.wiring({"bn": NOT_FOLDED | SHIFT})
def conv2d_of_a_parameter_that_is_scaled_first():
    """Equalized learning rate: what is convolved is no parameter but made of one."""
    return own(lambda m, x: m.bn(F.conv2d(x, m.w * 0.3)), 4, 3, 3, 3)


@theme.wiring({"bn": NOT_FOLDED})
def conv2d_of_a_parameter_that_is_normalized_first():
    """Whatever scale the parameter has is taken out again."""
    return own(lambda m, x: m.bn(F.conv2d(x, F.normalize(m.w, dim=(1, 2, 3)))), 4, 3, 3, 3)


@theme.wiring({"bn": NOT_FOLDED})
def conv2d_of_a_weight_made_of_the_input():
    """Dynamic convolution: there is no weight to be changed."""

    def forward(m, x):
        return m.bn(F.conv2d(x, m.make(x.mean((0, 2, 3))).view(4, 3, 1, 1)))

    return net(forward, make=nn.Linear(3, 12), bn=nn.BatchNorm2d(4))


@theme.wiring({"bn": NOT_FOLDED})
def conv2d_of_a_mixture_of_experts():
    """CondConv: the kernels are mixed by the input."""

    def forward(m, x):
        mix = torch.softmax(m.route(x.mean((0, 2, 3))), 0)
        return m.bn(F.conv2d(x, torch.einsum("e,eoikl->oikl", mix, m.kernels)))

    return net(forward, route=nn.Linear(3, 2), kernels=Parameter(draw(2, 4, 3, 3, 3)), bn=nn.BatchNorm2d(4))


@theme.wiring({"bn": EITHER | SHIFT})
def conv2d_of_a_buffer():
    """A fixed filter is no parameter, and may be shared with anyone."""
    return net(lambda m, x: m.bn(F.conv2d(x, m.w)), w=draw(4, 3, 3, 3), bn=nn.BatchNorm2d(4))


@theme.wiring({"bn": NOT_FOLDED}, twin=False)
def conv2d_of_a_constant():
    """A tensor that the model does not own."""
    weight = draw(4, 3, 3, 3)
    return net(lambda m, x: m.bn(F.conv2d(x, weight)), bn=nn.BatchNorm2d(4))


@theme.wiring({"bn": RIGHT})
def conv2d_of_a_slice_of_a_parameter():
    """Slimmable nets: the rest of the parameter is used elsewhere."""
    return own(lambda m, x: m.bn(F.conv2d(x, m.w[:4])) + F.conv2d(x, m.w[4:]), 8, 3, 3, 3)


@theme.wiring({"bn": NOT_FOLDED | SHIFT})
def conv2d_with_the_modules_weight_and_no_bias():
    """The module has a bias that this call ignores."""
    return one(lambda m, x: m.bn(F.conv2d(x, m.conv.weight)))


@theme.wiring({"bn": RIGHT})
def conv2d_with_the_modules_weight_and_bias():
    """The module is never called, its parameters are all that is read."""
    return one(lambda m, x: m.bn(F.conv2d(x, m.conv.weight, m.conv.bias)))


@theme.wiring({"bn": NOT_FOLDED})
def conv2d_with_the_modules_weight_besides():
    """The module is called as well, with its norm, and the function without."""
    return one(lambda m, x: m.bn(m.conv(x)) + F.conv2d(x, m.conv.weight, m.conv.bias))


@theme.wiring({"bn": NOT_FOLDED})
def conv2d_with_the_modules_weight_turned():
    """The kernel is used again, mirrored."""
    return one(lambda m, x: m.bn(m.conv(x)) + F.conv2d(x, m.conv.weight.flip(-1)))


@theme.wiring({"bn": EITHER})
def forward_of_the_conv_called_directly():
    """No hook of the module is called."""
    return one(lambda m, x: m.bn(m.conv.forward(x)))


@theme.wiring({"bn": EITHER})
def conv_forward_called_directly():
    """The convolution's inner function with its own parameters."""
    return one(lambda m, x: m.bn(m.conv._conv_forward(x, m.conv.weight, m.conv.bias)))


@theme.wiring({"bn": NOT_FOLDED | SHIFT})
def conv_forward_called_with_another_weight():
    """The convolution's inner function with a weight that is made of its own, and without the bias."""
    return one(lambda m, x: m.bn(m.conv._conv_forward(x, m.conv.weight.abs(), None)))


@theme.wiring({"bn": NOT_FOLDED})
def conv_called_once_directly_and_once_as_a_module():
    """Only one of the calls passes the hooks, and only one the norm."""
    return one(lambda m, x: m.bn(m.conv(x)) + m.conv.forward(x + 1))


@theme.wiring({"bn": RIGHT})
def forward_of_the_norm_called_directly():
    """No hook of the norm is called."""
    return one(lambda m, x: m.bn.forward(m.conv(x)))


@theme.wiring({"bn": LEFT})
def forward_of_the_norms_class_called():
    """What stands in the norm's place would have to be a norm."""
    return one(lambda m, x: nn.BatchNorm2d.forward(m.bn, m.conv(x)))


@theme.wiring({})
def batch_norm_function_with_buffers():
    """There is no module to be replaced."""

    def forward(m, x):
        return F.batch_norm(m.conv(x), m.mean, m.var, m.gamma, m.beta)

    return net(
        forward,
        conv=nn.Conv2d(3, 4, 3),
        mean=draw(4),
        var=draw(4, seed=1).abs() + 0.3,
        gamma=Parameter(draw(4, seed=2)),
        beta=Parameter(draw(4, seed=3)),
    )


@theme.wiring({"bn": LEFT})
def batch_norm_function_with_a_modules_state():
    """The module is never called, its state is read."""

    def forward(m, x):
        return F.batch_norm(m.conv(x), m.bn.running_mean, m.bn.running_var, m.bn.weight, m.bn.bias)

    return one(forward)


@theme.wiring({"bn": LEFT})
def batch_norm_function_with_a_modules_state_besides():
    """The module is called, and its state is read by a function as well."""

    def forward(m, x):
        y = m.bn(m.conv(x))
        return (
            y
            + F.batch_norm(x.mean(1, keepdim=True).expand(-1, 4, -1, -1), m.bn.running_mean, m.bn.running_var)[
                ..., 2:, 2:
            ]
        )

    return one(forward)


@theme.wiring({"bn": SCALE_SHIFTED})
def batch_norm_function_between_conv_and_norm():
    """A norm without a module reads the convolution; the norm with one reads that."""
    return one(lambda m, x: m.bn(F.batch_norm(m.conv(x), None, None, training=True)))


@theme.wiring({"block.1": LEFT})
def functional_call_with_another_weight():
    """The block is called with parameters that are not its own, by their names."""

    def forward(m, x):
        return functional_call(m.block, {"0.weight": m.w, "1.weight": m.gamma}, (x,))

    return net(
        forward,
        block=nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)),
        w=Parameter(draw(4, 3, 3, 3)),
        gamma=Parameter(draw(4)),
    )


@theme.wiring({"block.1": RIGHT})
def functional_call_with_another_weight_of_the_convolution():
    """The norm is the block's own, the weight is the model's."""

    def forward(m, x):
        return functional_call(m.block, {"0.weight": m.w}, (x,))

    block = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    return net(forward, block=block, w=Parameter(draw(4, 3, 3, 3)))


@theme.wiring({"block.1": NOT_FOLDED})
def functional_call_besides_a_plain_call():
    """The teacher's weights and the student's in one block."""

    def forward(m, x):
        return m.block(x) - functional_call(m.block, {"0.weight": m.w}, (x,))

    block = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    return net(forward, block=block, w=Parameter(draw(4, 3, 3, 3)))


@theme.wiring({"conv.bn": RIGHT})
def a_norm_inside_of_a_conv():
    """Detectron's convolution: a subclass whose child normalizes what it makes."""

    class Conv(nn.Conv2d):
        def __init__(self):
            super().__init__(3, 4, 3)
            self.bn = nn.BatchNorm2d(4)

        def forward(self, x):
            return torch.relu(self.bn(F.conv2d(x, self.weight, self.bias)))

    return net(lambda m, x: m.conv(x), conv=Conv())


@theme.wiring({"bn": RIGHT})
def a_forward_of_the_instance():
    """Somebody has replaced the forward of one norm."""
    model = one(lambda m, x: m.bn(m.conv(x)))
    model.bn.forward = types.MethodType(lambda self, x: torch.relu(nn.BatchNorm2d.forward(self, x)), model.bn)
    return model


@theme.wiring({"bn": NOT_FOLDED | SHIFT})
def a_forward_of_the_instance_of_a_conv():
    """Somebody has replaced the forward of one convolution: its output is doubled."""
    model = one(lambda m, x: m.bn(m.conv(x)))
    model.conv.forward = types.MethodType(lambda self, x: 2 * nn.Conv2d.forward(self, x), model.conv)
    return model


@theme.wiring({"bn": NOT_FOLDED | SHIFT}, twin=False)
def a_forward_of_the_instance_in_a_closure():
    """As before, and a copy of the model would call the original's convolution."""
    model = one(lambda m, x: m.bn(m.conv(x)))
    plain = model.conv.forward
    model.conv.forward = lambda x: 2 * plain(x)
    return model


@theme.wiring({"bn": RIGHT})
def vmap_over_the_block():
    """Inside of `vmap` tensors have an axis less than they have."""
    return one(lambda m, x: torch.vmap(lambda one: m.bn(m.conv(one[None]))[0])(x))


@theme.wiring({"bn": RIGHT})
def a_gradient_inside_of_forward():
    """A score: the output is a derivative of what the norm made."""

    def forward(m, x):
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            energy = m.bn(m.conv(x)).square().sum()
            (score,) = torch.autograd.grad(energy, x)
        return score

    return one(forward)
