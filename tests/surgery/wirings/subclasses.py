"""Subclasses of convolutions and of norms with a forward of their own: is every step of theirs still taken?"""

import torch
import torch.nn.functional as F
from torch import nn

from ._case import EITHER, FOLDED, LEFT, NOT_FOLDED, RIGHT, SHIFT, Theme, net

theme = Theme()


def behind(norm, conv=None):
    return net(lambda m, x: m.bn(m.conv(x)), conv=conv or nn.Conv2d(3, 4, 3), bn=norm)


class Same(nn.Conv2d):
    """TensorFlow's padding: as much as the images need, more of it behind."""

    def forward(self, x):
        more = [
            max((-(-n // s) - 1) * s + k - n, 0)
            for n, s, k in zip(x.shape[-2:], self.stride, self.kernel_size, strict=True)
        ]
        x = F.pad(x, [more[1] // 2, more[1] - more[1] // 2, more[0] // 2, more[0] - more[0] // 2])
        return F.conv2d(x, self.weight, self.bias, self.stride)


class Standardized(nn.Conv2d):
    """Weight standardization: a scale in the weight is divided out."""

    def forward(self, x):
        flat = self.weight.flatten(1)
        var, mean = torch.var_mean(flat, 1, keepdim=True)
        return self._conv_forward(x, ((flat - mean) / (var + 1e-5).sqrt()).view_as(self.weight), self.bias)


class Biasless(nn.Conv2d):
    """It has a bias, and does not use it."""

    def forward(self, x):
        return F.conv2d(x, self.weight)


class LateBias(nn.Conv2d):
    """It adds its bias by itself."""

    def forward(self, x):
        return F.conv2d(x, self.weight) + self.bias[:, None, None]


class Doubled(nn.Conv2d):
    """It doubles what torch's gives."""

    def forward(self, x):
        return 2 * super().forward(x)


class Activated(nn.Conv2d):
    """It activates what torch's gives."""

    def forward(self, x):
        return F.relu(super().forward(x))


class Equalized(nn.Conv2d):
    """It scales the weight before it uses it."""

    def forward(self, x):
        return self._conv_forward(x, self.weight * 0.2, self.bias)


class Residual(nn.Conv2d):
    """It adds its input."""

    def forward(self, x):
        return super().forward(x) + x


class Twice(nn.Conv2d):
    """It convolves twice with one weight."""

    def forward(self, x):
        return super().forward(super().forward(x))


class Mirrored(nn.Conv2d):
    """It averages over the image and its mirror image."""

    def forward(self, x):
        return (super().forward(x) + super().forward(x.flip(-1)).flip(-1)) / 2


class Listening(nn.Conv2d):
    """It keeps what it gave."""

    def forward(self, x):
        self.last = super().forward(x)
        return self.last


class Remembering(nn.Conv2d):
    """A buffer of its own is added to the weight."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.register_buffer("delta", torch.full_like(self.weight, 0.1))

    def forward(self, x):
        return self._conv_forward(x, self.weight + self.delta, self.bias)


class Cosine(nn.Linear):
    """A classifier of angles."""

    def forward(self, x):
        return F.linear(F.normalize(x), F.normalize(self.weight), self.bias)


CONVS = {
    "same_padding": (Same, FOLDED, "The convolution is torch's, with the module's own parameters."),
    "standardized": (Standardized, NOT_FOLDED | SHIFT, "A scale in the weight is divided out."),
    "without_its_bias": (Biasless, RIGHT - FOLDED, "What is written into its bias is not read."),
    "late_bias": (LateBias, EITHER | SHIFT, "The bias is added after the convolution."),
    "doubled": (Doubled, NOT_FOLDED | SHIFT, "The shift would be doubled."),
    "activated": (Activated, NOT_FOLDED, "Between the convolution and the norm is a kink."),
    "equalized": (Equalized, EITHER | SHIFT | LEFT, "The weight that is used is made of the parameter."),
    "twice": (Twice, NOT_FOLDED | SHIFT, "A scale would be applied twice."),
    "mirrored": (Mirrored, EITHER | SHIFT | LEFT, "A mean of two convolutions with one weight."),
    "listening": (Listening, NOT_FOLDED, "The raw output is kept."),
    "remembering": (Remembering, NOT_FOLDED | SHIFT, "Only a part of the weight that is used would be scaled."),
}

for _name, (_conv, _expected, _why) in CONVS.items():
    _channels = 3 if _conv in (Twice,) else 4
    theme.add(
        f"conv_{_name}",
        lambda conv=_conv, channels=_channels: behind(nn.BatchNorm2d(channels), conv(3, channels, 3)),
        {"bn": _expected},
        _why,
        observe=lambda model, output: (output, getattr(model.conv, "last", None)),
    )


@theme.wiring({"bn": NOT_FOLDED})
def conv_with_a_residual_inside():
    """What the module gives is more than what the convolution made."""
    return behind(nn.BatchNorm2d(3), Residual(3, 3, 3, padding=1))


@theme.wiring({"bn": NOT_FOLDED | SHIFT})
def a_linear_of_angles():
    """A scale in the weight is divided out."""
    return net(lambda m, x: m.bn(m.fc(x.mean((2, 3)))), fc=Cosine(3, 4), bn=nn.BatchNorm1d(4))


@theme.wiring({"bn": NOT_FOLDED})
def a_linear_of_angles_behind_a_norm():
    """Backwards the input is normalized by its length before the weight sees it."""
    return net(lambda m, x: m.fc(m.bn(x.mean((2, 3)))), bn=nn.BatchNorm1d(3), fc=Cosine(3, 4))


@theme.wiring({"bn": NOT_FOLDED})
def conv_same_padding_behind_a_norm():
    """Backwards the padding is the subclass's own, and its attribute `padding` says 0."""
    return net(lambda m, x: m.conv(m.bn(x)), bn=nn.BatchNorm2d(3), conv=Same(3, 4, 3))


@theme.wiring({"bn": NOT_FOLDED})
def conv_standardized_behind_a_norm():
    """Backwards as well, the weight that is used is not the parameter."""
    return net(lambda m, x: m.conv(m.bn(x)), bn=nn.BatchNorm2d(3), conv=Standardized(3, 4, 3))


@theme.wiring({"bn": NOT_FOLDED})
def conv_without_its_bias_behind_a_norm():
    """Backwards the shift needs the bias that is not read."""
    return net(lambda m, x: m.conv(m.bn(x)), bn=nn.BatchNorm2d(3), conv=Biasless(3, 4, 3))


class Act(nn.BatchNorm2d):
    """timm's way: a norm with children that follow it."""

    def __init__(self, channels):
        super().__init__(channels)
        self.drop, self.act = nn.Identity(), nn.SiLU()

    def forward(self, x):
        mean, var = self.running_mean, self.running_var
        x = F.batch_norm(x, mean, var, self.weight, self.bias, self.training, 0.1, self.eps)
        return self.act(self.drop(x))


class Halved(nn.BatchNorm2d):
    """Arithmetic behind torch's."""

    def forward(self, x):
        return super().forward(x) / 2


class OfAbsolute(nn.BatchNorm2d):
    """Arithmetic in front of torch's."""

    def forward(self, x):
        return super().forward(x.abs())


class Skipping(nn.BatchNorm2d):
    """It adds what it was given."""

    def forward(self, x):
        return super().forward(x) + x


class Centred(nn.BatchNorm2d):
    """It only takes the mean away."""

    def forward(self, x):
        return x - self.running_mean[:, None, None]


class Counting(nn.BatchNorm2d):
    """Each call changes a buffer of its own."""

    def __init__(self, channels):
        super().__init__(channels)
        self.register_buffer("calls", torch.tensor(0))

    def forward(self, x):
        self.calls += 1
        return super().forward(x)


class Last(nn.BatchNorm1d):
    """For channels on the last axis."""

    def forward(self, x):
        return super().forward(x.movedim(-1, 1)).movedim(1, -1)


class Gemma(nn.BatchNorm2d):
    """Its weight is what is added to 1."""

    def forward(self, x):
        return F.batch_norm(x, self.running_mean, self.running_var, 1 + self.weight, self.bias, False, 0.1, self.eps)


class Renormalized(nn.BatchNorm2d):
    """It takes half of the batch's mean, in evaluation, too."""

    def forward(self, x):
        mean = 0.5 * self.running_mean + 0.5 * x.mean((0, 2, 3))
        return F.batch_norm(x, mean, self.running_var, self.weight, self.bias, False, 0.1, self.eps)


class Conditional(nn.BatchNorm2d):
    """It takes the image's brightness as a second scale."""

    def forward(self, x):
        return super().forward(x) * (1 + x.mean((1, 2, 3), keepdim=True))


class Empty(nn.BatchNorm2d):
    """Nothing is changed."""


NORMS = {
    "empty_subclass": (Empty, FOLDED, "Its forward is torch's."),
    "with_an_activation": (Act, FOLDED, "The activation stays."),
    "halved": (Halved, RIGHT, "What follows torch's norm must still follow."),
    "of_absolute_values": (OfAbsolute, NOT_FOLDED, "In front of the norm is a kink."),
    "with_a_skip": (Skipping, NOT_FOLDED, "The raw output is read inside of the norm."),
    "that_only_centres": (Centred, RIGHT, "By its class a norm, by its arithmetic a shift."),
    "that_counts": (Counting, RIGHT, "It does something besides."),
    "with_weight_plus_one": (Gemma, RIGHT, "The weight that is used is not the parameter."),
    "with_a_batchs_mean": (Renormalized, LEFT, "It is no function of constants."),
    "with_a_second_scale": (Conditional, NOT_FOLDED, "The raw output is read inside of the norm."),
}

for _name, (_norm, _expected, _why) in NORMS.items():
    theme.add(f"norm_{_name}", lambda norm=_norm: behind(norm(4)), {"bn": _expected}, _why)


@theme.wiring({"bn": RIGHT})
def norm_of_channels_last():
    """The norm moves the axis by itself."""
    return net(lambda m, x: m.bn(m.fc(x.permute(0, 2, 3, 1).flatten(1, 2))), fc=nn.Linear(3, 4), bn=Last(4))


@theme.wiring({"bn": NOT_FOLDED})
def norm_with_an_activation_of_an_activation():
    """Nothing in front can take it; what replaces it keeps the activation."""
    return net(lambda m, x: m.bn(torch.relu(x)), bn=Act(3))


@theme.wiring({"bn": NOT_FOLDED})
def norm_with_an_activation_in_front_of_a_conv():
    """Backwards the activation stands between."""
    return net(lambda m, x: m.conv(m.bn(x)), bn=Act(3), conv=nn.Conv2d(3, 4, 3))


@theme.wiring({"bn": NOT_FOLDED})
def norm_with_a_skip_in_front_of_a_conv():
    """Backwards the raw input goes past the norm, inside of it."""
    return net(lambda m, x: m.conv(m.bn(x)), bn=Skipping(3), conv=nn.Conv2d(3, 4, 3))


@theme.wiring({"bn": RIGHT})
def norm_halved_in_front_of_a_conv():
    """Backwards the half is to be folded as well, or nothing."""
    return net(lambda m, x: m.conv(m.bn(x)), bn=Halved(3), conv=nn.Conv2d(3, 4, 3))


@theme.wiring({"bn": RIGHT})
def norm_that_contains_its_convolution():
    """The child runs inside of the norm's call, in front of its arithmetic."""

    class ConvNorm(nn.BatchNorm2d):
        def __init__(self):
            super().__init__(4)
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x):
            return F.relu(super().forward(self.conv(x)))

    return net(lambda m, x: m.bn(x), bn=ConvNorm())


@theme.wiring({"frozen": RIGHT | {"absent"}})
def a_norm_of_buffers():
    """torchvision's frozen norm: no parameters, and arithmetic of its own."""

    class Frozen(nn.Module):
        def __init__(self):
            super().__init__()
            for name in ("weight", "bias", "running_mean", "running_var"):
                self.register_buffer(name, torch.ones(4))

        def forward(self, x):
            scale = (self.weight * (self.running_var + 1e-5).rsqrt())[:, None, None]
            return x * scale + self.bias[:, None, None] - self.running_mean[:, None, None] * scale

    return net(lambda m, x: m.frozen(m.conv(x)), conv=nn.Conv2d(3, 4, 3), frozen=Frozen())
