"""Does everything go on by the native route where Numba or llvmlite is installed, but broken?"""

import json

import pytest

from .processes import python

CODE = """
import json, warnings
import torch
from batchnorm import functional, nn
from batchnorm.cli import main
from batchnorm.kernels import cpu
x = torch.randn(16, 64, 20, 20).contiguous(memory_format=torch.channels_last)
layer, native = nn.BatchNorm2d(64, activation="relu"), nn.BatchNorm2d(64, activation="relu", route="native")
same = torch.equal(layer(x), native(x)) and torch.equal(layer.running_mean, native.running_mean)
try:
    functional.batch_norm(x, None, None, training=True, route="fused")
    said = ""
except RuntimeError as error:
    said = str(error)
exact = functional.exact_moments(x)
close = torch.allclose(exact.mean, x.double().mean((0, 2, 3)))
code = main(["info"])
print(json.dumps([same, said, close, code]))
"""
BROKEN = {
    "numba": ("numba", "raise ImportError('Numba needs NumPy 2.4 or less')", "Numba needs NumPy 2.4 or less"),
    "llvmlite": ("llvmlite", "raise OSError('libllvmlite.so: no such file')", "libllvmlite.so: no such file"),
}


@pytest.mark.parametrize("which", BROKEN)
def test_auto_is_native_fused_names_the_reason_and_info_says_it(which, tmp_path):
    package, source, reason = BROKEN[which]
    (tmp_path / package).mkdir()
    (tmp_path / package / "__init__.py").write_text(source, encoding="utf-8")
    (tmp_path / f"{package}-1.0.dist-info").mkdir()
    (tmp_path / f"{package}-1.0.dist-info" / "METADATA").write_text(f"Name: {package}\nVersion: 1.0\n")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{CODE}"
    out = python(code, {"BATCHNORM_CACHE": str(tmp_path / "cache")})
    same, said, close, exit_code = json.loads(out.splitlines()[-1])
    assert (same, close, exit_code) == (True, True, 0)
    assert f"cannot be imported: {reason}" in said
    assert f"native route, for the CPU kernels need {package}, which " in out
