"""Activation checkpointing: the backward runs parts of the forward again, and the statistics must move once."""

import copy
from contextlib import nullcontext
from functools import cache, partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.checkpoint import (
    CheckpointPolicy,
    checkpoint,
    checkpoint_sequential,
    create_selective_checkpoint_contexts,
    set_checkpoint_early_stop,
)

from batchnorm.statistics import accumulate_statistics, checkpoint_safe, no_statistics_update, skip_nonfinite

from .nets import Kind
from .oracle import distance, expected, norms, state_of, together

STEPS = 3


def whole(model: nn.Sequential, x: Tensor, reentrant: bool) -> Tensor:
    return checkpoint(model, x, use_reentrant=reentrant)


def parts(model: nn.Sequential, x: Tensor, reentrant: bool) -> Tensor:
    """Each part ends with a norm or its ReLU, where the non-reentrant variant breaks the second run off."""
    for start, end in [(0, 2), (2, 5), (5, 8)]:
        x = checkpoint(model[start:end], x, use_reentrant=reentrant)
    return x


def nested(model: nn.Sequential, x: Tensor, reentrant: bool) -> Tensor:
    """The first norm is run three times: in the forward, in the outer second run, and in the inner one."""

    def outer(x):
        return model[3:6](checkpoint(model[:3], x, use_reentrant=reentrant))

    return model[6:](checkpoint(outer, x, use_reentrant=reentrant))


def sequential(model: nn.Sequential, x: Tensor, reentrant: bool) -> Tensor:
    return checkpoint_sequential(model, 3, x, use_reentrant=reentrant)


FORWARDS = {forward.__name__: forward for forward in (whole, parts, nested, sequential)}


@pytest.fixture(params=FORWARDS)
def forward(request):
    return FORWARDS[request.param]


@pytest.fixture(params=[True, False], ids=["reentrant", "non-reentrant"])
def reentrant(request):
    return request.param


def plain(model: nn.Sequential, x: Tensor, reentrant: bool) -> Tensor:  # as the others
    return model(x)


def train(model: nn.Module, batches, forward=plain, reentrant: bool = False) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, labels in batches:
        optimizer.zero_grad()
        cross_entropy(forward(model, x.clone().requires_grad_(), reentrant), labels).backward()
        optimizer.step()


class Cloning(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return self.net(x.clone()).clone()


def selective(model: nn.Module, x: Tensor, reentrant: bool) -> Tensor:
    """Of every clone, the first run's is kept."""
    kept = [torch.ops.aten.clone.default]
    return checkpoint(model, x, use_reentrant=reentrant, context_fn=partial(create_selective_checkpoint_contexts, kept))


def made_safe(kind):
    model = kind.classifier()
    if kind.name in ("torch", "timm"):
        checkpoint_safe(model)
    return model


@cache
def run(kind, forward, reentrant, *, safe=True):
    """The trained model, and its twin, which is never checkpointed."""
    model = made_safe(kind) if safe else kind.classifier()
    twin, batches = kind.twin(model), kind.batches(STEPS)
    train(twin, batches)
    train(model, batches, forward, reentrant)
    return model, twin


def test_the_statistics_move_once_a_step(kind, forward, reentrant):
    model, twin = run(kind, forward, reentrant)
    assert distance(model, expected(twin, list)) < 1e-12


def test_the_gradients_are_those_without_checkpointing(kind, forward, reentrant):
    model, twin = run(kind, forward, reentrant)
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_without_help_they_move_with_each_run(forward, reentrant, dims):
    model, twin = run(Kind("torch", dims), forward, reentrant, safe=False)
    runs = {nested: (3, 2), sequential: (2, 1)}.get(
        forward, (2, 2)
    )  # the last part of `sequential` is not checkpointed
    found = [state_of(norm).counter for norm in norms(model)]
    right = [state.counter for state in expected(twin, list)]
    assert found == [count + (times - 1) * STEPS for count, times in zip(right, runs, strict=True)]


@pytest.mark.parametrize("reentrant", [True, False], ids=["reentrant", "non-reentrant"])
def test_without_help_the_momentum_is_that_of_two_moves(reentrant):
    """The same batch twice: it weighs 1 - (1 - momentum)^2 = 0.19."""
    model, twin = run(Kind("torch", 2), whole, reentrant, safe=False)
    twice = expected(twin, lambda calls: [call for call in calls for _ in range(2)])
    assert distance(model, twice) < 1e-12


def test_a_run_to_the_end_of_the_part_moves_them_once_too(kind, forward):
    with set_checkpoint_early_stop(False):
        model, twin = run(kind, forward, reentrant=False)
    assert distance(model, expected(twin, list)) < 1e-12


@pytest.mark.parametrize(
    "block", [nullcontext, no_statistics_update, skip_nonfinite, partial(accumulate_statistics, steps=2)]
)
@pytest.mark.parametrize("name", ["torch", "ours"])
def test_selective_checkpointing_finds_the_operators_of_the_first_run(name, block):
    """It counts them: by one clone more, it would take another one's result for that of the net's own."""
    model = Cloning(Kind(name, 1).classifier())
    checkpoint_safe(model)
    twin, batches = copy.deepcopy(model), Kind(name, 1).batches(2)
    for one, forward in ((model, selective), (twin, plain)):
        for x, labels in batches:
            with block(one):
                y = forward(one, x.clone().requires_grad_(), False)
            cross_entropy(y, labels).backward()
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad, rtol=1e-9, atol=1e-12)
    assert all(map(torch.equal, model.buffers(), twin.buffers()))


