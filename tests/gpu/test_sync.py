"""Synchronized norms of tensors on a GPU: over gloo, where two processes share it, and over NCCL, of a GPU for each."""

import pytest
import torch
import torch.distributed as dist

import batchnorm.nn as bn

from ..functional.batch_norm_cases import errors
from ..functional.sync.cases import computed, put_together, wanted
from ..functional.sync.processes import ROOT, ask

SHAPE, SHARDS = (7, 3, 4, 5), [(5, 2), (7, 0)]
CASES = [
    (shards, SHAPE, route, dtype)
    for shards in SHARDS
    for route in ("auto", "composed", "native")
    for dtype in (torch.float32, torch.float64)
]
BACKENDS = ["gloo", *(["nccl"] if torch.cuda.device_count() > 1 else [])]


def there(rank, size, shards, shape, route, dtype):
    return computed(rank, size, shards, shape, route, dtype, device="cuda")


@pytest.mark.parametrize("backend", BACKENDS)
def test_two_processes_give_what_the_whole_batch_gives(gpu, backend, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(ROOT)  # where the new processes find this module
    answers = ask(2, tmp_path, [(case, there, *case) for case in CASES], backend=backend)
    for case in CASES:
        found = errors(put_together([one[case] for one in answers]), wanted(*case[1:]))
        bound = 1e-5 if case[-1] is torch.float32 else 1e-11
        assert {name: error for name, error in found.items() if not error < bound} == {}, case


def test_nccl_in_one_process_is_a_plain_norm(gpu, tmp_path):
    dist.init_process_group("nccl", init_method=f"file://{tmp_path}/meeting", rank=0, world_size=1)
    try:
        x = torch.randn(SHAPE, device=gpu)
        torch.testing.assert_close(bn.SyncBatchNorm(3).to(gpu)(x), bn.BatchNorm2d(3).to(gpu)(x))
    finally:
        dist.destroy_process_group()
