"""`timm:NAME` and `torchvision:NAME`: nets of two registries, with the images' channels, or refused in one message."""

import importlib
import sys

import pytest
import torch
from torch import nn

import batchnorm
from batchnorm.errors import InputError
from batchnorm.models import build, build_from_zoo, file_may_name
from batchnorm.models._zoo_libraries import LIBRARIES
from batchnorm.norms import is_norm

pytestmark = pytest.mark.usefixtures("one_thread")

SHAPE = {"num_classes": 7, "in_channels": 1, "image_size": 32, "norm": "torch"}


@pytest.fixture(scope="module", autouse=True)
def torchvision(peers):
    """Both libraries are imported, as where they are installed."""
    peers.load("timm")
    return peers.load("torchvision")


@pytest.mark.parametrize("name", ["timm:test_resnet", "torchvision:mobilenet_v3_small"])
@pytest.mark.parametrize("in_channels", [1, 3])
def test_a_net_of_a_registry_takes_the_images_and_gives_the_classes(name, in_channels):
    net = build(name, **{**SHAPE, "in_channels": in_channels})
    assert net.eval()(torch.zeros(2, in_channels, 32, 32)).shape == (2, 7)


@pytest.mark.parametrize("name", ["resnet18", "googlenet", "mobilenet_v3_small", "densenet121", "squeezenet1_1"])
def test_of_a_grey_image_a_net_for_colours_gives_what_it_gives_of_three_equal_channels(torchvision, name):
    torch.manual_seed(0)
    grey = build(f"torchvision:{name}", **SHAPE).eval()
    torch.manual_seed(0)
    options = {"aux_logits": False, "init_weights": True} if name == "googlenet" else {}
    colour = torchvision.models.get_model(name, weights=None, num_classes=7, **options).eval()
    x = torch.randn(2, 1, 64, 64)
    torch.testing.assert_close(grey(x), colour(x.expand(-1, 3, -1, -1)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["torchvision:googlenet", "torchvision:inception_v3"])
def test_a_net_with_further_classifiers_gives_one_output_in_training(name):
    assert type(build(name, **SHAPE).train()(torch.zeros(2, 1, 96, 96))) is torch.Tensor


def test_further_arguments_are_the_nets_own():
    assert isinstance(build("timm:test_resnet", **SHAPE, act_layer="silu").act1, nn.SiLU)


def test_a_net_for_images_of_one_size_is_built_for_that_of_the_images():
    net = build("timm:test_vit", **SHAPE)
    assert net.patch_embed.img_size == (32, 32)


@pytest.mark.parametrize("name", ["timm:test_vit", "timm:test_resnet", "torchvision:mobilenet_v3_small"])
def test_a_net_of_a_registry_takes_images_that_are_wider_than_high(name):
    net = build(name, **{**SHAPE, "image_size": (32, 64)})
    assert net.eval()(torch.zeros(2, 1, 32, 64)).shape == (2, 7)


def test_a_net_that_takes_squares_alone_says_so():
    with pytest.raises(InputError, match="expected square images for torchvision:vit_b_16, got 64x32"):
        build("torchvision:vit_b_16", **{**SHAPE, "image_size": (32, 64)})


def norms_of(net: nn.Module) -> set[type[nn.Module]]:
    return {type(module) for module in net.modules() if "running_var" in dict(module.named_buffers(recurse=False))}


@pytest.mark.parametrize("name", ["timm:test_resnet", "timm:test_efficientnet", "torchvision:mobilenet_v3_small"])
def test_its_batch_norms_become_this_librarys_and_the_net_computes_the_same(name):
    own, ours = build(name, **SHAPE).double().eval(), build(name, **{**SHAPE, "norm": "batchnorm"}).double().eval()
    ours.load_state_dict(own.state_dict())
    x = torch.randn(2, 1, 32, 32, dtype=torch.float64)
    assert norms_of(ours) == {batchnorm.nn.BatchNorm2d}
    torch.testing.assert_close(ours(x), own(x), rtol=1e-12, atol=1e-12)


@pytest.mark.nightly
@pytest.mark.filterwarnings("ignore")  # some nets warn when they are made
@pytest.mark.parametrize("library", ["timm", "torchvision"])
def test_every_batch_norm_of_every_net_in_a_registry_becomes_this_librarys(library):
    others = {}
    for name in LIBRARIES[library]().names():
        # On the device `meta` a net costs no memory; these ask their own numbers while they are made.
        with torch.device("cpu" if name.startswith("regnet") and library == "torchvision" else "meta"):
            net = build_from_zoo(f"{library}:{name}", {"num_classes": 10}, {"norm": "batchnorm"}, {})
        kinds = {type(module) for module in net.modules() if is_norm(module)}
        if left := {kind for kind in kinds if not kind.__module__.startswith("batchnorm.")}:
            others[name] = left
    assert others == {}


@pytest.mark.parametrize("norm", ["none", None])
def test_a_net_without_norms_has_none_of_their_tensors_and_keeps_their_activations(norm):
    net, own = build("timm:test_efficientnet", **{**SHAPE, "norm": norm}), build("timm:test_efficientnet", **SHAPE)
    assert norms_of(net) == set()
    assert not {"bn1.weight", "bn1.bias", "bn1.running_mean"} & {*net.state_dict()}
    x = torch.randn(2, 24, 4, 4)
    torch.testing.assert_close(net.bn1(x.clone()), own.bn1.act(x.clone()))


@pytest.mark.parametrize("norm", ["batchnorm", "none"])
def test_a_net_that_has_no_batch_norm_is_built_with_the_norms_that_it_has(norm):
    net = build("timm:test_convnext", **{**SHAPE, "norm": norm})
    assert {type(module).__name__ for module in net.modules()} >= {"LayerNorm2d"}


def test_a_norm_that_does_what_nobody_knows_cannot_be_left_out(monkeypatch):
    timm = sys.modules["timm"]
    net = timm.create_model("test_resnet")
    net.bn1.forward = lambda x: x * 2
    monkeypatch.setattr(timm, "create_model", lambda *args, **options: net)
    with pytest.raises(
        InputError, match=r"^norm: bn1 of timm:test_resnet, a \S+, cannot be left out: .*forward of its own"
    ):
        build("timm:test_resnet", **{**SHAPE, "norm": "none"})


def test_a_module_of_these_libraries_is_code_of_ones_own():
    assert [file_may_name(name) for name in ("timm:a", "torchvision:a", "torchvision.models:a", "timms:a", "timm")] == [
        *(True, True),
        *(False, False, False),
    ]


UNKNOWN = {
    "timm:resnet181": r"^model: timm \S+ has no classifier 'resnet181'\. Did you mean 'timm:resnet18' or 'timm:\w+'\?$",
    "timm:ResNet18": r"Did you mean 'timm:resnet18'",
    "timm:": r"timm \S+ has no classifier ''\. timm\.list_models\(\) lists them\.$",
    "timm:resnet18.a1_in1k": r"'a1_in1k' names pretrained weights, .*; the net is timm:resnet18\.$",
    "timm:tf_efficientnet_b0_ap": r"Its name is now timm:tf_efficientnet_b0\.$",
    "timm:hf-hub:timm/resnet18": r"has no classifier 'hf-hub:timm/resnet18'",
    "timm:local-dir:/tmp": r"has no classifier 'local-dir:/tmp'",
    "timm:create_model": r"has no classifier 'create_model'",
    "torchvision:resnet19": r"torchvision \S+ has no classifier 'resnet19'\. Did you mean 'torchvision:resnet\d+' or",
    "torchvision:fcn_resnet50": r"There is one of that name, but it is no classifier of images\.$",
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_name_that_is_in_no_registry_is_one_message(name):
    with pytest.raises(InputError, match=UNKNOWN[name]):
        build(name, **SHAPE)


ARGUMENTS = {
    "pretrained": (True, r"^model_args: pretrained would load weights.*Leave it out"),
    "pretrained_cfg": ("a1_in1k", "pretrained_cfg would load weights"),
    "checkpoint_path": ("model.pt", "checkpoint_path would load weights"),
    "weights": ("DEFAULT", "weights would load weights"),
    "cache_dir": (".", "cache_dir would load weights"),
    "act_layer": ("../relu", "expected numbers, True, False and plain words for timm:test_resnet, got '../relu'"),
    "layers": (
        [1, 1],
        r"expected numbers, True, False and plain words for timm:test_resnet, got \[1, 1\] for layers",
    ),
    "in_chans": (7, r"^model_args: in_chans follows from the data\. Leave it out\.$"),
    "wdith": (
        2,
        r"^model_args: timm:test_resnet: making the net raised TypeError: .*unexpected keyword argument 'wdith'",
    ),
}


@pytest.mark.parametrize("key", ARGUMENTS)
def test_an_argument_that_loads_something_or_is_none_is_one_message(key):
    value, message = ARGUMENTS[key]
    with pytest.raises(InputError, match=message):
        build("timm:test_resnet", **SHAPE, **{key: value})


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "convnext_tiny", "regnet_x_400mf", "resnet18"])
def test_an_argument_that_torchvision_drops_is_refused(name):
    with pytest.raises(InputError, match=rf"^model_args: torchvision:{name}: unknown argument 'dorpout'\."):
        build(f"torchvision:{name}", **SHAPE, dorpout=0.5)