def test_a_second_run_outside_of_the_block_moves_nothing(kind, reentrant):
    """The block is left before the backward: no policy of it is in force there."""
    model = made_safe(kind)
    twin = kind.twin(model)
    x = kind.images(1)[0].requires_grad_()
    with no_statistics_update(model):
        y = whole(model, x, reentrant)
    y.sum().backward()
    assert distance(model, expected(twin, lambda _: [])) == 0


def test_a_batch_that_overflows_is_skipped_in_the_second_run_too(kind, reentrant):
    model = made_safe(kind)
    twin = kind.twin(model)
    x = kind.images(1)[0]
    x[0, 0].flatten()[0] = float("inf")
    with skip_nonfinite(model):
        whole(model, x.requires_grad_(), reentrant).sum().backward()
    assert distance(model, expected(twin, lambda _: [])) == 0


def test_a_second_run_is_no_call_of_a_window(kind, reentrant):
    model = made_safe(kind)
    twin, batches = kind.twin(model), kind.batches(4)
    train(twin, batches)
    with accumulate_statistics(model, 2):
        train(model, batches, whole, reentrant)
    right = expected(twin, lambda calls: [together(calls[:2]), together(calls[2:])])
    assert distance(model, right) < 1e-12


SELECTED = {
    "norms": lambda op: "norm" in str(op),
    "convolutions": lambda op: "conv" in str(op),
    "sums": lambda op: "add" in str(op),
}
"""Which operators' outputs a selective checkpoint keeps; all others are run again."""


@pytest.mark.parametrize("block", [nullcontext, skip_nonfinite, no_statistics_update])
@pytest.mark.parametrize("selected", SELECTED)
def test_a_selective_checkpoint_moves_them_once_too(kind, selected, block):
    """It holds the operators of both runs against each other."""
    model = made_safe(kind)
    twin, x = kind.twin(model), kind.images(1)[0]

    def policy(_, op, *args, **options):
        return CheckpointPolicy.MUST_SAVE if SELECTED[selected](op) else CheckpointPolicy.PREFER_RECOMPUTE

    with nullcontext() if block is nullcontext else block(model):
        y = checkpoint(
            lambda x: (model[:6](x) * 2).add_(1),
            x,
            use_reentrant=False,
            context_fn=partial(create_selective_checkpoint_contexts, policy, allow_cache_entry_mutation=True),
        )
    y.square().sum().backward()
    (twin[:6](x) * 2 + 1).square().sum().backward()
    assert distance(model, expected(twin, (lambda _: []) if block is no_statistics_update else list)) < 1e-12
    torch.testing.assert_close(model[0].weight.grad, twin[0].weight.grad, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("name", ["torch", "ours"])
def test_a_forward_of_ones_own_in_a_backward_counts_where_that_is_switched_on(name, dims):
    for enabled, times in ((True, 0), (False, 1)):
        model = Kind(name, dims).classifier()
        checkpoint_safe(model, enabled=enabled)
        twin, x = Kind(name, dims).twin(model), Kind(name, dims).images(1)[0]
        twin(x)
        leaf = torch.ones(1, requires_grad=True)
        leaf.register_hook(lambda _, model=model, x=x: [model(x), None][1])
        leaf.sum().backward()
        assert distance(model, expected(twin, lambda calls, times=times: calls * times)) < 1e-12


def test_a_penalty_through_a_checkpoint_moves_them_once(kind):
    """Its gradient is differentiated again, so that the part is run again twice."""
    model = made_safe(kind)
    twin = kind.twin(model)
    for net, run_part in ((model, lambda x: whole(model, x, reentrant=False)), (twin, twin)):
        x = kind.images(1)[0].requires_grad_()
        (slope,) = torch.autograd.grad(run_part(x)[:, 0].sum(), x, create_graph=True)
        (slope.flatten(1).norm(dim=1) - 1).square().mean().backward()
        assert net[0].weight.grad is not None
    assert distance(model, expected(twin, list)) < 1e-12
    torch.testing.assert_close(model[0].weight.grad, twin[0].weight.grad, rtol=1e-7, atol=1e-10)
