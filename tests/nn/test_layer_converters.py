"""Who builds another module from a layer with an activation, a residual or a pool is told what it would lose.

The converters below are written in the shapes that other libraries and people's own scripts have.
"""

import copy
import inspect
import operator
import pickle
import unittest.mock

import pytest
import torch
from torch import nn

import batchnorm.nn as bn

IMAGES = torch.randn(4, 2, 6, 6, generator=torch.Generator().manual_seed(0))


class Frozen(nn.Module):
    """A norm of constants, as detection libraries have it: made from a norm by a method of the class."""

    def __init__(self, channels, eps=1e-5):
        super().__init__()
        self.eps = eps
        for name in ("weight", "bias", "running_mean", "running_var"):
            self.register_buffer(name, torch.zeros(channels))

    def forward(self, x):
        scale = self.weight * (self.running_var + self.eps).rsqrt()
        return x * scale[:, None, None] + (self.bias - self.running_mean * scale)[:, None, None]

    @classmethod
    def convert(cls, module):
        result = module
        if isinstance(module, nn.BatchNorm2d):
            result = cls(module.num_features)
            for name in ("weight", "bias", "running_mean", "running_var"):
                getattr(result, name).data = getattr(module, name).data.clone()
            result.eps = module.eps
        for name, child in module.named_children():
            if (new := cls.convert(child)) is not child:
                result.add_module(name, new)
        return result


def fuse_by_hand(conv, norm):
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    fused = copy.deepcopy(conv)
    fused.weight.data = conv.weight * scale[:, None, None, None]
    fused.bias.data = (conv.bias - norm.running_mean) * scale + norm.bias
    return fused


def with_plain_norms(module):
    """The net with torch's own layers, built by a comprehension and by names."""
    names = ("num_features", "eps", "momentum")
    new = nn.BatchNorm2d(**{name: getattr(module, name) for name in names})
    new.load_state_dict(module.state_dict())
    return new


def deviation(norm):
    return (norm.running_var + norm.eps).sqrt()


class Wrapper(nn.Module):
    """Somebody's module that computes with the numbers of a norm that it holds."""

    def __init__(self, norm):
        super().__init__()
        self.norm = norm

    def forward(self, x):
        norm = self.norm
        return nn.functional.batch_norm(
            x, norm.running_mean, norm.running_var, norm.weight, norm.bias, False, 0, norm.eps
        )


def eps_of(norm):
    return norm.eps


class AnotherNorm(nn.BatchNorm2d):
    @classmethod
    def of(cls, norm):
        new = cls(norm.num_features, operator.attrgetter("eps")(norm))
        new.load_state_dict(norm.state_dict())
        return new


CONVERTERS = {
    "frozen": Frozen.convert,
    "frozen in a net": lambda norm: Frozen.convert(nn.Sequential(nn.Conv2d(2, 2, 1), norm)),
    "fused": lambda norm: fuse_by_hand(nn.Conv2d(2, 2, 1), norm),
    "torch's": with_plain_norms,
    "deviation": deviation,
    "wrapped": lambda norm: Wrapper(norm)(IMAGES),
    "eps alone": eps_of,
    "another class": AnotherNorm.of,
    "torch's forward": lambda norm: nn.BatchNorm2d.forward(norm, IMAGES),
    "a script": lambda norm: exec("scale = norm.weight / (norm.running_var + norm.eps).sqrt()", {"norm": norm}),  # noqa: S102  # ours
}
LOSING = {
    "relu": lambda: bn.BatchNorm2d(2, activation="relu"),
    "module": lambda: bn.BatchNorm2d(2, activation=nn.PReLU()),
    "function": lambda: bn.BatchNorm2d(2, activation=torch.square),
    "add": lambda: bn.BatchNormAdd2d(2, activation=None),
    "pool": lambda: bn.BatchNormPool2d(2, activation=None),
}


