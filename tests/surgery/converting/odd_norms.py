"""Norms as others write them, and a net around some of torch's."""

from abc import ABC
from functools import partial

import torch
from torch import nn

import batchnorm.nn as ours


class Doubled(nn.BatchNorm2d):
    def forward(self, x):
        return 2 * super().forward(x)


class AnyAxes(nn.BatchNorm2d):
    def _check_input_dim(self, x):
        pass


class NeverTrains(nn.BatchNorm2d):
    def train(self, mode=True):
        return super().train(mode=False)


class LoadsOld(nn.BatchNorm2d):
    def _load_from_state_dict(self, state_dict, prefix, *others):
        state_dict.setdefault(prefix + "bias", torch.zeros(self.num_features))
        super()._load_from_state_dict(state_dict, prefix, *others)


class Called(nn.BatchNorm2d):
    def __call__(self, x):
        return -super().__call__(x)


class Asked(nn.BatchNorm2d):
    def scale(self):
        return self.weight / (self.running_var + self.eps).sqrt()


class Activated(nn.BatchNorm2d):
    """Its user calls `norm.activation(norm(x))`."""

    def __init__(self, channels):
        super().__init__(channels)
        self.activation = nn.ReLU()


class ActivatedByItsClass(nn.BatchNorm2d):
    """Its user looks up `norm.activation`."""

    activation = "relu"


class ForwardsElsewhere(nn.BatchNorm2d):
    forward = partial(nn.functional.relu)


class ChecksElsewhere(nn.BatchNorm2d):
    _check_input_dim = partial(print, end="")


class LaidOut(ABC, nn.BatchNorm2d):
    """An empty base that comes first: Python gives its objects another layout in memory."""


class OursDoubled(ours.BatchNorm2d):
    def forward(self, x):
        return 2 * super().forward(x)


class Written(nn.Module):
    """By the formula, in no class of torch's, with statistics that move."""

    def __init__(self, channels):
        super().__init__()
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x):
        if self.training:
            self.running_mean.lerp_(x.detach().mean((0, 2, 3)), 0.1)
        return (x - self.running_mean.view(1, -1, 1, 1)) / (self.running_var + 1e-5).sqrt().view(1, -1, 1, 1)


class Plain(nn.BatchNorm2d):
    """Nothing of its own but how it is made and printed, and what it keeps."""

    expansion = 4

    def __init__(self, channels):
        super().__init__(channels, eps=1e-3, momentum=None)
        self.tag, self.seen = "stem", [1, 2]

    def extra_repr(self):
        return f"plain, {super().extra_repr()}"

    @classmethod
    def of(cls, channels):
        return cls(channels)


LEFT = {
    "a forward of its own": (Doubled, "Doubled has a forward of its own"),
    "a check of its own": (AnyAxes, "AnyAxes has _check_input_dim of its own"),
    "a train of its own": (NeverTrains, "NeverTrains has train of its own"),
    "a way of loading of its own": (LoadsOld, "LoadsOld has _load_from_state_dict of its own"),
    "a call of its own": (Called, "Called has __call__ of its own"),
    "a method of its own": (Asked, "Asked has scale of its own"),
    "an activation that is its user's": (Activated, "it has 'activation' of its own"),
    "an activation that its class names": (ActivatedByItsClass, "it has 'activation' of its own"),
    "a forward that is no method": (ForwardsElsewhere, "ForwardsElsewhere has a forward of its own"),
    "a check that is no method": (ChecksElsewhere, "ChecksElsewhere has _check_input_dim of its own"),
    "another layout in memory": (LaidOut, "Python cannot make a BatchNorm2d of it"),
    "ours, with a forward of its own": (OursDoubled, "OursDoubled has a forward of its own"),
    "no class of torch's": (Written, "Written has a forward of its own"),
}


