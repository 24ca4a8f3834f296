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
store = dist.HashStore()
dist.init_process_group("gloo", store=store, rank=0, world_size=1)
"""

DESTROYED = """
def names():
    return [open(f"/proc/self/task/{task}/comm").read() for task in os.listdir("/proc/self/task")]
assert any("gloo" in name for name in names())
dist.destroy_process_group()
assert not any("gloo" in name for name in names()), names()
"""

VERBS = {
    "average": "batchnorm.recalibrate(net, [x])",
    "exact": "batchnorm.recalibrate(net, [x], method='exact')",
    "trace": "batchnorm.wiring.trace(net, x)",
    "fold": "batchnorm.fold(net.eval(), x, materialize=True)",
    "unfold": "batchnorm.fold(net.eval(), x); batchnorm.unfold(net)",
    "ours": "batchnorm.recalibrate(batchnorm.models.ConvBNNet(), [torch.rand(4, 1, 28, 28)], method='exact')",
}


def run(code):
    said = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=120)
    assert said.returncode == 0, said.stderr


@pytest.mark.parametrize("verb", VERBS)
def test_no_verb_imports_the_compiler(verb):
    run(SETUP + VERBS[verb] + "\nassert 'torch._dynamo' not in sys.modules")


@pytest.mark.skipif(sys.platform != "linux", reason="reads the names of threads from /proc")
@pytest.mark.parametrize("verb", ["average", "exact", "fold"])
def test_the_threads_of_a_process_group_end_when_it_is_destroyed(verb, monkeypatch):
    """A thread of gloo that is still at work when Python ends aborts the process."""
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")
    run(SETUP + GROUP + VERBS[verb] + DESTROYED)
