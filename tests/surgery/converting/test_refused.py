"""What convert and revert refuse, in one sentence, with nothing changed."""

import pytest
import torch
from torch import nn

import batchnorm.nn as ours
from batchnorm import convert, fold, revert
from batchnorm.errors import InputError, InputTypeError, RefusedError
from batchnorm.statistics import (
    accumulate_statistics,
    blended_statistics,
    no_statistics_update,
    skip_nonfinite,
    use_batch_statistics,
)

ARGUMENTS = {
    "an unknown text": (
        ("goup",),
        {},
        r"to: expected something that a norm can become, got 'goup'. Did you mean 'group'",
    ),
    "another class": ((nn.Linear,), {}, r"got the class torch\.nn\.Linear\. Pass 'batchnorm'"),
    "one of ours that does more": ((ours.BatchNormAdd2d,), {}, "got the class batchnorm.nn"),
    "no class": ((3,), {}, "to: expected a text or a class, got an int"),
    "a misspelt option": (
        (),
        {"rute": "auto"},
        r"rute: expected an option that 'batchnorm' takes .* Did you mean 'route'",
    ),
    "an option of another": (
        ("torch",),
        {"moments": "renorm"},
        r"moments: expected an option that 'torch' takes \(none\)",
    ),
    "what a norm keeps": ((), {"momentum": 0.2}, r"momentum: .* Each norm keeps its own"),
    "no size": (("ghost",), {}, "size: expected the number of samples in a slice, got none. Pass size=32"),
    "a size of 0": (("ghost",), {"size": 0}, "size: expected the number of samples in a slice"),
    "no groups": (("group",), {"num_groups": 0}, "num_groups: expected the number of groups, an integer of at least 1"),
    "groups in words": (("group",), {"num_groups": "2"}, "num_groups: expected .* got '2'"),
    "no process group": (("sync",), {"process_group": 3}, "convert: process_group: expected a process group"),
    "no process group for torch's": ((nn.SyncBatchNorm,), {"process_group": 3}, "convert: process_group: expected a"),
    "an unknown route": ((), {"route": "fast"}, "route"),
    "unknown moments": ((), {"moments": "gost:2"}, "Did you mean 'ghost'"),
    "a module for all": ((), {"activation": nn.PReLU()}, "which all the norms would share"),
    "no filter": ((), {"filter_fn": 3}, "filter_fn: expected a function"),
    "a filter that takes nothing": ((), {"filter_fn": lambda norm, name: False}, "at least one of the batch norms"),
}
BLOCKS = {
    "use_batch_statistics": use_batch_statistics,
    "no_statistics_update": no_statistics_update,
    "skip_nonfinite": skip_nonfinite,
    "accumulate_statistics": lambda model: accumulate_statistics(model, 2),
    "blended_statistics": lambda model: blended_statistics(model, 0.5),
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_wrong_argument_is_named(name):
    to, options, match = ARGUMENTS[name]
    norm = nn.BatchNorm2d(4)
    with pytest.raises((InputError, InputTypeError), match=f"(?s){match}"):
        convert(norm, *to, **options)
    assert type(norm) is nn.BatchNorm2d


@pytest.mark.parametrize("verb", [convert, revert])
def test_a_model_without_norms_is_refused(verb):
    with pytest.raises(InputError, match="expected a model with batch norms, got one that has none"):
        verb(nn.Linear(1, 1))


@pytest.mark.parametrize("verb", [convert, revert])
def test_a_folded_model_is_refused_with_what_to_do(verb):
    model = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)).eval()
    fold(model, torch.ones(2, 3, 2, 2))
    with pytest.raises(InputError, match=r"Call batchnorm\.unfold before"):
        verb(model)


@pytest.mark.parametrize("norm", [nn.BatchNorm2d, ours.BatchNorm2d])
@pytest.mark.parametrize("name", BLOCKS)
def test_inside_a_block_nothing_is_converted(name, norm):
    model = nn.Sequential(norm(3))
    with BLOCKS[name](model), pytest.raises(RefusedError, match="block"):
        convert(model, "ghost", size=2)
    assert type(model[0]) is norm


