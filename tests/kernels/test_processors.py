"""Do the tests of numbers pass on other processors than this one: with torch's code for each, and kernels for none?"""

from pathlib import Path

import pytest
import torch

from batchnorm.kernels import cpu

from .processes import python

pytestmark = pytest.mark.slow

CAPABILITIES = ["DEFAULT", "AVX2", "AVX512"]
"""Torch's code for a processor, from what all have to what few have; ATEN_CPU_CAPABILITY asks for less."""
TESTS = Path(__file__).parents[1]
KERNELS = ["kernels/test_not_finite.py", "kernels/test_corners.py", "kernels/test_hard_values.py"]
NUMBERS = [
    *(*KERNELS, "kernels/test_numbers.py", "kernels/test_derivatives.py"),
    *("functional/test_batch_norm_numbers.py", "functional/test_add_pool_numbers.py"),
    *("nn/test_layer_against_torch.py", "nn/test_layer_add_pool.py", "nn/test_scale_shift.py"),
]


def there_are():
    """What this processor has; of another architecture only that which it takes by itself."""
    known = torch.backends.cpu.get_cpu_capability()
    return CAPABILITIES[: CAPABILITIES.index(known) + 1] if known in CAPABILITIES else [known]


def passes(files, environment, claim):
    """Run the tests of files in a process of their own, about which the claim must be true."""
    options = ["-q", "-p", "no:cacheprovider", "--no-header", *(str(TESTS / name) for name in files)]
    code = f"import pytest\nassert {claim}\nsys.exit(pytest.main({options!r}))"
    python(code, {"OMP_NUM_THREADS": "1", **environment}, timeout=1200)


@pytest.mark.parametrize("capability", CAPABILITIES)
def test_the_numbers_are_right_beside_torchs_code_for_every_processor(capability):
    if capability not in there_are():
        pytest.skip(f"this processor has {', '.join(there_are())} alone")
    claim = f"torch.backends.cpu.get_cpu_capability() == {capability!r}"
    passes(NUMBERS, {"ATEN_CPU_CAPABILITY": capability.lower()}, claim)


def test_kernels_compiled_for_no_processor_in_particular_are_right():
    """They are kept in a folder of their own, for its name holds what Numba was asked for."""
    passes(KERNELS, {"NUMBA_CPU_NAME": "generic"}, f"str(cpu.folder()) != {str(cpu.folder())!r}")
