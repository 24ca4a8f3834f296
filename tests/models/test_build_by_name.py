"""A model by its name: one of ours, or a function of the caller's; every mistake is one message."""

import contextlib
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

import batchnorm.nn
from batchnorm.errors import InputError
from batchnorm.models import MLP, ConvBNNet, PlainNet, ResNet, available, build, is_builtin

SHAPE = {"num_classes": 3, "in_channels": 1, "image_size": 8}

OWN = """
import torch
from torch import nn

def make(num_classes, in_channels, image_size):
    return nn.Sequential(nn.Flatten(), nn.Linear(in_channels * image_size**2, num_classes))

def with_width(num_classes, width=2):
    net = nn.Linear(width, num_classes)
    return net

def everything(**arguments):
    net = nn.Identity()
    net.arguments = arguments
    return net

def styled(norm, activation, norm_place):
    net = nn.Identity()
    net.arguments = (norm, activation, norm_place)
    return net

def late(num_classes):
    import own_helper
    return own_helper.make(num_classes)

def no_module(): return {"conv1": 1}
def nothing(): pass
def positional(num_classes, /): return nn.Linear(1, num_classes)
def raising(): raise KeyError("no such layer")
def silent(): raise RuntimeError
class Net(nn.Linear):
    def __init__(self, num_classes): super().__init__(1, num_classes)
instance = nn.Linear(1, 1)
number = 3
"""


@pytest.fixture
def own_models(tmp_path, monkeypatch):
    """A folder with models of one's own, being the current one; its modules are forgotten again."""
    (tmp_path / "own_models.py").write_text(OWN)
    (tmp_path / "own_helper.py").write_text("from torch import nn\nmake = lambda n: nn.Linear(7, n)")
    (tmp_path / "own_broken.py").write_text("def make(:\n")
    (tmp_path / "own_needy.py").write_text("import a_module_that_nobody_has\n")
    (tmp_path / "own_package").mkdir()
    (tmp_path / "own_package" / "__init__.py").touch()
    (tmp_path / "own_package" / "nets.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("own_"):
            del sys.modules[name]


@pytest.mark.parametrize("name", [entry.name for entry in available()])
@pytest.mark.parametrize("change", [str, str.lower, str.upper])
def test_every_name_builds_in_any_case(name, change):
    net = build(change(name), **SHAPE, width=4)
    assert net(torch.randn(2, 1, 8, 8)).shape == (2, 3)


def test_the_names_are_the_documented_ones_each_with_a_line():
    names = [entry.name for entry in available()]
    assert names == ["ConvBNNet", "MLP", "resnet20", "resnet18", "PlainNet"]
    assert all(entry.summary and "\n" not in entry.summary for entry in available())


@pytest.mark.parametrize(("name", "kind"), [("convbnnet", ConvBNNet), ("mlp", MLP)])
def test_a_name_means_its_class(name, kind):
    assert type(build(name, **SHAPE)) is kind


def test_norm_activation_and_place_arrive_in_the_net():
    net = build("ConvBNNet", **SHAPE, norm="torch", activation="silu", norm_place="after")
    assert type(net.bn1) is nn.BatchNorm2d
    assert [key for key, _ in net.named_children()][:3] == ["conv1", "act1", "bn1"]
    assert net.act1.activation == "silu"


def test_further_arguments_arrive_in_the_net():
    net = build("PlainNet", **SHAPE, depth=5, width=2)
    assert isinstance(net, PlainNet)
    assert len([m for m in net.modules() if isinstance(m, nn.Conv2d)]) == 5


def test_the_default_norm_is_ours():
    assert type(build("ConvBNNet", **SHAPE).bn1) is batchnorm.nn.BatchNormPool2d


def test_resnets_of_a_name_are_resnets():
    assert isinstance(build("ResNet20", **SHAPE, width=2), ResNet)


def test_only_names_of_ours_are_built_in():
    assert is_builtin("RESNET18")
    assert not is_builtin("resnet19")
    assert not is_builtin("own_models:make")


@pytest.mark.parametrize(("name", "near"), [("ConvBNet", "'ConvBNNet'"), ("resnet_20", "'resnet20'"), ("mpl", "'MLP'")])
def test_an_unknown_name_is_named_with_the_near_ones(name, near):
    with pytest.raises(InputError, match=f"^model: unknown name '{name}'; expected one of .* Did you mean .*{near}"):
        build(name, **SHAPE)


def test_a_name_that_is_near_to_none_gets_all_of_them_and_the_way_to_ones_own():
    with pytest.raises(InputError, match=r"'transformer'; expected one of Conv.*:function$"):
        build("transformer", **SHAPE)


def test_an_argument_that_a_net_does_not_take_is_named_with_the_near_one():
    expected = "^model_args: PlainNet: unknown argument 'dept'; expected one of width, depth. Did you mean 'depth'"
    with pytest.raises(InputError, match=expected):
        build("plainnet", **SHAPE, dept=3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"image_size": 3}, "^model: ConvBNNet: image_size: expected an integer of at least 4, got 3"),
        ({"width": "wide"}, "^model: ConvBNNet: width: expected an integer of at least 1, got 'wide'"),
        ({"norm": "bathnorm"}, "^model: ConvBNNet: norm: .* mean 'batchnorm'"),
        ({"activation": 3}, "^model: ConvBNNet: activation: "),
        ({"norm_place": "under"}, "^model: ConvBNNet: norm_place: "),
    ],
)
def test_a_value_that_a_net_cannot_take_is_a_mistake_of_the_caller(arguments, message):
    with pytest.raises(InputError, match=message):
        build("ConvBNNet", **(SHAPE | arguments))