@pytest.mark.parametrize("kind", LOSING)
@pytest.mark.parametrize("tool", CONVERTERS)
def test_a_converter_is_refused_with_what_it_would_lose_and_a_way_out(tool, kind):
    layer = LOSING[kind]().eval()
    before = copy.deepcopy(layer.state_dict())
    with pytest.raises(RuntimeError, match=r"reads eps, and .* would drop the .* of this layer.*batchnorm\.fold"):
        CONVERTERS[tool](layer)
    torch.testing.assert_close(dict(layer.state_dict()), dict(before), rtol=0, atol=0)


def test_a_converter_in_a_file_that_is_named_like_one_of_pythons_is_refused():
    somebodys = {"__name__": "profile", "torch": torch}
    exec(compile("def deviation(norm): return (norm.running_var + norm.eps).sqrt()", "profile.py", "exec"), somebodys)  # noqa: S102  # ours
    with pytest.raises(RuntimeError, match=r"profile\.deviation reads eps"):
        somebodys["deviation"](bn.BatchNorm2d(2, activation="relu"))


@pytest.mark.parametrize("tool", CONVERTERS)
def test_a_converter_of_a_layer_that_only_normalizes_is_at_home(tool):
    CONVERTERS[tool](bn.BatchNorm2d(2).eval())


def test_converters_of_a_layer_that_only_normalizes_compute_the_same():
    conv, norm = nn.Conv2d(2, 2, 1), bn.BatchNorm2d(2, eps=0.25)
    norm(IMAGES)
    norm.eval()
    torch.testing.assert_close(Frozen.convert(norm)(IMAGES), norm(IMAGES))
    torch.testing.assert_close(fuse_by_hand(conv, norm)(IMAGES), norm(conv(IMAGES)))


@pytest.mark.parametrize("tool", ["freeze_batch_norm_2d", "convert_sync_batchnorm"])
@pytest.mark.parametrize("kind", LOSING)
def test_converters_of_timm_are_refused(timm, tool, kind):
    net = nn.Sequential(nn.Conv2d(2, 2, 1), LOSING[kind]())
    with pytest.raises(RuntimeError, match=f"timm.*{tool} reads eps, and .* would drop the"):
        getattr(timm.layers, tool)(net)
    assert type(net[1]).__module__.startswith("batchnorm.nn.")


class Clipped(bn.BatchNorm2d):
    """A layer of somebody's own, which reads its eps."""

    @property
    def least(self):
        return self.eps**0.5

    def extra_repr(self):
        return f"eps={self.eps}, " + ", ".join(str(factor * self.eps) for factor in (1, 2))


def test_methods_of_a_class_may_read_their_own_eps():
    layer = Clipped(2, eps=0.25, activation="relu")
    assert layer.least == 0.5
    assert "eps=0.25, 0.25, 0.5" in repr(layer)


LOOKS = {
    "in its variables": lambda layer: vars(layer)["eps"],
    "at a prompt": lambda layer: eval("layer.eps", {"__name__": "__main__", "layer": layer}),  # noqa: S307  # ours
    "among all members": lambda layer: dict(inspect.getmembers(layer))["eps"],
    "in a copy": lambda layer: vars(copy.deepcopy(layer))["eps"],
    "in a pickle": lambda layer: vars(pickle.loads(pickle.dumps(layer)))["eps"],  # noqa: S301  # ours
}


@pytest.mark.parametrize("look", LOOKS)
def test_who_only_looks_sees_eps(look):
    assert LOOKS[look](bn.BatchNorm2d(2, eps=0.25, activation="relu")) == 0.25


def test_whether_there_is_an_eps_may_be_asked_and_it_may_be_set():
    layer = bn.BatchNorm2d(2, activation="relu")
    if hasattr(layer, "eps"):
        layer.eps = 0.5
    assert vars(layer)["eps"] == 0.5


def test_printing_copying_and_mocking_are_as_ever():
    layer = bn.BatchNorm2d(2, eps=0.25, activation="relu")
    assert "eps=0.25" in str(layer)
    assert unittest.mock.create_autospec(layer, instance=True).eps is not None
