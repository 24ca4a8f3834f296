"""Is the face of a tensor's kernels that of its device, or refused with the condition that fails?"""

import pytest
import torch

from batchnorm.kernels import Affine, UnusableKernelsError, cpu, for_tensor, gpu, why_none

TAKEN = {
    "(N, C)": torch.ones(4, 3),
    "channels_last": torch.ones(2, 3, 4, 5, dtype=torch.float64).contiguous(memory_format=torch.channels_last),
    "bfloat16": torch.ones(2, 3, 4, dtype=torch.bfloat16),
    "without values": torch.ones(0, 3, 4),
}
REFUSED = {
    r"needs x of float32, float64 or bfloat16, got torch\.float16": torch.ones(2, 3, dtype=torch.float16),
    r"needs x contiguous or channels_last, got strides \(60, 20, 5, 2\)": torch.ones(2, 3, 4, 5)[..., ::2],
    r"needs x contiguous or channels_last, got strides \(1,\)": torch.ones(3),
    "needs x on the CPU or on a GPU of CUDA or ROCm, got it on meta": torch.ones(2, 3, device="meta"),
}


@pytest.mark.parametrize("x", TAKEN.values(), ids=TAKEN)
def test_a_tensor_on_the_cpu_has_the_cpus_kernels(x):
    kernels = for_tensor(x)
    assert kernels is cpu
    assert torch.equal(kernels.apply(x, Affine()).y, x)


@pytest.mark.parametrize("reason", REFUSED)
def test_the_condition_that_fails_is_named(reason):
    with pytest.raises(UnusableKernelsError, match=f"^no kernel takes x: it {reason}"):
        for_tensor(REFUSED[reason])


def test_a_numba_that_is_missing_is_named(monkeypatch):
    monkeypatch.setattr("batchnorm.kernels.cpu._compiler.why_unavailable", lambda: "numba, which is not installed")
    assert why_none(torch.ones(2, 3)) == "needs numba, which is not installed"


def test_the_gpus_face_refuses_what_lies_elsewhere():
    assert gpu.why_not(torch.ones(2, 3)) == "needs x on a GPU of CUDA or ROCm, got it on cpu"


@pytest.mark.parametrize("face", [cpu, gpu], ids=["cpu", "gpu"])
def test_the_faces_have_the_same_functions(face):
    assert all(callable(getattr(face, name)) for name in ("why_not", "moments", "apply", "sums", "apply_back"))
    assert "identity" in face.ACTIVATIONS