def test_what_stands_in_for_a_norm_does_not_slip_out_of_the_block_that_the_others_are_in():
    model = nn.Sequential(nn.BatchNorm2d(3), nn.BatchNorm2d(3))
    convert(model, "group", filter_fn=lambda norm, name: name == "0")
    with no_statistics_update(model), pytest.raises(RefusedError, match="got 1 inside a block"):
        revert(model, filter_fn=lambda norm, name: name == "0")


def test_examples_prove_nothing_where_something_else_is_computed():
    with pytest.raises(InputError, match="example_inputs: expected None, for what the norms become computes something"):
        convert(nn.BatchNorm2d(3), "group", example_inputs=torch.ones(2, 3, 2, 2))


def test_a_model_that_does_not_repeat_itself_proves_nothing():
    class Counts(nn.BatchNorm2d):
        pass

    calls = []

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = Counts(3)

        def forward(self, x):
            calls.append(x)
            return self.norm(x) + len(calls)

    model = Net()
    with pytest.raises(
        RefusedError, match=r"so nothing can be proved\. Make it repeatable, or leave example_inputs out"
    ):
        convert(model, example_inputs=torch.rand(2, 3, 2, 2))
    assert type(model.norm) is Counts


@pytest.fixture
def alone(tmp_path):
    """A process group of this process."""
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path / 'group'}", rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


@pytest.mark.parametrize("to", ["frozen", "identity"])
def test_parameters_in_distributed_data_parallel_are_not_taken_out_of_training(alone, to):
    wrapped = nn.parallel.DistributedDataParallel(nn.Sequential(nn.BatchNorm2d(3)))
    with pytest.raises(RefusedError, match="DistributedDataParallel, which waits for gradients"):
        convert(wrapped, to)
    assert wrapped.module[0].weight.requires_grad


def test_parameters_that_were_frozen_are_not_given_back_in_distributed_data_parallel(alone):
    model = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3))
    convert(model, "frozen")
    convert(model, "group")
    with pytest.raises(RefusedError, match="exchanges no gradients of parameters that were frozen before"):
        revert(nn.parallel.DistributedDataParallel(model))
    assert not model[1].weight.requires_grad


def test_norms_in_distributed_data_parallel_become_others_and_back(alone):
    wrapped = nn.parallel.DistributedDataParallel(nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)))
    x = torch.rand(4, 3, 2, 2)
    convert(wrapped, "sync")
    wrapped(x).square().sum().backward()
    assert wrapped.module[1].weight.grad is not None
    revert(wrapped)
    wrapped(x).square().sum().backward()
    assert type(wrapped.module[1]) is nn.BatchNorm2d


def test_statistics_that_a_norm_shares_are_frozen_with_all_who_have_them():
    model = nn.Sequential(nn.BatchNorm2d(3), nn.BatchNorm2d(3))
    model[1]._buffers = model[0]._buffers
    with pytest.raises(RefusedError, match="all norms that share running statistics"):
        convert(model, "frozen", filter_fn=lambda norm, name: name == "0")


@pytest.mark.parametrize("verb", [convert, revert])
def test_weights_that_somebody_else_holds_are_refused(verb):
    model = nn.Sequential(nn.BatchNorm2d(3))
    model[0].weight.ds_id = 1  # as DeepSpeed marks them
    with pytest.raises(RefusedError, match=f"{verb.__name__}: model: expected a model that holds its weights itself"):
        verb(model)
    assert type(model[0]) is nn.BatchNorm2d


def test_a_block_that_normalizes_by_batches_is_named_for_what_it_is():
    model = nn.Sequential(nn.BatchNorm2d(3))
    with use_batch_statistics(model):
        for verb in (convert, revert):
            with pytest.raises(
                RefusedError, match=r"expected a model whose norms normalize as usual, got one inside `with"
            ):
                verb(model)


@pytest.mark.parametrize("kind", [ours.LazyBatchNorm2d, ours.BatchNormAdd2d])
def test_a_class_of_ours_that_no_norm_becomes_is_named_as_it_is_imported(kind):
    with pytest.raises(InputError, match=rf"got the class batchnorm\.nn\.{kind.__name__}\. Pass .*GhostBatchNorm1d"):
        convert(nn.BatchNorm2d(3), kind)
