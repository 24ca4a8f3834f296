"""Weights that timm and torchvision offer: from their caches, or refused in one sentence, and nothing is run."""

import importlib
from pathlib import Path
from urllib.error import URLError

import pytest
import torch

from batchnorm.errors import InputError
from batchnorm.models import build, pretrained
from batchnorm.runs import initialize

pytestmark = pytest.mark.usefixtures("one_thread")

NETS = {"torchvision:squeezenet1_1": "squeezenet1_1-b8a52dc0.pth", "timm:resnet10t": "resnet10t_176_c3-f3215ab1.pth"}
"""Nets, and the files that their libraries look for in torch's cache."""


@pytest.fixture(autouse=True)
def _cache(peers, monkeypatch, tmp_path):
    """Both libraries are imported, as where they are installed, and torch's cache is empty and has no network."""
    peers.load("timm")
    peers.load("torchvision")
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    monkeypatch.setattr(importlib.import_module("timm.models._builder"), "has_hf_hub", lambda **_: False)

    def without_network(*_: object, **__: object) -> None:
        raise URLError("Name or service not known")

    monkeypatch.setattr(torch.hub, "download_url_to_file", without_network)


def put(name: str, folder: Path, content: object = None) -> dict[str, torch.Tensor]:
    """Put weights of a net into the cache, where its library looks for them, and return them."""
    torch.manual_seed(5)
    kind, _, member = name.partition(":")
    library = importlib.import_module("timm" if kind == "timm" else "torchvision.models")
    tensors = (library.create_model if kind == "timm" else library.get_model)(member).state_dict()
    (folder / "checkpoints").mkdir(exist_ok=True)
    torch.save(tensors if content is None else content, folder / "checkpoints" / NETS[name])
    return tensors


@pytest.mark.parametrize("name", NETS)
def test_the_weights_are_those_in_the_librarys_cache(tmp_path, name: str) -> None:
    expected = put(name, tmp_path)
    before = torch.get_rng_state()
    found, tensors = pretrained(name)
    assert found.startswith(f"{name}.")
    assert all(torch.equal(tensors[key], tensor) for key, tensor in expected.items())
    assert torch.equal(torch.get_rng_state(), before)


def test_a_net_of_other_classes_takes_all_but_the_head(tmp_path) -> None:
    put("timm:resnet10t", tmp_path)
    net = build("timm:resnet10t", num_classes=3, in_channels=3, image_size=32)
    record = initialize(net, "timm:resnet10t")
    assert (record.named("new"), record.named("unused")) == (("fc.weight", "fc.bias"), ())


@pytest.mark.parametrize("name", NETS)
def test_without_a_network_it_is_said_in_one_sentence(name: str) -> None:
    said = rf"^init: {name}: its weights cannot be had: URLError: .*They come from \w+'s own cache, or from the network"
    with pytest.raises(InputError, match=said):
        pretrained(name)


class Code:
    """Ends the tests if it is run."""

    def __reduce__(self):
        return exec, ("raise SystemExit",)


@pytest.mark.parametrize("name", NETS)
def test_code_in_a_cached_file_is_not_run(tmp_path, name: str) -> None:
    put(name, tmp_path, Code())
    with pytest.raises(InputError, match=r"its weights cannot be had: (UnpicklingError|RuntimeError)"):
        pretrained(name)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("timm:no_such", r"^init: timm \S+ has no classifier 'no_such'"),
        ("timm:hf-hub:timm/resnet18", r"^init: timm \S+ has no classifier"),
        ("timm:resnet10t.no_such", r"has no weights 'no_such' of resnet10t\. There are timm:resnet10t\.c3_in1k"),
        (
            "torchvision:resnet18.V9",
            r"has no weights 'V9' of resnet18\. There are torchvision:resnet18\.IMAGENET1K_V1\.",
        ),
        ("torchvision:fcn_resnet50", r"There is one of that name, but it is no classifier"),
    ],
)
def test_names_that_there_are_not_are_refused(name: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        pretrained(name)
