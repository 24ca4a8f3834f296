"""Our verbs bring no compiler into the process: its import takes a second, and keeps a process group alive for good."""

import subprocess
import sys

import pytest

SETUP = """
import sys
import torch, batchnorm
from torch import nn
torch.manual_seed(0)
net = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4))
x = torch.randn(4, 3, 8, 8)
"""

GROUP = """
import os
import torch.distributed as dist
def names():
    return [open(f"/proc/self/task/{task}/comm").read() for task in os.listdir("/proc/self/task")]
dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
"""

DESTROYED = """
assert any("gloo" in name for name in names())
dist.destroy_process_group()
print({verb!r}, any("gloo" in name for name in names()))
"""

LOADED = """
print({verb!r}, "torch._dynamo" in sys.modules)
"""

VERBS = {
    "average": "batchnorm.recalibrate(net, [x])",
    "exact": "batchnorm.recalibrate(net, [x], method='exact')",
    "trace": "batchnorm.wiring.trace(net, x)",
    "fold": "batchnorm.fold(net.eval(), x, materialize=True)",
    "unfold": "batchnorm.fold(net.eval(), x); batchnorm.unfold(net)",
    "ours": "batchnorm.recalibrate(batchnorm.models.ConvBNNet(), [torch.rand(4, 1, 28, 28)], method='exact')",
}
TOGETHER = ["average", "exact", "fold"]


def said_of(parts: list[str]) -> dict[str, str]:
    """Run the parts one after the other in one fresh interpreter, and give what it says of each verb."""
    command = [sys.executable, "-c", "\n".join(parts)]
    said = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert said.returncode == 0, said.stderr
    return dict(line.split() for line in said.stdout.splitlines())


@pytest.fixture(scope="module")
def compiler_there() -> dict[str, str]:
    return said_of([SETUP + code + LOADED.format(verb=verb) for verb, code in VERBS.items()])


@pytest.fixture(scope="module")
def gloo_there() -> dict[str, str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GLOO_SOCKET_IFNAME", "lo")
        return said_of([SETUP + GROUP + VERBS[verb] + DESTROYED.format(verb=verb) for verb in TOGETHER])


@pytest.mark.parametrize("verb", VERBS)
def test_no_verb_imports_the_compiler(verb, compiler_there):
    assert compiler_there[verb] == "False"


@pytest.mark.skipif(sys.platform != "linux", reason="reads the names of threads from /proc")
@pytest.mark.parametrize("verb", TOGETHER)
def test_the_threads_of_a_process_group_end_when_it_is_destroyed(verb, gloo_there):
    """A thread of gloo that is still at work when Python ends aborts the process."""
    assert gloo_there[verb] == "False"
