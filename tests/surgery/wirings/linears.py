"""Where do a Linear's features lie when the norm reads them? Only there may it be folded."""

import torch
import torch.nn.functional as F
from torch import nn

from ._case import EITHER, FOLDED, NOT_FOLDED, SCALE_SHIFTED, Theme, draw, net

theme = Theme()
ROWS, SEQUENCES, SQUARES = draw(4, 3), draw(4, 5, 3), draw(4, 6, 6)


@theme.wiring({"bn": FOLDED}, example=ROWS)
def linear():
    """The plain case."""
    return net(lambda m, x: m.bn(m.fc(x)), fc=nn.Linear(3, 6), bn=nn.BatchNorm1d(6))


@theme.wiring({"bn": FOLDED}, example=ROWS)
def linear_without_bias():
    """The shift needs a bias that was not there, and which goes again."""
    return net(lambda m, x: m.bn(m.fc(x)), fc=nn.Linear(3, 6, bias=False), bn=nn.BatchNorm1d(6))


@theme.wiring({"bn": FOLDED}, example=SEQUENCES)
def linear_of_sequences_transposed():
    """(N, L, C) becomes (N, C, L): the features move, and the norm reads them."""
    return net(lambda m, x: m.bn(m.fc(x).transpose(1, 2)), fc=nn.Linear(3, 6), bn=nn.BatchNorm1d(6))


@theme.wiring({"bn": FOLDED}, example=draw(4, 6, 3))
def linear_of_sequences_transposed_with_as_many_steps_as_features():
    """The sizes alone do not say which axis is which."""
    return net(lambda m, x: m.bn(m.fc(x).mT), fc=nn.Linear(3, 6), bn=nn.BatchNorm1d(6))


@theme.wiring({"bn": FOLDED}, example=SEQUENCES)
def linear_of_sequences_flattened():
    """All steps become rows; the last axis stays the last."""
    return net(
        lambda m, x: m.bn(m.fc(x).reshape(-1, 6)).reshape(*x.shape[:2], 6), fc=nn.Linear(3, 6), bn=nn.BatchNorm1d(6)
    )


@theme.wiring({"bn": FOLDED}, example=SEQUENCES)
def linear_of_sequences_flattened_and_unflattened():
    """The same with the names of modules."""
    return net(
        lambda m, x: m.wide(m.bn(m.flat(m.fc(x)))),
        fc=nn.Linear(3, 6, bias=False),
        flat=nn.Flatten(0, 1),
        bn=nn.BatchNorm1d(6),
        wide=nn.Unflatten(0, (-1, 5)),
    )


@theme.wiring({"bn": SCALE_SHIFTED}, example=draw(4, 5, 3))
def linear_over_the_positions():
    """Linear on (N, C, L) makes positions; the norm's channels are rows of its input."""
    return net(lambda m, x: m.bn(m.fc(x)), fc=nn.Linear(3, 6), bn=nn.BatchNorm1d(5))


@theme.wiring({"bn": SCALE_SHIFTED}, example=SQUARES)
def linear_over_as_many_positions_as_channels():
    """As before, and the weight has the size that a folder looks for."""
    return net(lambda m, x: m.bn(m.fc(x)), fc=nn.Linear(6, 6), bn=nn.BatchNorm1d(6))


@theme.wiring({"bn": SCALE_SHIFTED}, example=draw(4, 3, 4, 6))
def linear_over_the_columns_of_images():
    """Linear on (N, C, H, W) under a norm of images."""
    return net(lambda m, x: m.bn(m.fc(x)), fc=nn.Linear(6, 3), bn=nn.BatchNorm2d(3))


@theme.wiring({"bn": FOLDED}, example=draw(2, 4, 6, 3))
def linear_of_channels_last_images():
    """(N, H, W, C) permuted: a 1x1 convolution in other words."""
    return net(lambda m, x: m.bn(m.fc(x).permute(0, 3, 1, 2)), fc=nn.Linear(3, 6), bn=nn.BatchNorm2d(6))


@theme.wiring({"bn": FOLDED}, example=draw(2, 4, 6, 3))
def linear_of_channels_last_images_moved():
    """The same by `movedim` with negative axes, and rows and columns change places."""
    return net(lambda m, x: m.bn(m.fc(x).movedim(-1, -3).transpose(2, 3)), fc=nn.Linear(3, 6), bn=nn.BatchNorm2d(6))


@theme.wiring({"bn": EITHER}, example=ROWS)
def linear_viewed_as_images():
    """A generator's first layer: each channel of the norm is nine features."""
    return net(lambda m, x: m.bn(m.fc(x).view(-1, 2, 3, 3)), fc=nn.Linear(3, 18), bn=nn.BatchNorm2d(2))