@pytest.mark.parametrize(
    ("name", "argument"),
    [
        ("mobilenet_v3_small", {"width_mult": 0.5}),
        ("regnet_x_400mf", {"stem_width": 16}),
        ("densenet121", {"drop_rate": 0.1}),
    ],
)
def test_an_argument_that_only_a_function_of_torchvision_takes_is_handed_on(name, argument):
    assert build(f"torchvision:{name}", **SHAPE, **argument)


STYLES = {
    "norm": ("frozen", "^norm: expected one of batchnorm, torch, none for timm:test_resnet, .* got 'frozen'"),
    "activation": ("silu", "^activation: timm:test_resnet has its own order of layers and its own activations"),
    "norm_place": ("after", "^norm_place: timm:test_resnet has its own order of layers"),
}


@pytest.mark.parametrize("option", STYLES)
def test_a_style_that_a_net_does_not_take_is_never_dropped(option):
    value, message = STYLES[option]
    with pytest.raises(InputError, match=message):
        build("timm:test_resnet", **{**SHAPE, option: value})


def test_two_channels_are_too_few_for_colours_and_too_many_for_grey():
    with pytest.raises(InputError, match=r"expected images of 3 channels .* or of 1, .*, got images of 2\. .*timm"):
        build("torchvision:resnet18", **{**SHAPE, "in_channels": 2})