class FrozenLikeDetr(nn.Module):
    """A norm of constants as object detectors copy it from each other: eps is nowhere but in the forward."""

    def __init__(self, channels):
        super().__init__()
        for name, value in (("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)):
            self.register_buffer(name, torch.full((channels,), value))

    def _load_from_state_dict(self, state_dict, prefix, *others):
        state_dict.pop(prefix + "num_batches_tracked", None)
        super()._load_from_state_dict(state_dict, prefix, *others)

    def forward(self, x):
        weight, bias, mean, var = (
            values.reshape(1, -1, 1, 1) for values in (self.weight, self.bias, self.running_mean, self.running_var)
        )
        scale = weight * (var + 1e-5).rsqrt()
        return x * scale + (bias - mean * scale)


class FrozenBatchNorm2dLikeDetectron(FrozenLikeDetr):
    """One that counts its versions for itself, so that torch takes its checkpoints for new ones; and has two ways."""

    _version = 3

    def __init__(self, channels, eps=1e-3):
        super().__init__(channels)
        self.num_features, self.eps = channels, eps
        self.register_buffer("num_batches_tracked", None)

    def forward(self, x):
        numbers = self.running_mean, self.running_var, self.weight, self.bias
        if not x.requires_grad:
            return nn.functional.batch_norm(x, *numbers, training=False, eps=self.eps)
        return nn.functional.batch_norm(x, *numbers, False, 0.1, self.eps)


class Frozen2dOfThreeVersions(FrozenLikeDetr):
    """Its first version kept no statistics, and its second one kept variances with eps in them already."""

    _version = 3

    def forward(self, x):
        return nn.functional.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=0.01)

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *others):
        version = local_metadata.get("version")
        if version is None or version < 2:
            state_dict.setdefault(prefix + "running_mean", torch.zeros_like(self.running_mean))
            state_dict.setdefault(prefix + "running_var", torch.ones_like(self.running_var))
        elif version < 3:
            state_dict[prefix + "running_var"] = state_dict[prefix + "running_var"] - 0.01
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *others)


class Frozen2dThatCorrectsItself(Frozen2dOfThreeVersions):
    """Loads what it finds, and then corrects its own tensor."""

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *others):
        FrozenLikeDetr._load_from_state_dict(self, state_dict, prefix, local_metadata, *others)
        if local_metadata.get("version") == 2:
            self.running_var -= 0.01


class Frozen2dThatTurns(FrozenLikeDetr):
    """Another formula after checkpoints without a version."""

    eps = 1e-5

    def forward(self, x):
        return nn.functional.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *others):
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *others)
        if local_metadata.get("version") is None:
            self.eps = 0.01


class FrozenInTwo(nn.Module):
    """Statistics alone, for vectors (N, C)."""

    def __init__(self, channels):
        super().__init__()
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x):
        assert x.dim() == 2
        return (x - self.running_mean) / (self.running_var + 1e-5).sqrt()


class FrozenForAnyAxes(FrozenBatchNorm2dLikeDetectron):
    pass


class FrozenButForItsWeight(FrozenLikeDetr):
    """Its statistics are constants, its weight and bias are trained."""

    def __init__(self, channels):
        super().__init__(channels)
        for name in ("weight", "bias"):
            value = self._buffers.pop(name)
            self.register_parameter(name, nn.Parameter(value))


class FrozenAndMore(FrozenLikeDetr):
    def forward(self, x):
        return super().forward(x).relu()


class FrozenInEvaluation(FrozenLikeDetr):
    def forward(self, x):
        return x if self.training else super().forward(x)


class FrozenThatCounts(FrozenLikeDetr):
    def forward(self, x):
        self.running_mean.add_(1)
        return super().forward(x)


class FrozenThatRemembers(FrozenLikeDetr):
    def forward(self, x):
        self.last = x
        return super().forward(x)


class FrozenWithoutGradients(FrozenLikeDetr):
    def forward(self, x):
        return x if x.requires_grad else super().forward(x)


COPIES = {"detr": FrozenLikeDetr, "detectron": FrozenBatchNorm2dLikeDetectron}
NO_COPIES = {
    "more": FrozenAndMore,
    "evaluation": FrozenInEvaluation,
    "counts": FrozenThatCounts,
    "remembers": FrozenThatRemembers,
    "without gradients": FrozenWithoutGradients,
}


def with_numbers(norm, seed=0):
    """The same norm with numbers of its own in all of its tensors."""
    source = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in (*norm.named_parameters(), *norm.named_buffers()):
            if tensor.is_floating_point():
                tensor.copy_(torch.rand(tensor.shape, generator=source) + (0.5 if "var" in name else -0.5))
    return norm


class Net(nn.Module):
    """Norms of three kinds, one of them twice, one in a list, and one without statistics."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.norm = nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4, momentum=None, eps=1e-3)
        self.again = self.norm
        self.blocks = nn.ModuleList([nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4, affine=False)])
        self.last = nn.BatchNorm1d(4, track_running_stats=False)
        self.cube = nn.BatchNorm3d(4, bias=False)
        for norm in (self.norm, self.blocks[1], self.cube):
            with_numbers(norm)

    def forward(self, x):
        x = self.again(self.norm(self.conv(x)).relu())
        x = self.blocks[1](self.blocks[0](x))
        return self.cube(x[..., None])[..., 0] + self.last(x.mean((2, 3)))[..., None, None]


X = torch.linspace(-2, 2, 4 * 3 * 5 * 5, dtype=torch.float64).sin().reshape(4, 3, 5, 5)
