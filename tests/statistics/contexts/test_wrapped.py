"""Do the contexts work on wrapped and compiled models, and on parts?"""

import copy

import pytest
import torch
import torch.distributed as dist
import torch.distributed.nn  # imported later, it keeps the process group, whose threads may then abort the exit
from torch import nn
from torch.optim.swa_utils import AveragedModel

from .nets import CONTEXTS, images, net, same, state, traces

NAMES = [name for name in CONTEXTS if name != "batch"]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """A process group of this process."""
    folder = tmp_path_factory.mktemp("group")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GLOO_SOCKET_IFNAME", "lo")
        dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


WRAPPERS = {
    "data parallel": nn.DataParallel,
    "average": AveragedModel,
    "sequential": nn.Sequential,
    "distributed": nn.parallel.DistributedDataParallel,
}


@pytest.fixture(params=WRAPPERS)
def wrap(request):
    if request.param == "distributed":
        request.getfixturevalue("alone")
    return WRAPPERS[request.param]


def run(model, context, *, on=None):
    """Three forwards in a block on `on`, a bad one among them, and one behind it."""
    with context(model if on is None else on):
        for seed in range(3):
            model(images(seed)).square().sum().backward()
    model(images(9))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("norm", ["torch", "ours"])
def test_a_block_on_a_wrapper_is_one_on_the_model_in_it(wrap, name, norm):
    plain = net(norm)
    run(plain, CONTEXTS[name])
    model = net(norm)
    wrapper = wrap(model).train()
    inside = wrapper.module if hasattr(wrapper, "module") else wrapper[0]
    run(wrapper, CONTEXTS[name])
    assert same(inside, state(plain))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("norm", ["torch", "ours"])
def test_a_block_on_the_model_holds_where_its_wrapper_is_called(wrap, name, norm):
    plain = net(norm)
    run(plain, CONTEXTS[name])
    wrapper = wrap(net(norm)).train()
    inside = wrapper.module if hasattr(wrapper, "module") else wrapper[0]
    run(wrapper, CONTEXTS[name], on=inside)
    assert same(inside, state(plain))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("norm", ["torch", "ours"])
def test_a_block_on_a_wrapper_holds_where_the_model_in_it_is_called(wrap, name, norm):
    plain = net(norm)
    run(plain, CONTEXTS[name])
    wrapper = wrap(net(norm)).train()
    inside = wrapper.module if hasattr(wrapper, "module") else wrapper[0]
    run(inside, CONTEXTS[name], on=wrapper)
    assert same(inside, state(plain))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("norm", ["torch", "ours"])
def test_a_model_that_is_moved_inside_a_block_stays_in_it(name, norm):
    """`double()` puts other tensors in the place of the buffers."""
    plain, model = net(norm).double(), net(norm)
    with CONTEXTS[name](plain):
        plain(images().double()), plain(images(1).double())
    with CONTEXTS[name](model):
        model.double()
        model(images().double()), model(images(1).double())
    assert same(model, state(plain))


@pytest.mark.parametrize("name", NAMES)
def test_a_model_that_is_moved_in_the_middle_of_a_window(name):
    model = net()
    with CONTEXTS[name](model):
        model(images())
        model.double()(images(1).double())
    assert all(buffer.isfinite().all() for buffer in model.buffers())
    assert model[1].num_batches_tracked == {"no update": 0, "skip": 2, "accumulate": 1, "blend": 2}[name]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("norm", ["torch", "ours"])
def test_a_norm_that_two_models_share_is_in_the_blocks_of_both(name, norm):
    shared = net(norm)
    other = nn.Sequential(nn.Conv2d(1, 3, 3), shared[1])
    before = traces(shared)
    with CONTEXTS["no update"](other):
        with CONTEXTS[name](shared):
            tensors = state(shared[1])
            shared(images()), shared(images(1))
            assert same(shared[1], tensors)
        shared(images())
        assert same(shared[1], tensors)
    assert traces(shared) == before
    shared(images())
    assert not same(shared[1], tensors)


@pytest.mark.parametrize("name", NAMES)
def test_a_block_on_a_part_leaves_the_others(name):
    model, plain = net(), net()
    with CONTEXTS[name](model[:3]):
        model(images())
    plain(images())
    assert same(model[4], state(plain[4]))


def test_a_module_that_holds_a_norm_twice_asks_once():
    norm = nn.BatchNorm2d(1, momentum=1.0)
    model = nn.Sequential(norm, norm)
    with CONTEXTS["accumulate"](model):
        model(images())
        assert norm.num_batches_tracked == 0
        model(images(1))
        assert norm.num_batches_tracked == 1


def test_norms_that_share_their_buffers_move_once_a_window():
    one, two = nn.BatchNorm2d(1, momentum=1.0), nn.BatchNorm2d(1, momentum=1.0)
    for name in ("running_mean", "running_var", "num_batches_tracked"):
        setattr(two, name, getattr(one, name))

    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = one, two

        def forward(self, x, y):
            return self.one(x), self.two(y)

    model, right = Both(), nn.BatchNorm2d(1, momentum=1.0)
    with CONTEXTS["accumulate"](model):
        model(images(), images(1))
        model(images(2), images(3))
    right(torch.cat([images(seed) for seed in range(4)]))
    assert one.num_batches_tracked == 1
    torch.testing.assert_close(one.running_mean, right.running_mean)
    torch.testing.assert_close(one.running_var, right.running_var)


@pytest.mark.parametrize("name", NAMES)
def test_a_synchronized_norm_without_processes_is_torchs(name):
    """On a CPU it evaluates, and is refused by torch in training; in both it is in the block."""
    model = nn.SyncBatchNorm(1)
    plain = copy.deepcopy(model)
    before, tensors = traces(model), state(model)
    with CONTEXTS[name](model), pytest.raises(ValueError, match="SyncBatchNorm"):
        model(images())
    assert traces(model) == before
    if name != "blend":
        assert same(model, tensors)
    with CONTEXTS[name](model.eval()):
        found = model(images())
    if name != "blend":
        assert torch.equal(found, plain.eval()(images()))
    else:
        assert not torch.equal(found, plain.eval()(images()))
