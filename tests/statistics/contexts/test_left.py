"""Does a block leave anything behind, however it is left?"""

from functools import partial

import pytest
import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_pre_hook

from .nets import CONTEXTS, NORMS, images, net, same, state, traces


@pytest.fixture(params=CONTEXTS)
def context(request):
    return CONTEXTS[request.param]


@pytest.fixture(params=NORMS)
def model(request):
    return net(request.param)


class StopError(Exception):
    """Raised by a test."""


def moves_as_ever(model: nn.Module) -> bool:
    """Whether the next batches do to the model what they do to one that was never in a block."""
    plain = net_like(model)
    for seed in (7, 8):
        expected, found = plain(images(seed)), model(images(seed))
        assert torch.equal(expected, found)
    return same(model, state(plain))


def net_like(model: nn.Module) -> nn.Module:
    plain = net(next(name for name, make in NORMS.items() if repr(net(name)) == repr(model)))
    plain.load_state_dict(model.state_dict())
    return plain.train(model.training)


@pytest.mark.parametrize("mode", [True, False], ids=["train", "eval"])
def test_a_block_in_which_nothing_runs_leaves_nothing(model, context, mode):
    model.train(mode)
    before, tensors = traces(model), state(model)
    with context(model):
        pass
    assert traces(model) == before
    assert same(model, tensors)


@pytest.mark.parametrize("mode", [True, False], ids=["train", "eval"])
def test_only_numbers_are_left_of_a_block(model, context, mode):
    model.train(mode)
    before = traces(model)
    with context(model):
        model(images()).sum().backward()
        model(images(1))
    for parameter in model.parameters():
        parameter.grad = None
    assert traces(model) == before
    assert moves_as_ever(model)


@pytest.mark.parametrize("error", [StopError, KeyboardInterrupt, GeneratorExit])
def test_an_exception_leaves_nothing_but_it(model, context, error):
    before = traces(model)

    def block():
        with context(model):
            model(images())
            raise error("midway")

    with pytest.raises(error, match="midway"):
        block()
    assert traces(model) == before
    assert moves_as_ever(model)


def test_a_forward_that_fails_inside_leaves_nothing(model, context):
    before, tensors = traces(model), state(model)
    with pytest.raises(RuntimeError, match="channels"), context(model):
        model(torch.zeros(2, 3, 6, 6))
    assert traces(model) == before
    assert same(model, tensors)


def test_a_forward_that_fails_behind_a_norm_leaves_the_block_in_force(model, context):
    def fail(*_):
        raise StopError("behind")

    expected = net_like(model)
    with context(expected):
        expected(images(1))
    handle = model[2].register_forward_hook(fail)
    with context(model):
        fresh = state(model)
        with pytest.raises(StopError, match="behind"):
            model(images())
        handle.remove()
        model.load_state_dict(fresh)
        model(images(1))
    assert torch.equal(model[4].running_mean, expected[4].running_mean)
    assert torch.equal(model[4].num_batches_tracked, expected[4].num_batches_tracked)


def test_a_norm_that_fails_inside_is_in_no_middle_of_a_call(model, context):
    """One value per channel is refused in training, after hooks and copies were prepared."""
    before, tensors = traces(model), state(model)
    with pytest.raises(ValueError, match="more than 1 value"), context(model):
        model[1](torch.zeros(1, 3, 1, 1))
    if context is not CONTEXTS["blend"]:
        assert same(model, tensors)
    assert traces(model) == before
    assert moves_as_ever(model)


@pytest.mark.parametrize("one", CONTEXTS)
@pytest.mark.parametrize("two", CONTEXTS)
@pytest.mark.parametrize("norm", ["torch", "ours"])
def test_blocks_in_each_other_leave_nothing(norm, one, two):
    model = net(norm)
    before = traces(model)
    with CONTEXTS[one](model):
        model(images())
        with CONTEXTS[two](model):
            model(images(1))
        model(images(2))
    assert traces(model) == before
    assert moves_as_ever(model)


@pytest.mark.parametrize("one", [name for name in CONTEXTS if name != "batch"])
@pytest.mark.parametrize("two", [name for name in CONTEXTS if name != "batch"])
@pytest.mark.parametrize("norm", ["torch", "ours"])
def test_blocks_may_end_in_the_order_in_which_they_began(norm, one, two):
    model = net(norm)
    before = traces(model)
    first, second = CONTEXTS[one](model), CONTEXTS[two](model)
    first.__enter__()
    model(images())
    second.__enter__()
    model(images(1))
    first.__exit__(None, None, None)
    model(images(2))
    second.__exit__(None, None, None)
    assert traces(model) == before
    assert moves_as_ever(model)


