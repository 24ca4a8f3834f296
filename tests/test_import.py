"""What does `import batchnorm` bring along? Not more than torch does, and nothing heavy."""

import os
import subprocess
import sys
from functools import cache

import pytest

HEAVY = {
    "numba",
    "rich",
    "matplotlib",
    "scipy",
    "plotly",
    "ray",
    "torchmetrics",
    "PIL",
    "tyro",
    "triton",
    "setuptools",
}


COMPILERS = {"torch._dynamo", "torch._inductor", "torch.onnx._internal"}
"""Parts of torch that `import torch` leaves for later, and that take seconds."""


@cache
def loaded_after(statement):
    """The names of all modules that a fresh interpreter has loaded after a statement."""
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return frozenset(done.stdout.split())


def modules_after(statement):
    """Those at the top level."""
    return {name.split(".")[0] for name in loaded_after(statement)}


@pytest.fixture(scope="module")
def torchs():
    return modules_after("import torch")


@pytest.mark.parametrize(
    "statement",
    [
        "import batchnorm",
        "import batchnorm.functional, batchnorm.nn",
        "import batchnorm.models, batchnorm.training",
        "import batchnorm.statistics, batchnorm.surgery, batchnorm.wiring, batchnorm.bench",
        "from batchnorm import *",
    ],
)
def test_importing_loads_nothing_heavy_that_torch_does_not(statement, torchs):
    assert (modules_after(statement) - torchs) & HEAVY == set()


def test_a_star_leaves_the_compilers_of_torch_for_later():
    assert loaded_after("from batchnorm import *") & COMPILERS == set()


def test_training_opens_the_rooms_of_folding_only_when_a_net_is_folded():
    """They are a large part of it; with them the collector goes over all of torch in between, which takes longer."""
    assert "batchnorm.surgery" not in loaded_after("import batchnorm.models, batchnorm.training")


def test_the_layers_bring_nothing_but_themselves_and_the_standard_library(torchs):
    extra = modules_after("import batchnorm.functional, batchnorm.nn") - torchs
    assert extra - set(sys.stdlib_module_names) <= {"batchnorm"}


@pytest.mark.slow
def test_importing_every_room_costs_at_most_0_3_seconds_over_torch(tmp_path):
    """A limit that the project states, not a benchmark: the least of five, for what else a machine does only adds.

    An installed library has its bytecode beside it. The first interpreter compiles it, even where the environment
    says that none be written, and is not counted.
    """
    code = (
        "import torch, time; start = time.perf_counter(); "
        "import batchnorm.data, batchnorm.models, batchnorm.statistics, batchnorm.training; "
        "print(time.perf_counter() - start)"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(tmp_path)
    command = [sys.executable, "-c", code]
    runs = [subprocess.run(command, capture_output=True, text=True, check=True, env=environment) for _ in range(6)]
    assert min(float(done.stdout) for done in runs[1:]) <= 0.3
