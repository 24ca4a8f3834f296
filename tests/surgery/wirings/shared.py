"""A convolution, a norm, a parameter or a storage that serves twice: whoever changes it for one changes it for both."""

import torch
from torch import nn

from ._case import EITHER, FOLDED, NOT_FOLDED, RIGHT, SCALE_SHIFTED, Theme, draw, images, net

theme = Theme()


def conv(cin=3, cout=4, k=3, **options):
    return nn.Conv2d(cin, cout, k, **options)


def pair(**parts):
    """Two convolutions with norms of their own, whose sum comes out."""
    made = {"a": conv(), "bn1": nn.BatchNorm2d(4), "b": conv(), "bn2": nn.BatchNorm2d(4)} | parts
    return net(lambda m, x: m.bn1(m.a(x)) + 2 * m.bn2(m.b(x)), **made)


@theme.wiring({"bn1": NOT_FOLDED, "bn2": NOT_FOLDED})
def a_conv_called_for_two_norms():
    """Whichever is folded, the other's input is scaled as well."""
    return net(
        lambda m, x: m.bn1(m.conv(x)) + m.bn2(m.conv(x + 1)), conv=conv(), bn1=nn.BatchNorm2d(4), bn2=nn.BatchNorm2d(4)
    )


@theme.wiring({"bn": EITHER})
def a_conv_called_twice_for_one_norm():
    """Both calls want the same scale."""
    return net(lambda m, x: m.bn(m.conv(x)) - m.bn(m.conv(x + 1)), conv=conv(), bn=nn.BatchNorm2d(4))


@theme.wiring({"bn": NOT_FOLDED})
def a_conv_called_once_without_its_norm():
    """Its second output is read raw."""
    return net(lambda m, x: m.bn(m.conv(x)) + m.conv(x + 1), conv=conv(), bn=nn.BatchNorm2d(4))


@theme.wiring({"bn": NOT_FOLDED})
def a_conv_whose_own_output_it_reads_again():
    """A recurrent cell: only the last step is normalized."""
    return net(lambda m, x: m.bn(m.conv(m.conv(x))), conv=conv(cout=3), bn=nn.BatchNorm2d(3))


@theme.wiring({"bn": EITHER})
def a_conv_and_its_norm_in_a_loop():
    """Every step is normalized by the same norm."""

    def forward(m, x):
        for _ in range(3):
            x = torch.relu(m.bn(m.conv(x)))
        return x

    return net(forward, conv=conv(cout=3, padding=1), bn=nn.BatchNorm2d(3))


@theme.wiring({"norms.0": NOT_FOLDED, "norms.1": NOT_FOLDED})
def a_conv_in_a_loop_with_a_norm_per_step():
    """Recurrent batch norm: one weight, statistics of each step."""

    def forward(m, x):
        for norm in m.norms:
            x = norm(m.conv(x))
        return x

    return net(forward, conv=conv(cout=3, padding=1), norms=nn.ModuleList(nn.BatchNorm2d(3) for _ in range(2)))


@theme.wiring({"0.1": EITHER})
def a_sequence_called_twice():
    """A block that follows itself."""
    block = nn.Sequential(conv(cout=3, padding=1), nn.BatchNorm2d(3), nn.ReLU())
    return nn.Sequential(block, block)


