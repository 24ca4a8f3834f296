"""Is a copy that is made inside a block an ordinary model?"""

import copy
import io
import pickle
import warnings

import pytest
import torch
from torch.optim.swa_utils import AveragedModel
from torch.utils.checkpoint import checkpoint

from batchnorm.statistics import checkpoint_safe

from .nets import CONTEXTS, NORMS, images, net, same, state, traces


def unpickled(model):
    return pickle.loads(pickle.dumps(model))  # noqa: S301  # our own


def saved(model):
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


WAYS = {"deepcopy": copy.deepcopy, "pickle": unpickled, "save": saved}


@pytest.fixture(params=["torch", "ours"])
def model(request):
    return net(request.param)


@pytest.fixture(params=[name for name in CONTEXTS if name != "batch"])
def context(request):
    return CONTEXTS[request.param]


@pytest.fixture(params=WAYS)
def made(request):
    return WAYS[request.param]


def test_a_copy_moves_its_statistics_inside_the_block(model, context, made):
    right = copy.deepcopy(model)
    with context(model):
        copied = made(model)
        for seed in range(3):
            assert torch.equal(copied(images(seed)), right(images(seed)))
    assert same(copied, state(right))


def test_a_copy_evaluates_by_its_running_statistics(model, context, made):
    right = copy.deepcopy(model).eval()
    with context(model):
        copied = made(model).eval()
    assert torch.equal(copied(images()), right(images()))


def test_a_copy_of_a_model_that_has_run_in_the_block_is_ordinary(model, context, made):
    with context(model):
        model(images())
        copied = made(model)
        right = net("torch" if type(model[1]) is torch.nn.BatchNorm2d else "ours")
        right.load_state_dict(model.state_dict())
    copied(images(1)), right(images(1))
    assert same(copied, state(right))


def test_a_copy_has_no_part_in_the_models_window(model, made):
    right = copy.deepcopy(model)
    with CONTEXTS["accumulate"](model):
        model(images())
        made(model)(images(5))
        model(images(1))
    with CONTEXTS["accumulate"](right):
        right(images())
        right(images(1))
    assert same(model, state(right))


def test_the_model_is_still_in_the_block_when_it_has_been_copied(model, context, made):
    twin = copy.deepcopy(model)
    with context(model):
        made(model)
        model(images())
        model(images(1))
    with context(twin):
        twin(images())
        twin(images(1))
    assert same(model, state(twin))


def test_a_copy_may_have_blocks_of_its_own(model, context, made):
    with context(model):
        copied = made(model)
        before = state(copied)
        with CONTEXTS["no update"](copied):
            copied(images())
        assert same(copied, before)
        copied(images())
    assert not same(copied, before)


def test_a_copy_has_nothing_of_the_block(model, context, made):
    fresh = made(model)
    with context(model):
        model(images())
        copied = made(model)
        again = made(copied)
    assert [one[1:3] for one in traces(copied)] == [one[1:3] for one in traces(fresh)]
    assert [one[1:3] for one in traces(again)] == [one[1:3] for one in traces(fresh)]


def test_a_pickle_of_torchs_layers_names_no_code_of_this_package(context):
    model = net("torch")
    with context(model):
        model(images())
        assert b"batchnorm.norms" not in pickle.dumps(model)
        assert b"batchnorm.statistics" not in pickle.dumps(model)


def test_a_copy_can_be_scripted(context):
    model = net("torch")
    with context(model), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is deprecated
        scripted = torch.jit.script(copy.deepcopy(model))
    assert torch.equal(scripted.eval()(images()), net("torch").eval()(images()))


def test_a_copy_keeps_what_lasts(context, made):
    """`checkpoint_safe` is a state of the model, and the block is not."""
    model = net("torch")
    checkpoint_safe(model)
    with context(model):
        copied = made(model)
    for one in (copied, made(copied), model):
        before = one[1].num_batches_tracked.item()
        checkpoint(one, images().requires_grad_(), use_reentrant=False).sum().backward()
        assert one[1].num_batches_tracked == before + 1


def test_the_keys_of_a_state_dict_are_the_same_inside(model, context):
    keys = list(model.state_dict())
    with context(model):
        assert list(model.state_dict()) == keys


def test_an_average_of_weights_that_begins_inside_is_an_ordinary_model(model, context):
    with context(model):
        average = AveragedModel(model)
        model(images())
    average.update_parameters(model)
    before = state(average)
    average.module.train()(images())
    assert not same(average, before)


@pytest.mark.parametrize("norm", NORMS)
def test_a_shallow_copy_does_not_break_the_block(norm, context):
    model = net(norm)
    before = traces(model)
    with context(model):
        copy.copy(model)(images())
    assert traces(model) == before
