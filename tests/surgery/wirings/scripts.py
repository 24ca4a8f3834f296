"""What happens inside a compiled or scripted function is seen by the dispatcher alone."""

import torch
from torch import nn

from ._case import EITHER, FOLDED, LEFT, NOT_FOLDED, RIGHT, SCALE_SHIFTED, Theme, net

theme = Theme()


def twice_relu(y: torch.Tensor) -> torch.Tensor:
    """Read, not changed."""
    return 2 * torch.relu(y)


def relu_in_place(y: torch.Tensor) -> torch.Tensor:
    """Changed, and nothing of use given back."""
    y.relu_()
    return torch.zeros(1)


def crop(y: torch.Tensor) -> torch.Tensor:
    """A view."""
    return y[:, :, 1:]


def compiled(module_or_function, in_place=False):
    """As `torch.compile` gives it, without anything that was compiled before."""
    torch.compiler.reset()
    if in_place:
        module_or_function.compile(backend="eager")
        return module_or_function
    return torch.compile(module_or_function, backend="eager")


def one(forward):
    return net(forward, conv=nn.Conv2d(3, 4, 3), bn=nn.BatchNorm2d(4))


@theme.wiring({"bn": SCALE_SHIFTED})
def a_scripted_function_in_between():
    """The operators inside are invisible to `__torch_function__`."""
    script = torch.jit.script(twice_relu)
    return one(lambda m, x: m.bn(script(m.conv(x))))


@theme.wiring({"bn": SCALE_SHIFTED})
def a_scripted_function_that_reads():
    """Beside the norm there is a second reader."""
    script = torch.jit.script(twice_relu)

    def forward(m, x):
        y = m.conv(x)
        return m.bn(y) + script(y)

    return one(forward)


@theme.wiring({"bn": NOT_FOLDED})
def a_scripted_function_that_writes():
    """The norm reads what the function has changed."""
    script = torch.jit.script(relu_in_place)

    def forward(m, x):
        y = m.conv(x)
        script(y)
        return m.bn(y)

    return one(forward)


@theme.wiring({"bn": EITHER})
def a_scripted_function_that_gives_a_view():
    """What it gives back lies in the raw output's memory."""
    script = torch.jit.script(crop)
    return one(lambda m, x: m.bn(script(m.conv(x))))


@theme.wiring({"bn": FOLDED})
def a_scripted_activation_behind_the_norm():
    """Whatever follows the norm follows it still."""
    script = torch.jit.script(twice_relu)
    return one(lambda m, x: script(m.bn(m.conv(x))))


@theme.wiring({"block.bn": LEFT | {"absent"}, "bn": FOLDED})
def a_scripted_child_with_a_norm_of_its_own():
    """The modules of a script cannot be exchanged; those around it can."""

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.bn = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3)

        def forward(self, x):
            return torch.relu(self.bn(self.conv(x)))

    return net(
        lambda m, x: m.bn(m.conv(m.block(x))),
        block=torch.jit.script(Block()),
        conv=nn.Conv2d(3, 4, 3),
        bn=nn.BatchNorm2d(4),
    )


@theme.wiring({"bn": RIGHT})
def a_scripted_convolution():
    """Its weight is a parameter, its class is not torch's."""
    return net(lambda m, x: m.bn(m.conv(x)), conv=torch.jit.script(nn.Conv2d(3, 4, 3)), bn=nn.BatchNorm2d(4))


@theme.wiring({"bn": LEFT | {"absent"}})
def a_scripted_norm():
    """It is no module of Python that could be exchanged for another."""
    return net(lambda m, x: m.bn(m.conv(x)), conv=nn.Conv2d(3, 4, 3), bn=torch.jit.script(nn.BatchNorm2d(4)))


@theme.wiring({"bn": NOT_FOLDED})
def a_compiled_function_that_reads():
    """`torch.compile` runs what it has captured."""
    function = compiled(twice_relu)

    def forward(m, x):
        y = m.conv(x)
        return m.bn(y) + function(y)

    return one(forward)


@theme.wiring({"bn": RIGHT}, refusal="compile")
def a_compiled_model():
    """What was compiled must not go on with the norm that it has captured."""
    return compiled(one(lambda m, x: m.bn(m.conv(x))), in_place=True)


@theme.wiring({"bn": RIGHT}, refusal="compile")
def a_model_in_a_compiled_wrapper():
    """The wrapper calls the model's forward by its code."""
    return compiled(one(lambda m, x: m.bn(m.conv(x))))


@theme.wiring({"block.1": RIGHT}, refusal="compile")
def a_compiled_child():
    """Only a part of the model is compiled."""
    block = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    return net(lambda m, x: torch.relu(m.block(x)), block=compiled(block, in_place=True))
