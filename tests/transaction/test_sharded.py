"""A model whose weights lie elsewhere between calls is refused before anything is touched."""

import pytest
import torch
import torch.distributed as dist
from torch import nn

import batchnorm
from batchnorm.transaction import transaction


@pytest.fixture(scope="module")
def mesh(tmp_path_factory):
    """One process that is a group."""
    from torch.distributed.device_mesh import init_device_mesh

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GLOO_SOCKET_IFNAME", "lo")
        meeting = tmp_path_factory.mktemp("group") / "meeting"
        dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=0, world_size=1)
        yield init_device_mesh("cpu", (1,))
        dist.destroy_process_group()


def make():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).eval()


X = torch.linspace(-1, 1, 2 * 3 * 4 * 4).reshape(2, 3, 4, 4)
VERBS = {
    "trace": lambda model: batchnorm.trace(model, X),
    "fold": lambda model: batchnorm.fold(model, X),
    "recalibrate": lambda model: batchnorm.recalibrate(model, [X]),
    "unfold": batchnorm.unfold,
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("called", [True, False])
def test_fully_shard_is_refused_by_name_and_the_model_goes_on(mesh, verb, called):
    from torch.distributed.fsdp import fully_shard

    model, expected = make(), make()(X)
    fully_shard(model, mesh=mesh)
    if called:
        model(X)
    with pytest.raises(RuntimeError, match=r"got the model \(FSDPSequential\), whose weights are sharded by FSDP"):
        VERBS[verb](model)
    assert torch.equal(model(X), expected)


def test_a_sharded_part_is_named(mesh):
    from torch.distributed.fsdp import fully_shard

    model = make()
    fully_shard(model[0], mesh=mesh)
    with pytest.raises(RuntimeError, match=r"got 0 \(FSDPConv2d\), whose weights are sharded by FSDP \(fully_shard\)"):
        transaction(model).__enter__()


@pytest.mark.filterwarnings("ignore:FSDP is switching to use:UserWarning")
def test_the_older_wrapper_is_refused_by_name(mesh):
    from torch.distributed.fsdp import FullyShardedDataParallel

    model = FullyShardedDataParallel(make(), device_id=torch.device("cpu"), use_orig_params=True)
    with pytest.raises(RuntimeError, match=r"got the model \(FullyShardedDataParallel\), whose weights are sharded"):
        transaction(model).__enter__()


def test_distributed_tensors_are_refused_by_name(mesh):
    from torch.distributed.tensor import Replicate, distribute_tensor

    model = make()
    model[0].weight = nn.Parameter(distribute_tensor(model[0].weight.detach(), mesh, [Replicate()]))
    with pytest.raises(
        RuntimeError, match=r"got 0 \(Conv2d\), whose weights are distributed over processes \(DTensor\)"
    ):
        transaction(model).__enter__()


def test_placeholders_are_refused_by_name():
    model = make()
    model[0].weight = nn.Parameter(torch.empty(0))
    model[0].weight.ds_id = 0  # as DeepSpeed marks what it has partitioned
    with pytest.raises(RuntimeError, match=r"got 0 \(Conv2d\), whose weights are partitioned by DeepSpeed"):
        transaction(model).__enter__()