def test_images_that_a_net_cannot_be_made_for_are_one_message():
    with pytest.raises(
        InputError, match=r"^model: torchvision:vit_b_16: making the net raised AssertionError: Input shape"
    ):
        build("torchvision:vit_b_16", **{**SHAPE, "image_size": 28})


@pytest.fixture
def without(monkeypatch):
    """Neither library is imported yet."""
    for entry in [*sys.modules]:
        if entry.partition(".")[0] in ("timm", "torchvision"):
            monkeypatch.delitem(sys.modules, entry)


@pytest.mark.parametrize("library", ["timm", "torchvision"])
def test_a_library_that_is_not_installed_is_one_message(without, monkeypatch, library):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(
        InputError, match=rf"^model: {library} is not installed\. Install it: pip install 'batchnorm\[zoo\]'\.$"
    ):
        build(f"{library}:resnet18", **SHAPE)


BROKEN = {
    "raise RuntimeError('operator torchvision::nms does not exist')": (
        r"^model: torchvision is installed but cannot be imported: RuntimeError: operator torchvision::nms does not "
        r"exist\. The torchvision here was built for another torch than 2\."
    ),
    "import no_such_module": r"imported: ModuleNotFoundError: No module named 'no_such_module'\. Install one that fits",
}


@pytest.mark.parametrize("code", BROKEN)
def test_a_library_that_cannot_be_imported_is_one_message_with_the_reason(without, monkeypatch, tmp_path, code):
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision" / "__init__.py").write_text(f"import torchvision.inside\n{code}")
    (tmp_path / "torchvision" / "inside.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    with pytest.raises(InputError, match=BROKEN[code]):
        build("torchvision:resnet18", **SHAPE)
    assert [entry for entry in sys.modules if entry.startswith("torchvision")] == []