@theme.wiring({"bn": EITHER}, example=ROWS)
def linear_viewed_as_images_with_channels_last():
    """The nine features of a channel do not lie side by side."""
    return net(
        lambda m, x: m.bn(m.fc(x).view(-1, 3, 3, 2).permute(0, 3, 1, 2)), fc=nn.Linear(3, 18), bn=nn.BatchNorm2d(2)
    )


@theme.wiring({"bn": SCALE_SHIFTED}, example=draw(6, 3), further=(draw(6, 3, seed=1),))
def linear_transposed_so_that_samples_are_channels():
    """Six rows of six features, and the norm normalizes rows."""
    return net(lambda m, x: m.bn(m.fc(x).t()), fc=nn.Linear(3, 6), bn=nn.BatchNorm1d(6))


@theme.wiring({"bn": EITHER}, example=draw(3), further=(draw(3, seed=1),))
def linear_of_one_vector():
    """Without a batch axis the features are axis 0 until one is added."""
    return net(lambda m, x: m.bn(m.fc(x)[None]), fc=nn.Linear(3, 6), bn=nn.BatchNorm1d(6))


@theme.wiring({"bn": EITHER}, example=ROWS)
def linear_with_a_gate():
    """Half of the features pass the norm, the other half gates them."""

    def forward(m, x):
        value, gate = m.fc(x).chunk(2, dim=-1)
        return m.bn(value) * torch.sigmoid(gate)

    return net(forward, fc=nn.Linear(3, 12), bn=nn.BatchNorm1d(6))


@theme.wiring({"bn": SCALE_SHIFTED}, example=(ROWS, draw(4, 2)), further=((draw(3, 3), draw(3, 2)),))
def bilinear():
    """It has a weight and a bias, and is no Linear."""
    return net(lambda m, x, z: m.bn(m.fc(x, z)), fc=nn.Bilinear(3, 2, 6), bn=nn.BatchNorm1d(6))


@theme.wiring({"bn": EITHER}, example=torch.arange(6).view(2, 3), further=(torch.tensor([[6, 6, 0]]),))
def an_embedding():
    """Its rows could be scaled; its weight has the features on the other axis."""
    return net(lambda m, x: m.bn(m.embed(x).mT), embed=nn.Embedding(7, 6), bn=nn.BatchNorm1d(6))


@theme.wiring({"bn": EITHER}, example=torch.arange(6).view(2, 3), further=(torch.tensor([[5, 5, 0]]),))
def a_linear_whose_weight_is_an_embedding():
    """Tied weights of a language model: what scales the logits would scale the words."""
    model = net(
        lambda m, x: m.bn(m.fc(m.embed(x)).mT), embed=nn.Embedding(6, 6), fc=nn.Linear(6, 6), bn=nn.BatchNorm1d(6)
    )
    model.fc.weight = model.embed.weight
    return model


@theme.wiring({"bn": SCALE_SHIFTED}, example=SEQUENCES)
def a_recurrent_layer():
    """What comes out has passed a tanh."""
    return net(lambda m, x: m.bn(m.rnn(x)[0].mT), rnn=nn.LSTM(3, 6, batch_first=True), bn=nn.BatchNorm1d(6))


@theme.wiring({"bn": EITHER}, example=SEQUENCES)
def attention_whose_last_linear_is_never_called():
    """`MultiheadAttention` reads the weights of its child `out_proj` by itself."""
    return net(
        lambda m, x: m.bn(m.attend(x, x, x)[0].mT),
        attend=nn.MultiheadAttention(3, 1, batch_first=True),
        bn=nn.BatchNorm1d(3),
    )


@theme.wiring({"bn": NOT_FOLDED}, example=ROWS)
def a_linear_behind_a_softmax():
    """Between the two is a step that scales do not pass."""
    return net(lambda m, x: m.bn(F.softmax(m.fc(x), 1)), fc=nn.Linear(3, 6), bn=nn.BatchNorm1d(6))


@theme.wiring({"bn1": FOLDED, "bn2": FOLDED}, example=ROWS)
def a_perceptron():
    """Two layers, a module that does nothing in evaluation, and an activation in place."""
    return net(
        lambda m, x: m.bn2(m.fc2(m.drop(F.relu_(m.bn1(m.fc1(x)))))),
        fc1=nn.Linear(3, 6),
        bn1=nn.BatchNorm1d(6),
        drop=nn.Dropout(0.5),
        fc2=nn.Linear(6, 6),
        bn2=nn.BatchNorm1d(6),
    )
