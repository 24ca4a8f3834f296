"""The GPU's kernel for moments, where there is no GPU: in Triton's interpreter. tests/gpu has it on one."""

import os
import platform
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from batchnorm.functional import exact_moments
from batchnorm.kernels import UnusableKernelsError, gpu
from batchnorm.kernels.gpu import _moments

TRITON = Path(sys.prefix) / "triton"
has_triton = pytest.mark.skipif(
    (platform.system(), platform.machine()) != ("Linux", "x86_64"), reason="Triton has no build for this machine"
)
LAYOUTS = {
    "contiguous": lambda x: x.contiguous(),
    "channels_last": lambda x: x.movedim(1, -1).contiguous().movedim(-1, 1),
    "slice of channels": lambda x: torch.cat([x, x, x], 1)[:, x.shape[1] : 2 * x.shape[1]],
    "slice of the batch": lambda x: torch.stack([x, x], 1)[:, 1],
}
SHAPES = [(8, 3), (8, 13, 5), (2, 3, 4, 3, 2), (1, 5, 40, 40), (300, 7), (64, 1), (1, 1), (3, 70, 3, 3)]
DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16]
PROCESSORS = 5


def draw(shape, layout, dtype):
    mean = 10_000 if dtype in (torch.float32, torch.float64) else 0
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + mean
    return LAYOUTS[layout](x.to(dtype))


