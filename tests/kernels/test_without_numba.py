"""Does everything work where Numba is not installed, by the native route, and does what needs it say so?"""

import json
import subprocess
import sys

import pytest
import torch

from batchnorm import functional, nn
from batchnorm.cli import main
from batchnorm.kernels import cpu
from batchnorm.kernels.cpu import _compiler

PROGRAM = """
import contextlib, io, json, sys
from importlib.machinery import PathFinder

class Hide(PathFinder):
    "Two libraries are not installed."

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.split(".")[0] in ("numba", "llvmlite") else super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Hide

import torch
import torch.nn.functional as F
from batchnorm import functional, models, nn
from batchnorm.cli import main
from batchnorm.kernels import cpu

x = torch.randn(16, 32, 40, 40)
found = {"available": cpu.available()}
y = functional.batch_norm(x, None, None, training=True, activation="relu")
found["auto"] = torch.equal(y, F.relu(F.batch_norm(x, None, None, training=True)))
net = models.build("convbnnet", num_classes=10, in_channels=1, image_size=28)
net(torch.randn(32, 1, 28, 28)).sum().backward()
found["net"] = all(parameter.grad.isfinite().all().item() for parameter in net.parameters())

try:
    functional.batch_norm(x, None, None, training=True, route="fused")
except RuntimeError as error:
    found["fused"] = str(error)

def command(*arguments):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(list(arguments))
    return code, out.getvalue(), err.getvalue()

found["info"], found["json"], found["warmup"] = command("info"), command("info", "--json"), command("warmup")
found["imported"] = sorted({"numba", "llvmlite"} & set(sys.modules))
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found() -> dict:
    """What a process finds for which the two libraries are not there."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_auto_computes_what_torch_does(found):
    assert found["available"] is False
    assert found["auto"] is True


def test_a_net_trains(found):
    assert found["net"] is True


def test_fused_asked_for_by_name_is_an_error_that_names_numba(found):
    assert found["fused"] == (
        "batch_norm: route='fused' needs numba, which is not installed (pip install numba). "
        "Take route='auto', which uses it where it can."
    )


def test_info_says_that_numba_is_missing_and_what_that_means(found):
    code, out, err = found["info"]
    assert (code, err) == (0, "")
    said = "kernels native route, for the CPU kernels need numba, which is not installed (pip install numba)"
    assert said in " ".join(out.split())


def test_info_says_it_in_json_too(found):
    code, out, _ = found["json"]
    assert code == 0
    assert json.loads(out)["kernels"] == {
        "numba": None,
        "team": None,
        "folder": None,
        "compiled": 0,
        "all": len(cpu.all_kernels()),
        "missing": "numba, which is not installed (pip install numba)",
    }


def test_warmup_is_one_message_and_code_1(found):
    code, out, err = found["warmup"]
    assert (code, out) == (1, "")
    assert err.count("numba") == 2
    assert err.startswith("batchnorm warmup: the CPU kernels need numba, which is not installed (pip install numba)")
    assert "Traceback" not in err


def test_nothing_has_imported_them(found):
    assert found["imported"] == []


# In a process where Numba is: what asks whether it is there believes the answer


@pytest.fixture
def missing(monkeypatch) -> None:
    monkeypatch.setattr(_compiler, "_INSTALLED", False)
    monkeypatch.setattr(_compiler, "_ADDRESSES", {})


@pytest.mark.parametrize("layer", [nn.BatchNorm2d, nn.BatchNormAdd2d, nn.BatchNormPool2d])
def test_every_layer_takes_its_native_route(missing, monkeypatch, layer):
    monkeypatch.setattr(cpu, "forward", lambda *_, **__: pytest.fail("the kernels were called"))
    torch.manual_seed(0)
    x = torch.randn(8, 16, 64, 64, requires_grad=True)
    extra = [x.detach()] if layer is nn.BatchNormAdd2d else []
    options = {"activation": "relu"} if layer is nn.BatchNorm2d else {}
    found = {}
    for route in ("auto", "native"):
        norm = layer(16, route=route, **options)
        y = norm(x, *extra)
        (dx,) = torch.autograd.grad(y.square().sum(), x)
        found[route] = (y, dx, norm.running_mean, norm.running_var)
    assert all(map(torch.equal, found["auto"], found["native"]))


def test_a_kernel_that_is_asked_for_is_an_error_that_names_numba(missing):
    with pytest.raises(RuntimeError, match=r"need numba, which is not installed .*pip install numba.*route='native'"):
        cpu.address_of(cpu.all_kernels()[0])


def test_the_table_of_routes_says_that_numba_is_a_condition():
    (row,) = (line for line in functional.route_table().splitlines() if line.startswith("| batch_norm | fused"))
    assert "numba is installed" in row


# And where it is there


def test_info_says_which_numba_there_is_which_threads_and_how_many_kernels_where(capsys, monkeypatch, tmp_path):
    import numba

    monkeypatch.setenv("BATCHNORM_CACHE", str(tmp_path))
    assert main(["info", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)["kernels"]
    assert facts == {
        "numba": numba.__version__,
        "team": cpu.team_name(),
        "folder": str(cpu.folder()),
        "compiled": 0,
        "all": len(cpu.all_kernels()),
        "missing": None,
    }
    cpu.folder().mkdir(parents=True)
    for kernel in cpu.all_kernels()[:2]:
        (cpu.folder() / f"{kernel}.o").touch()
    assert main(["info"]) == 0
    out = capsys.readouterr().out
    counted = f"2 of {len(cpu.all_kernels())} compiled"
    assert f"kernels numba {numba.__version__}, {cpu.team_name()}, {counted} " in " ".join(out.split())
    assert f"\ncompiled kernels are in {cpu.folder()}\n" in out


def test_warmup_says_that_nothing_can_be_kept(capsys, monkeypatch, tmp_path):
    """What was compiled all the same is in this process alone."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("BATCHNORM_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr(cpu, "warmup", lambda report, dtypes: 132)
    assert main(["warmup"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("132 kernels in ")
    assert f" s, not all kept: {cpu.folder()} cannot be written; set BATCHNORM_CACHE to a folder that can\n" in out
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