@theme.wiring({"heads.0.bn": NOT_FOLDED, "heads.1.bn": NOT_FOLDED})
def a_conv_registered_in_two_heads():
    """RetinaNet's towers: the same convolutions, norms per level."""
    shared = conv()

    class Head(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.bn = shared, nn.BatchNorm2d(4)

        def forward(self, x):
            return self.bn(self.conv(x))

    return net(lambda m, x: [head(x) for head in m.heads], heads=nn.ModuleList([Head(), Head()]))


@theme.wiring({"bn": EITHER})
def a_norm_called_for_two_convs():
    """Both could take it; then it does nothing for either."""
    return net(lambda m, x: m.bn(m.a(x)) + m.bn(m.b(x)), a=conv(), b=conv(), bn=nn.BatchNorm2d(4))


@theme.wiring({"bn": NOT_FOLDED})
def a_norm_called_for_a_conv_and_for_the_input():
    """For the input it must stay what it is."""
    return net(lambda m, x: m.bn(m.conv(x)) + m.bn(x), conv=conv(cout=3, padding=1), bn=nn.BatchNorm2d(3))


@theme.wiring({"bn": EITHER})
def a_norm_called_twice_in_a_row():
    """The second call reads the first's output."""
    return net(lambda m, x: m.bn(m.bn(m.conv(x))), conv=conv(), bn=nn.BatchNorm2d(4))


@theme.wiring({"bn": EITHER, "again": EITHER | {"absent"}})
def a_norm_registered_under_two_names():
    """One module: what replaces it must replace it under both."""
    model = net(lambda m, x: m.bn(m.a(x)) + m.again(m.b(x)), a=conv(), b=conv(), bn=nn.BatchNorm2d(4))
    model.again = model.bn
    return model


@theme.wiring({"bn": FOLDED, "again": FOLDED | {"absent"}})
def a_norm_registered_twice_and_called_once():
    """Its second name is never used."""
    model = net(lambda m, x: m.again(m.conv(x)), conv=conv(), bn=nn.BatchNorm2d(4))
    model.again = model.bn
    return model


@theme.wiring({"bn": FOLDED, "spare": NOT_FOLDED})
def a_norm_that_is_never_called():
    """Nobody knows what it is for."""
    return net(lambda m, x: m.bn(m.conv(x)), conv=conv(), bn=nn.BatchNorm2d(4), unused=conv(), spare=nn.BatchNorm2d(4))


@theme.wiring({"bn1": EITHER, "bn2": EITHER})
def tied_weights_of_two_convs():
    """Each norm scales the weight of both."""
    model = pair()
    model.b.weight = model.a.weight
    return model


@theme.wiring({"bn1": EITHER, "bn2": EITHER})
def tied_biases_of_two_convs():
    """The bias alone is one."""
    model = pair()
    model.b.bias = model.a.bias
    return model


@theme.wiring({"bn1": EITHER, "bn2": EITHER})
def two_weights_in_one_storage():
    """A flat buffer of parameters: two views that do not overlap."""
    model, flat = pair(), draw(2 * 108)
    model.a.weight = nn.Parameter(flat[:108].view(4, 3, 3, 3))
    model.b.weight = nn.Parameter(flat[108:].view(4, 3, 3, 3))
    return model


@theme.wiring({"bn1": EITHER, "bn2": EITHER}, twin=False)
def two_weights_that_overlap_in_one_storage():
    """Two parameters, of which each is a part of the other."""
    model, flat = pair(), draw(108 + 54)
    model.a.weight = nn.Parameter(flat[:108].view(4, 3, 3, 3))
    model.b.weight = nn.Parameter(flat[54:].view(4, 3, 3, 3))
    return model


@theme.wiring({"bn": EITHER}, twin=False)
def a_flat_buffer_that_is_read_and_holds_the_weight():
    """The weight has another name, under which it is read."""
    flat = draw(108)
    model = net(lambda m, x: m.bn(m.conv(x)) + m.flat.mean(), conv=conv(), bn=nn.BatchNorm2d(4), flat=flat)
    model.conv.weight = nn.Parameter(flat.view(4, 3, 3, 3))
    return model


@theme.wiring({"bn": EITHER})
def a_weight_that_is_expanded():
    """All its rows lie at the same place."""
    model = net(lambda m, x: m.bn(m.conv(x)), conv=conv(), bn=nn.BatchNorm2d(4))
    model.conv.weight = nn.Parameter(draw(1, 3, 3, 3).expand(4, 3, 3, 3))
    return model


@theme.wiring({"bn": RIGHT})
def a_bias_that_is_the_norms():
    """One parameter, added before and after the norm."""
    model = net(lambda m, x: m.bn(m.conv(x)), conv=conv(), bn=nn.BatchNorm2d(4))
    model.conv.bias = model.bn.bias
    return model


@theme.wiring({"bn1": EITHER, "bn2": EITHER})
def tied_gamma_and_beta_of_two_norms():
    """The statistics are each norm's own."""
    model = pair()
    model.bn2.weight, model.bn2.bias = model.bn1.weight, model.bn1.bias
    return model


@theme.wiring({"bn1": EITHER, "bn2": EITHER})
def tied_statistics_of_two_norms():
    """The parameters are each norm's own."""
    model = pair()
    model.bn2.running_mean, model.bn2.running_var = model.bn1.running_mean, model.bn1.running_var
    return model


@theme.wiring({"bn": RIGHT})
def a_weight_that_is_a_linears_as_well():
    """The same numbers read as (4, 27) by the model's head."""
    model = net(
        lambda m, x: m.bn(m.conv(x)).mean((2, 3)) + m.fc(x[:, :, :3, :3].flatten(1)),
        conv=conv(bias=False),
        bn=nn.BatchNorm2d(4),
        fc=nn.Linear(27, 4),
    )
    model.fc.weight = nn.Parameter(model.conv.weight.detach().view(4, 27))
    return model


@theme.wiring({"bn": FOLDED}, after=lambda m: [p.requires_grad_(False) for p in m.parameters()])
def frozen_parameters():
    """What is not to be trained is folded, and stays so."""
    return net(lambda m, x: m.bn(m.conv(x)), conv=conv(), bn=nn.BatchNorm2d(4))


@theme.wiring({"bn": FOLDED}, after=lambda m: m.conv.weight.requires_grad_(False))
def a_frozen_weight_beside_a_free_bias():
    """Each parameter has its own flag."""
    return net(lambda m, x: m.bn(m.conv(x)), conv=conv(), bn=nn.BatchNorm2d(4))


@theme.wiring({"bn1": FOLDED, "bn2": FOLDED})
def a_norm_behind_a_norm():
    """The second folds on top of the first."""
    return net(
        lambda m, x: m.bn2(m.bn1(m.conv(x))), conv=conv(), bn1=nn.BatchNorm2d(4), bn2=nn.BatchNorm2d(4, affine=False)
    )


@theme.wiring({"bn1": EITHER, "bn2": EITHER})
def a_norm_behind_a_norm_without_a_convolution():
    """One of the two can take the other."""
    return net(lambda m, x: m.bn2(m.bn1(x)), bn1=nn.BatchNorm2d(3), bn2=nn.BatchNorm2d(3))


@theme.wiring({"bn1": FOLDED, "bn2": SCALE_SHIFTED})
def a_norm_behind_a_norm_that_a_skip_reads():
    """The first is the convolution's; the second must not scale what the skip reads."""

    def forward(m, x):
        y = m.bn1(m.conv(x))
        return m.bn2(y) + y

    return net(forward, conv=conv(), bn1=nn.BatchNorm2d(4), bn2=nn.BatchNorm2d(4))


@theme.wiring({"bn1": SCALE_SHIFTED, "bn2": SCALE_SHIFTED})
def two_norms_of_one_output():
    """Both read what one weight makes."""

    def forward(m, x):
        y = m.conv(x)
        return m.bn1(y) + m.bn2(y)

    return net(forward, conv=conv(), bn1=nn.BatchNorm2d(4), bn2=nn.BatchNorm2d(4))


@theme.wiring({"encode.1": NOT_FOLDED}, example=(images(), images(seed=5)), further=((images(3), images(3)),))
def a_siamese_net_that_normalizes_one_side():
    """The convolution is called for both images, the norm for one."""
    return net(
        lambda m, x, z: m.encode(x) - m.encode[0](z),
        encode=nn.Sequential(conv(), nn.BatchNorm2d(4)),
    )


@theme.wiring({"encode.1": EITHER}, example=(images(), images(seed=5)), further=((images(3), images(3)),))
def a_siamese_net():
    """Both sides pass the norm."""
    return net(lambda m, x, z: m.encode(x) - m.encode(z), encode=nn.Sequential(conv(), nn.BatchNorm2d(4)))