CASES = {
    str(case): case
    for case in (*product(SHAPES, LAYOUTS, DTYPES[:1]), *product(SHAPES[::3], [*LAYOUTS][:2], DTYPES[1:]))
}
HARD = {
    "constant": torch.full((7, 3, 4, 4), 0.1),
    "NaN": torch.ones(7, 3, 4, 4).index_put(
        (torch.tensor(2), torch.tensor(1), torch.tensor(3), torch.tensor(3)), torch.tensor(torch.nan)
    ),
    "infinite": torch.ones(7, 3).index_put((torch.tensor(0), torch.tensor(1)), torch.tensor(torch.inf)),
    "an outlier first": torch.cat(
        [torch.full((1, 2), 1e6), torch.randn(999, 2, generator=torch.Generator().manual_seed(0))]
    ),
}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """The moments of all tensors."""
    folder = tmp_path_factory.mktemp("interpreted")
    torch.save({**{name: draw(*case) for name, case in CASES.items()}, **HARD}, folder / "given.pt")
    command = [sys.executable, Path(__file__).parent / "interpreted.py", folder / "given.pt", folder / "found.pt"]
    environment = {**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": str(TRITON), "OMP_NUM_THREADS": "1"}
    subprocess.run([*command, str(PROCESSORS)], check=True, env=environment)
    return torch.load(folder / "found.pt")


def oracle(x):
    values, axes = x.double().numpy(), tuple(axis for axis in range(x.dim()) if axis != 1)
    return values.mean(axes), values.var(axes)


@has_triton
@pytest.mark.parametrize("case", CASES)
def test_moments_are_those_of_float64(found, case):
    (mean, var), (expected_mean, expected_var) = found[case], oracle(draw(*CASES[case]))
    assert (mean.dtype, var.dtype) == (torch.float64, torch.float64)
    np.testing.assert_allclose(mean, expected_mean, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(var, expected_var, rtol=1e-8, atol=1e-13)


@has_triton
def test_a_constant_channel_has_a_variance_of_nothing(found):
    mean, var = found["constant"]
    assert var.tolist() == [0.0] * 3
    assert mean.tolist() == [torch.tensor(0.1).item()] * 3


@has_triton
@pytest.mark.parametrize("case", ["NaN", "infinite"])
def test_a_value_that_is_not_finite_makes_its_channel_not_finite_and_no_other(found, case):
    mean, var = found[case]
    assert mean.isfinite().tolist() == var.isfinite().tolist() == [True, False, True]


@has_triton
def test_a_first_value_far_from_all_others_costs_few_digits(found):
    (mean, var), (expected_mean, expected_var) = found["an outlier first"], oracle(HARD["an outlier first"])
    np.testing.assert_allclose(mean, expected_mean, rtol=1e-12)
    np.testing.assert_allclose(var, expected_var, rtol=1e-10)


REFUSED = {
    "of integers": torch.ones(2, 3, dtype=torch.long),
    "complex": torch.ones(2, 3, dtype=torch.complex64),
    "without channels": torch.ones(3),
    "without values": torch.ones(0, 3),
    "a subclass": torch.nn.Parameter(torch.ones(2, 3)),
    "negated in passing": torch.ones(2, 3, dtype=torch.complex64).conj().imag,
    "with axes that lie apart": torch.ones(2, 2, 4, 8)[..., :3],
    "too large": torch.ones(1, 1).expand(2**16, 2**15),
}


@pytest.mark.parametrize("x", REFUSED.values(), ids=REFUSED)
def test_a_tensor_that_is_none_for_the_kernel_is_refused(x):
    assert not _moments.fits(x)


@pytest.mark.parametrize("case", CASES)
def test_a_tensor_that_is_one_for_the_kernel_is_taken_if_it_lies_on_a_gpu(case):
    x = draw(*CASES[case])
    assert _moments.fits(x)
    assert not gpu.takes(x)


@settings(derandomize=True, deadline=None)
@given(count=st.integers(1, _moments.LARGEST), together=st.sampled_from([1, 2, 64]), most=st.integers(1, 2000))
@example(count=_moments.LARGEST, together=1, most=1056)
def test_the_parts_are_whole_tiles_that_cover_all_values_once(count, together, most):
    tile = _moments.TILE // together
    parts, share = _moments.cut(count, tile, most)
    assert share % tile == 0
    assert (parts - 1) * share < count <= parts * share
    assert parts <= most
    assert (parts - 1) * share + tile < 2**31  # where the last part begins: numbers of the kernel have 32 bits


def test_axes_that_lie_apart_are_named():
    with pytest.raises(ValueError, match=r"moments: expected x with spatial axes that lie .*, got strides \(64,.*Make"):
        gpu.exact_moments(REFUSED["with axes that lie apart"])


@pytest.fixture
def without_triton(monkeypatch):
    monkeypatch.setattr(_moments, "_WORKED", [])
    monkeypatch.setattr(_moments, "_processors", lambda device: 1)
    monkeypatch.setitem(sys.modules, "batchnorm.kernels.gpu._sums", None)  # an import that raises
    monkeypatch.setattr(_moments, "_installed", lambda: True)


@pytest.mark.usefixtures("without_triton")
def test_without_a_compiler_the_moments_are_taken_another_way_and_it_is_said(monkeypatch):
    x = torch.randn(5, 3, 4)
    monkeypatch.setattr(gpu, "takes", _moments.fits)  # as if it lay on a GPU
    with pytest.warns(
        UserWarning, match="Triton cannot compile here .*; moments on a GPU are read by torch's operators"
    ):
        found = exact_moments(x)
    np.testing.assert_allclose(found.var, oracle(x)[1], rtol=1e-12)


@pytest.mark.usefixtures("without_triton")
def test_that_triton_cannot_compile_is_known_from_then_on():
    x = torch.ones(2, 3)
    assert _moments.usable()
    with pytest.warns(UserWarning, match="Triton"), pytest.raises(UnusableKernelsError, match="Triton cannot compile"):
        gpu.exact_moments(x)
    assert not _moments.usable()


@pytest.mark.usefixtures("without_triton")
def test_what_is_raised_after_it_has_compiled_is_not_hidden(monkeypatch):
    monkeypatch.setattr(_moments, "_WORKED", [True])
    with pytest.raises(ImportError, match="_sums"):
        gpu.exact_moments(torch.ones(2, 3))
    assert _moments.usable()
