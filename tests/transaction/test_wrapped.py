"""Models inside DistributedDataParallel, DataParallel and torch.compile, and models compiled in place."""

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DataParallel, DistributedDataParallel

from batchnorm.transaction import original, transaction

from .picture import picture, x


def make() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.ReLU())


@pytest.fixture
def group(tmp_path, monkeypatch):
    """One process that is a group."""
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/meeting", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.fixture
def compiler():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def inputs_seen_by_the_norm(model, norm, call):
    """How often a hook on the norm runs inside a transaction."""
    seen = []
    with transaction(model) as change:
        change.on_input(norm, lambda module, args: seen.append(args[0]))
        call(change)
    return len(seen)


def test_a_plain_model_is_its_own_original():
    model = make()
    assert original(model) == (model, ())


def test_ddp_is_seen_through_and_comes_back_as_it_was(group):
    inner = make()
    model = DistributedDataParallel(inner)
    model(x()).sum().backward()
    before = picture(inner)
    with transaction(model) as change:
        assert change.module is inner
        assert change.notes == ("DistributedDataParallel: the module inside is meant",)
        model.eval()
        inner[1].running_mean.fill_(3.0)
        change.module(x()).sum().backward()
    assert picture(inner) == before
    assert model.training


def test_ddp_trains_on_afterwards_as_if_nothing_had_been(group):
    def gradients(model, *, between):
        model(x()).sum().backward()
        if between:
            with transaction(model) as change:
                change.evaluate()
                change.module(x() + 1).sum().backward()
        model(x() + 2).square().sum().backward()
        return [parameter.grad.clone() for parameter in model.parameters()]

    with_it = gradients(DistributedDataParallel(make()), between=True)
    without = gradients(DistributedDataParallel(make()), between=False)
    assert all(torch.equal(a, b) for a, b in zip(with_it, without, strict=True))


def test_data_parallel_is_seen_through():
    inner = make()
    assert original(DataParallel(inner)) == (inner, ("DataParallel: the module inside is meant",))


def test_wrappers_around_wrappers_are_named_from_outside(group, compiler):
    inner = make()
    module, notes = original(torch.compile(DistributedDataParallel(inner), backend="eager"))
    assert module is inner
    assert notes == (
        "torch.compile: the original module is meant, and runs uncompiled",
        "DistributedDataParallel: the module inside is meant",
    )


def test_a_module_that_only_has_a_module_inside_is_no_wrapper():
    averaged = torch.optim.swa_utils.AveragedModel(make())
    assert original(averaged) == (averaged, ())


def compiled_whole():
    model = make()
    return torch.compile(model, backend="eager"), model[1]


def compiled_in_place():
    model = make()
    model.compile(backend="eager")
    return model, model[1]


def norm_compiled_in_place():
    model = make()
    model[1].compile(backend="eager")
    return model, model[1]


def part_compiled():
    # Dynamo asks an input that is no leaf for its .grad, and hides the warning only where it is no error.
    model = make()[1:]
    norm = model[0]
    model[0] = torch.compile(nn.Sequential(norm), backend="eager")
    return model, norm


def function_compiled():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm1d(4)
            self.inner = torch.compile(lambda x: self.norm(x).relu(), backend="eager")

        def forward(self, x):
            return self.inner(x)

    model = Model()
    return model, model.norm


COMPILED = {
    "whole": compiled_whole,
    "in place": compiled_in_place,
    "a norm in place": norm_compiled_in_place,
    "a part": part_compiled,
    "a function": function_compiled,
}


@pytest.mark.parametrize("way", COMPILED)
@pytest.mark.parametrize("called", ["the original", "what was given"])
def test_hooks_run_in_what_was_compiled_before(way, called, compiler):
    model, norm = COMPILED[way]()
    model(x())
    call = (lambda change: change.module(x())) if called == "the original" else (lambda change: model(x()))
    assert inputs_seen_by_the_norm(model, norm, call) == 1


@pytest.mark.parametrize("way", COMPILED)
def test_what_was_compiled_runs_compiled_afterwards_and_is_as_it_was(way, compiler):
    model, norm = COMPILED[way]()
    model(x())
    before = picture(original(model)[0])
    assert inputs_seen_by_the_norm(model, norm, lambda change: model(x())) == 1
    assert picture(original(model)[0]) == before
    with torch.compiler.set_stance("fail_on_recompile"):
        model(x())


@pytest.mark.parametrize("way", ["in place", "a norm in place", "a part"])
def test_the_notes_say_what_runs_uncompiled(way, compiler):
    model, _ = COMPILED[way]()
    assert original(model) == (model, ("compiled in place or in parts: runs uncompiled",))


def raise_after(_, error):
    raise error


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_the_stance_of_the_compiler_comes_back_when_the_block_raises(error, compiler):
    count = []

    def backend(graph, example_inputs):
        count.append(1)
        return graph.forward

    model = torch.compile(make(), backend=backend)
    with pytest.raises(error, match="midway"), transaction(model):
        raise_after(model(x()), error("midway"))
    assert count == []
    model(x())
    assert count == [1]


def test_flags_of_the_wrapper_come_back(compiler):
    model = torch.compile(make(), backend="eager")
    with transaction(model) as change:
        change.evaluate()
        assert not model.training
    assert model.training


def test_a_part_in_data_parallel_is_not_called_compiled():
    model = nn.Sequential(nn.DataParallel(nn.BatchNorm1d(2)))
    assert original(model) == (model, ())