@pytest.mark.usefixtures("own_models")
@pytest.mark.parametrize("module", ["own_models", "own_package.nets"])
def test_a_function_of_ones_own_is_found_from_the_current_folder(module):
    net = build(f"{module}:make", **SHAPE)
    assert net(torch.zeros(2, 1, 8, 8)).shape == (2, 3)


@pytest.mark.usefixtures("own_models")
def test_a_function_may_import_its_neighbours_when_it_is_called():
    assert build("own_models:late", **SHAPE).in_features == 7


@pytest.mark.usefixtures("own_models")
def test_a_class_of_ones_own_is_a_function_that_makes_a_model():
    assert build("own_models:Net", **SHAPE).out_features == 3


@pytest.mark.usefixtures("own_models")
def test_a_function_gets_only_what_its_signature_has_and_the_further_arguments():
    net = build("own_models:with_width", **SHAPE, width=5)
    assert (net.in_features, net.out_features) == (5, 3)


@pytest.mark.usefixtures("own_models")
def test_a_function_of_any_arguments_gets_all():
    net = build("own_models:everything", **SHAPE, norm="torch", width=5)
    style = {"norm": "torch", "activation": "relu", "norm_place": "before"}
    assert net.arguments == SHAPE | style | {"width": 5}


@pytest.mark.usefixtures("own_models")
def test_a_function_with_a_style_gets_the_style():
    net = build("own_models:styled", **SHAPE, norm="none", norm_place="after")
    assert net.arguments == ("none", "relu", "after")


@pytest.mark.usefixtures("own_models")
@pytest.mark.parametrize("style", [{"norm": "torch"}, {"activation": "silu"}])
def test_a_style_that_the_function_has_no_parameter_for_is_not_dropped_silently(style):
    (name,) = style
    with pytest.raises(InputError, match=f"cannot be called with .*unexpected.*'{name}'"):
        build("own_models:make", **SHAPE, **style)


@pytest.mark.usefixtures("own_models")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("own_modles:make", "there is no module 'own_modles', neither in .* nor installed"),
        ("own_package.net:make", "there is no module 'own_package.net'"),
        ("own_needy:make", "importing own_needy raised ModuleNotFoundError: .*nobody_has"),
        ("own_broken:make", r"importing own_broken raised SyntaxError: .*own_broken\.py, line 1"),
        ("own_models:mak", r"own_models \(.*own_models\.py\) has no 'mak'. Did you mean 'make'"),
        ("own_models:instance", "which is a Linear"),
        ("own_models:number", "which is an int"),
        ("own_models:no_module", "which returns a dict"),
        ("own_models:nothing", "which returns None"),
        ("own_models:raising", "the function raised KeyError: 'no such layer'$"),
        ("own_models:silent", "the function raised RuntimeError$"),
        ("own_models:positional", r"cannot be called with \(\): missing a required .*num_classes"),
        ("builtins:dict", "no signature found"),
    ],
)
def test_what_is_wrong_with_a_model_of_ones_own_is_said(name, message):
    with pytest.raises(InputError, match=f"^model: .*'{name}'.*{message}"):
        build(name, **SHAPE)


@pytest.mark.parametrize("name", [":make", "own_models:", "own models:make", "a:b:c", "a/b.py:f"])
def test_a_name_that_can_be_no_function_is_refused_before_anything_is_imported(name):
    with pytest.raises(InputError, match=r"^model: expected package\.module:function, got"):
        build(name, **SHAPE)


@pytest.mark.usefixtures("own_models")
def test_an_argument_that_the_function_does_not_take_is_named():
    expected = r"signature is \(num_classes, in_channels, image_size\).*unexpected .*'depth'"
    with pytest.raises(InputError, match=expected):
        build("own_models:make", **SHAPE, depth=3)


@pytest.mark.usefixtures("own_models")
def test_the_functions_own_exception_is_kept_as_the_cause():
    with pytest.raises(InputError, match="KeyError") as caught:
        build("own_models:raising", **SHAPE)
    assert isinstance(caught.value.__cause__, KeyError)


@pytest.mark.usefixtures("own_models")
@pytest.mark.parametrize("name", ["own_models:make", "own_models:raising", "own_needy:make"])
def test_the_import_path_is_as_it_was_afterwards(name):
    before = list(sys.path)
    with contextlib.suppress(InputError):
        build(name, **SHAPE)
    assert sys.path == before


def test_a_module_that_is_installed_needs_no_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    net = build("batchnorm.models:ConvBNNet", **SHAPE, width=2)
    assert isinstance(net, ConvBNNet)
    assert Path.cwd() == tmp_path
