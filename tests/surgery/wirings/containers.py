"""Where do the modules live: in lists, wrappers, graphs, copies, or in nothing that registers them?"""

import copy
import warnings
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel
from torch.utils.checkpoint import checkpoint, checkpoint_sequential

from ._case import ABSENT, EITHER, FOLDED, LEFT, NOT_FOLDED, RIGHT, Theme, net, randomized

theme = Theme()


def conv(cin=3, cout=4, k=3, **options):
    return nn.Conv2d(cin, cout, k, **options)


def block():
    return nn.Sequential(conv(), nn.BatchNorm2d(4), nn.ReLU())


@theme.wiring({"1.0": FOLDED})
def a_norm_in_another_container():
    """Convolution and norm have different parents."""
    return nn.Sequential(nn.Sequential(nn.ReLU(), conv()), nn.Sequential(nn.BatchNorm2d(4), nn.ReLU()))


@theme.wiring({"layers.1": FOLDED, "layers.3": FOLDED})
def a_list_walked_through():
    """Indices must stay what they are."""

    def forward(m, x):
        for layer in m.layers:
            x = layer(x)
        return x

    return net(forward, layers=nn.ModuleList([conv(), nn.BatchNorm2d(4), conv(4, 3), nn.BatchNorm2d(3)]))


@theme.wiring({"norms.b": FOLDED, "norms.a": NOT_FOLDED})
def a_dict_of_norms():
    """One is chosen by its name, the other never."""
    return net(
        lambda m, x: m.norms["b"](m.convs["a"](x)),
        convs=nn.ModuleDict({"a": conv()}),
        norms=nn.ModuleDict({"a": nn.BatchNorm2d(4), "b": nn.BatchNorm2d(4)}),
    )


@theme.wiring({"layers.1": FOLDED})
def a_sequence_called_in_two_parts():
    """Slices of an `nn.Sequential` are new modules with old children."""
    return net(lambda m, x: m.layers[1:](m.layers[:1](x)), layers=block())


@theme.wiring({"bn": FOLDED})
def a_deep_copy():
    """Nothing of it is the original's."""
    return copy.deepcopy(net(lambda m, x: m.bn(m.conv(x)), conv=conv(), bn=nn.BatchNorm2d(4)))


@theme.wiring({"module.1": FOLDED}, refusal="DataParallel")
def data_parallel():
    """Without a GPU it calls its module; what it has kept of it is its own affair."""
    return nn.DataParallel(block())


@theme.wiring({"module.1": FOLDED})
def averaged_weights():
    """A copy and a counter."""
    return AveragedModel(block())


@theme.wiring({"1": FOLDED})
def traced_by_fx():
    """The graph's code calls the modules by their names."""
    return torch.fx.symbolic_trace(block().eval())


@theme.wiring({"block.1": EITHER})
def checkpointed():
    """The block is called by `checkpoint`."""
    return net(lambda m, x: checkpoint(m.block, x, use_reentrant=False), block=block())


@theme.wiring({"block.1": EITHER})
def checkpointed_by_an_autograd_function():
    """The older way is an autograd function that calls the block."""

    def forward(m, x):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns where no gradient is wanted
            return checkpoint(m.block, x, use_reentrant=True)

    return net(forward, block=block())


@theme.wiring({"block.1": EITHER, "block.4": NOT_FOLDED})
def checkpointed_in_parts():
    """Between the parts stands a function of torch's."""
    layers = [conv(), nn.BatchNorm2d(4), conv(4, 4, 1), nn.ReLU(), nn.BatchNorm2d(4)]
    return net(lambda m, x: checkpoint_sequential(m.block, 2, x, use_reentrant=False), block=nn.Sequential(*layers))


@theme.wiring({"bn": FOLDED})
def a_forward_of_many_small_methods():
    """Methods of the model call each other."""

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.bn = conv(bias=False), nn.BatchNorm2d(4)

        def features(self, x):
            return self.conv(x)

        def forward(self, x):
            return self.head(self.features(x))

        def head(self, x):
            return self.bn(x).mean((2, 3))

    return Model()


@theme.wiring({"bn": FOLDED})
def a_child_reached_as_an_attribute_of_torch():
    """`get_submodule` finds what stands there."""
    return net(lambda m, x: m.get_submodule("bn")(m.get_submodule("conv")(x)), conv=conv(), bn=nn.BatchNorm2d(4))


@theme.wiring({"bn": FOLDED})
def children_walked_through():
    """Order and number of the children matter."""

    def forward(m, x):
        for child in m.children():
            x = child(x)
        return x

    return net(forward, conv=conv(), bn=nn.BatchNorm2d(4), relu=nn.ReLU())


def _hidden(module):
    """In a list, where no module looks for modules."""
    return [randomized(module).eval()]


@theme.wiring({}, twin=False)
def a_norm_that_is_not_registered():
    """It has no path under which it could be replaced."""
    model = net(lambda m, x: m.hidden[0](m.conv(x)), conv=conv())
    model.hidden = _hidden(nn.BatchNorm2d(4))
    return model


@theme.wiring({"bn": RIGHT}, twin=False)
def a_conv_that_is_not_registered():
    """What is written into it is in no state dict."""
    model = net(lambda m, x: m.bn(m.hidden[0](x)), bn=nn.BatchNorm2d(4))
    model.hidden = _hidden(conv())
    return model


@theme.wiring({"bn": LEFT})
def a_norm_kept_besides_in_a_list():
    """The model calls it by its place in a plain list: replacing the child replaces nothing."""
    model = net(lambda m, x: m.plain[1](m.plain[0](x)), conv=conv(), bn=nn.BatchNorm2d(4))
    model.plain = [model.conv, model.bn]
    return model


@theme.wiring({"bn": LEFT}, twin=False)
def a_norm_kept_besides_in_a_closure():
    """The model calls it by a name of its own function."""
    first, second = conv(), nn.BatchNorm2d(4)
    return net(lambda m, x: second(first(x)), conv=first, bn=second)


@theme.wiring({"bn": RIGHT | ABSENT})
def a_norms_bound_method_kept():
    """What is called is the norm's `forward`, bound to the norm."""
    model = net(lambda m, x: m.call(m.conv(x)), conv=conv(), bn=nn.BatchNorm2d(4))
    model.call = model.bn.forward
    return model


@theme.wiring({"bn": EITHER | LEFT})
def a_norm_called_in_another_thread():
    """Modes belong to a thread, hooks to a module."""

    def forward(m, x):
        y = m.conv(x)
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(_without_gradients, m.bn, y).result()

    return net(forward, conv=conv(), bn=nn.BatchNorm2d(4))


@theme.wiring({"bn": RIGHT})
def a_conv_called_in_another_thread():
    """What it gives back comes from nowhere."""

    def forward(m, x):
        with ThreadPoolExecutor(1) as pool:
            return m.bn(pool.submit(_without_gradients, m.conv, x).result())

    return net(forward, conv=conv(), bn=nn.BatchNorm2d(4))


def _without_gradients(function, x):
    with torch.no_grad():
        return function(x)