def test_the_one_that_is_left_is_in_force_alone():
    model = net()
    never, guard = CONTEXTS["no update"](model), CONTEXTS["skip"](model)
    never.__enter__()
    guard.__enter__()
    never.__exit__(None, None, None)
    expected = net()
    model(images()), expected(images())
    assert same(model, state(expected))
    tensors = state(model)
    model(images() / 0)
    assert same(model, tensors)
    guard.__exit__(None, None, None)


def test_a_generator_that_is_dropped_in_a_block_leaves_the_block(context):
    model = net()
    before = traces(model)

    def steps():
        with context(model):
            while True:
                yield model(images())

    running = steps()
    next(running)
    running.close()
    assert traces(model) == before


@pytest.mark.parametrize("norm", ["torch", "ours"])
def test_a_graph_from_before_the_block_can_be_differentiated_behind_it(norm, context):
    """Two forwards and one backward: nothing that the first graph keeps may be written to in place."""
    model, plain = net(norm), net(norm)
    (plain(images()).square().sum() + plain(images(1)).square().sum()).backward()
    loss = model(images()).square().sum()
    with context(model):
        second = model(images(1)).square().sum()
    model(images(2))
    (loss + second).backward()
    if context is not CONTEXTS["batch"]:  # whose block is in evaluation, but for the norms
        for p, q in zip(model.parameters(), plain.parameters(), strict=True):
            torch.testing.assert_close(p.grad, q.grad)


@pytest.mark.parametrize("norm", ["torch", "ours"])
def test_ctrl_c_in_the_middle_of_a_norm_leaves_nothing(norm, context):
    """torch calls no hook where what is raised is no `Exception`."""
    model, plain = net(norm), net(norm)
    before, tensors = traces(model), state(model)

    def interrupted(x, *args, **options):
        type(model[4]).forward(model[4], x, *args, **options)
        raise KeyboardInterrupt("in the norm")

    def block():
        with context(model):
            model[4].forward = interrupted
            model(images())

    with pytest.raises(KeyboardInterrupt, match="in the norm"):
        block()
    del model[4].forward
    assert traces(model) == before
    if context not in (CONTEXTS["skip"], CONTEXTS["blend"]):
        assert same(model[4], {key.removeprefix("4."): tensors[key] for key in tensors if key.startswith("4.")})
    model.load_state_dict(tensors)
    model(images(1)), plain(images(1))
    assert same(model, state(plain))


@pytest.mark.parametrize("norm", ["torch", "ours"])
def test_a_block_goes_on_behind_a_ctrl_c_that_somebody_has_caught(norm):
    model, plain = net(norm), net(norm)

    def interrupted(*_):
        raise KeyboardInterrupt("in the norm")

    def skip_one(model, context):
        with context(model):
            model(images())
            if model is not plain:
                model[1].forward = interrupted
                with pytest.raises(KeyboardInterrupt, match="in the norm"):
                    model(images(5))
                del model[1].forward
            model(images(1))

    for one in (model, plain):
        skip_one(one, CONTEXTS["skip"])
    assert same(model, state(plain))


class Twice(nn.Module):
    """One norm, called on both halves of a batch; how often, a window has to know from the whole forward."""

    def __init__(self, norm):
        super().__init__()
        self.norm = NORMS[norm](1, momentum=1.0)

    def forward(self, x, deeper=0):
        halves = [self.norm(half) for half in x.chunk(2)]
        return self(torch.cat(halves), deeper - 1) if deeper else torch.cat(halves)


def leave(model, error, where):
    """A forward that is left by an error: in the norm, or in a hook of somebody's before the model or before all."""

    def raising(*_):
        raise error("left")

    if where == "norm":
        model.norm.forward = raising
        undo = partial(delattr, model.norm, "forward")
    else:
        register = model.register_forward_pre_hook if where == "hook" else register_module_forward_pre_hook
        undo = register(raising).remove
    with pytest.raises(error, match="left"):
        model(images())
    undo()


@pytest.mark.parametrize("where", ["norm", "hook", "hook of all"])
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("norm", ["torch", "ours"])
def test_a_window_counts_whole_forwards_behind_one_that_was_left(norm, error, where):
    model = Twice(norm)
    with CONTEXTS["accumulate"](model):
        leave(model, error, where)
        for seed in range(4):
            model(images(seed))
        assert model.norm.num_batches_tracked == 2
    batches = torch.cat([images(2), images(3)]).double()
    torch.testing.assert_close(model.norm.running_mean.double(), batches.mean((0, 2, 3)), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(model.norm.running_var.double(), batches.var((0, 2, 3)), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("norm", ["torch", "ours"])
def test_a_forward_that_calls_its_own_model_is_one(norm):
    model = Twice(norm)
    with CONTEXTS["accumulate"](model):
        model(images(), deeper=2)
        model(images(1), deeper=2)
        assert model.norm.num_batches_tracked == 1
