"""Norm layers of one's own, by name: trained with, remembered, and never chosen by a file."""

import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from batchnorm.errors import InputError
from batchnorm.models import OwnNorm, build
from batchnorm.runs import (
    RunFolder,
    TrainConfig,
    evaluate,
    fold_run,
    load_run,
    norm_in_file,
    recalibrate_run,
    trusting_norm,
)
from batchnorm.training import fit, resume

pytestmark = pytest.mark.usefixtures("one_thread")

LAYERS = """
from pathlib import Path
from torch import nn

Path("imported").touch()

class Scaled(nn.BatchNorm2d):
    pass

def group(num_features):
    return nn.GroupNorm(2, num_features)

def breaks(num_features):
    raise ValueError("no such size")

def nothing(num_features):
    pass

layer = nn.BatchNorm2d(4)
"""


@pytest.fixture
def layers(tmp_path, monkeypatch) -> Path:
    """`own_layers.py` in the present folder, which leaves a trace when it is imported."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "own_layers", raising=False)
    Path("own_layers.py").write_text(LAYERS)
    return tmp_path


def forget() -> None:
    """Have the module be imported anew, if it is."""
    sys.modules.pop("own_layers", None)
    Path("imported").unlink(missing_ok=True)


def config(norm: str) -> TrainConfig:
    return TrainConfig(norm=norm, epochs=1, batch_size=100, model_args={"width": 4}, threads=1)


@pytest.fixture
def run(layers, few) -> Path:
    """A run with a caller's own norm layers; the module is forgotten again."""
    fit(config("own_layers:Scaled"), out="run", source=few)
    forget()
    return Path("run")


def test_every_norm_of_the_net_is_made_by_the_function(layers, few) -> None:
    trained = fit(config("own_layers:group"), source=few)
    made = [module for module in trained.model.modules() if isinstance(module, nn.GroupNorm)]
    assert [module.num_channels for module in made] == [4, 8]
    assert not any(isinstance(module, nn.BatchNorm2d) for module in trained.model.modules())


def test_the_run_remembers_the_name(run) -> None:
    assert RunFolder.open(run).read_config().norm == "own_layers:Scaled"


def use_by_load_run(run, few):
    return load_run(run)


def use_by_resume(run, few):
    return resume(run, source=few)


def use_by_recalibrate(run, few):
    return recalibrate_run(run, source=few, threads=1)


def use_by_fold(run, few):
    return fold_run(run, out="folded.safetensors", source=few, threads=1)


USES = [use_by_load_run, use_by_resume, use_by_recalibrate, use_by_fold]


@pytest.mark.parametrize("use", USES)
def test_a_file_alone_imports_nothing_and_the_remedy_is_told(run, few, use) -> None:
    with pytest.raises(
        InputError, match=r"the norm layers are your own .'own_layers:Scaled'.*may not choose"
    ) as raised:
        use(run, few)
    assert not Path("imported").exists()
    assert "with batchnorm.runs.trusting_norm('own_layers:Scaled')" in str(raised.value)
    option = raised.value.fault.text(lambda setting: f"--{setting.name} {setting.value}")
    assert option.endswith("If you trust it, say so: --norm own_layers:Scaled.")
    assert "trusting_norm" not in option


@pytest.mark.parametrize("use", USES)
def test_the_remedy_works(run, few, use) -> None:
    with trusting_norm("own_layers:Scaled"):
        assert use(run, few)
    assert Path("imported").exists()


def test_the_net_that_is_loaded_gives_what_the_trained_one_did(layers, few) -> None:
    trained = fit(config("own_layers:Scaled"), out="run", source=few)
    with trusting_norm("own_layers:Scaled"):
        net, _ = load_run("run")
    images = torch.randn(5, 1, 28, 28)
    with torch.no_grad():
        torch.testing.assert_close(net(images), trained.model(images))
    assert type(net.get_submodule("bn1")).__name__ == "Scaled"


def test_what_is_imported_is_what_the_caller_names_and_not_what_the_file_does(run, few, tmp_path) -> None:
    Path("moved_layers.py").write_text(LAYERS.replace('"imported"', '"moved"'))
    with trusting_norm("moved_layers:Scaled"):
        load_run(run)
        with pytest.raises(InputError, match="started with other options: norm"):
            resume(run, source=few)
    assert Path("moved").exists()
    assert not Path("imported").exists()


def test_a_trusted_norm_is_forgotten_behind_the_block(run) -> None:
    with pytest.raises(ZeroDivisionError, match="division"), trusting_norm("own_layers:Scaled"):
        _ = 1 / 0
    with pytest.raises(InputError, match="may not choose"):
        load_run(run)


def test_a_run_without_own_norms_refuses_one(layers, few) -> None:
    fit(config("torch"), out="run", source=few)
    with (
        trusting_norm("own_layers:group"),
        pytest.raises(InputError, match=r"the norm layers are 'torch'. Leave norm out"),
    ):
        evaluate("run", dataset="fashion-mnist-mini")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("own_layers:groop", "has no 'groop'. Did you mean 'group'"),
        ("no_layers:group", "there is no module 'no_layers'"),
        ("own_layers:", "norm: expected package.module:function, got 'own_layers:'"),
        ("own_layers:layer", "norm: expected a function num_features -> nn.Module, got a BatchNorm2d"),
        ("own_layers:breaks", "own_layers:breaks was called with 4 features and raised ValueError: no such size"),
        ("own_layers:nothing", "norm: expected a function that returns a torch.nn.Module, got None"),
        ("torch.nn:BatchNorm1d", "expected 2D or 3D input"),
    ],
)
def test_what_makes_no_norm_is_refused_before_anything_is_read_or_written(layers, few, name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        fit(config(name), out="run", source=few)
    assert few.loaded == []
    assert not Path("run").exists()


def test_build_itself_imports_nothing_by_a_norm_s_name(layers) -> None:
    with pytest.raises(InputError, match="norm: expected one of batchnorm, torch, none, got 'own_layers:group'"):
        build("ConvBNNet", num_classes=2, in_channels=1, image_size=28, norm="own_layers:group")
    assert not Path("imported").exists()


def test_an_own_net_gets_the_function_itself(layers, few) -> None:
    Path("own_nets_with_norm.py").write_text(
        "from torch import nn\n"
        "def net(norm):\n"
        "    return nn.Sequential(nn.Conv2d(1, 4, 3), norm(4), nn.Flatten(), nn.Linear(2704, 10))\n"
    )
    trained = fit(TrainConfig(**{**vars_of(config("own_layers:group")), "model": "own_nets_with_norm:net"}), source=few)
    assert isinstance(trained.model[1], nn.GroupNorm)


def vars_of(given: TrainConfig) -> dict[str, object]:
    return {name: getattr(given, name) for name in ("norm", "epochs", "batch_size", "threads")}


def test_a_name_that_is_no_code_passes_through() -> None:
    assert norm_in_file("torch") == "torch"
    assert isinstance(OwnNorm("torch.nn:BatchNorm2d")(3), nn.BatchNorm2d)
