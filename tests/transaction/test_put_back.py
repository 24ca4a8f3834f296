"""Everything that a model holds goes back when the block ends: the same objects, the same bits, the same memory."""

import random

import numpy as np
import pytest
import torch
from torch import nn

from batchnorm.transaction import transaction

from .picture import NANS, Step, bits, disturb, make, picture, x


def test_a_block_that_does_nothing_changes_nothing():
    model = make()
    before = picture(model)
    with transaction(model):
        pass
    assert picture(model) == before


def test_whatever_is_written_replaced_added_or_deleted_goes_back():
    model = make()
    before = picture(model)
    with transaction(model):
        disturb(model)
        assert picture(model) != before
    assert picture(model) == before


def test_forward_and_backward_in_training_mode_leave_no_trace():
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), Step())
    model(x()).sum().backward()
    before = picture(model)
    with transaction(model) as change:
        change.set(model[1], "momentum", None)
        model(x()).sum().backward()
        assert picture(model) != before
    assert picture(model) == before


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_everything_goes_back_when_the_block_raises_and_the_exception_passes_through(error):
    model, raised = make(), error("midway")
    before = picture(model)

    def block() -> None:
        with transaction(model) as change:
            disturb(model)
            change.keep(model[4].running_mean)
            raise raised

    with pytest.raises(error, match="midway") as caught:
        block()
    assert caught.value is raised
    assert picture(model) == before


def test_buffers_get_the_payloads_of_their_nans_back():
    model = make()
    with transaction(model):
        model[1].running_mean.fill_(0.0)
    assert bits(model[1].running_mean) == bits(NANS)


@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int64, torch.bool]
)
def test_every_bit_pattern_comes_back(dtype):
    raw = torch.randint(0, 256, (64,), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))
    module = nn.Module()
    module.register_buffer("all", (raw % 2 if dtype == torch.bool else raw).view(dtype).clone())
    before = bits(module.all)
    with transaction(module):
        module.all.zero_()
    assert bits(module.all) == before


LAYOUTS = {
    "expanded": lambda: torch.arange(3.0).expand(4, 3),
    "strided": lambda: torch.arange(12.0).reshape(3, 4).T[::2],
    "part of a larger one": lambda: torch.arange(12.0)[5:9],
    "scalar": lambda: torch.tensor(3.0),
    "empty": lambda: torch.zeros(0, 3),
    "channels last": lambda: torch.arange(24.0).reshape(1, 2, 3, 4).contiguous(memory_format=torch.channels_last),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_comes_back_in_its_memory(layout):
    module = nn.Module()
    module.register_buffer("held", LAYOUTS[layout]())
    before = picture(module)
    with transaction(module):
        (module.held[0] if layout == "expanded" else module.held).add_(1)
        module.held.data = torch.zeros(2)
    assert picture(module) == before


def test_a_buffer_that_was_resized_has_its_shape_and_its_values_again():
    module = nn.BatchNorm1d(3)
    before = picture(module)
    with transaction(module):
        module.running_mean.resize_(1000).fill_(1.0)
    now = picture_without_memory(module)
    assert now == picture_without_memory(nn.BatchNorm1d(3))
    assert picture(module)["modules"] == before["modules"]


def picture_without_memory(module):
    return [(name, buffer.shape, bits(buffer)) for name, buffer in module.named_buffers()]


def test_a_buffer_that_was_drawn_into_a_graph_is_out_of_it():
    module = nn.BatchNorm1d(3)
    with transaction(module):
        module.running_mean.mul_(module.weight)
        assert module.running_mean.requires_grad
    assert not module.running_mean.requires_grad


def test_a_graph_from_before_stays_valid_if_nobody_wrote_into_its_buffers():
    norm = nn.BatchNorm1d(4).eval()
    output = norm(x())
    with transaction(norm):
        norm(x())
    output.sum().backward()
    torch.testing.assert_close(norm.bias.grad, torch.full((4,), 6.0))


def test_a_graph_from_inside_hears_that_its_buffers_went_back():
    norm = nn.BatchNorm1d(4).eval()
    with transaction(norm):
        norm.running_mean.fill_(1.0)
        output = norm(x())
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        output.sum().backward()


def test_buffers_made_in_inference_mode_go_back_too():
    with torch.inference_mode():
        norm = nn.BatchNorm1d(4)
    before = picture_without_memory(norm)
    with transaction(norm), torch.inference_mode():
        norm(x())
    assert picture_without_memory(norm) == before


def test_inside_no_gradient_is_there_to_be_added_to():
    model = make()
    assert any(parameter.grad is not None for parameter in model.parameters())
    with transaction(model):
        assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("mode", [True, False])
def test_gradients_are_recorded_or_not_as_before(mode):
    with torch.set_grad_enabled(mode):
        with transaction(make_plain()):
            torch.set_grad_enabled(not mode)
        assert torch.is_grad_enabled() == mode


def make_plain():
    return nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))


def test_the_three_generators_go_on_as_if_nothing_had_been_drawn():
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    expected = (random.gauss(0, 1), np.random.rand(), torch.rand(1).item())
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    with transaction(nn.Identity()):
        random.gauss(0, 1), np.random.rand(100), torch.rand(100)
    assert (random.gauss(0, 1), np.random.rand(), torch.rand(1).item()) == expected


def test_the_state_dict_saves_the_same_keys_afterwards():
    model = make()
    keys = list(model.state_dict())
    with transaction(model):
        disturb(model)
    assert list(model.state_dict()) == keys


@pytest.mark.parametrize("lazy", [nn.LazyBatchNorm1d, lambda: nn.LazyLinear(3)])
def test_a_module_that_saw_no_batch_is_named_before_anything_is_touched(lazy):
    model = nn.Sequential(nn.ReLU(), lazy())
    before = picture_of_flags(model)
    with pytest.raises(RuntimeError, match=r"got 1 \(Lazy\w+\), which has seen no batch yet\. Run one"):
        transaction(model).__enter__()
    assert picture_of_flags(model) == before


def picture_of_flags(model):
    return [module.training for module in model.modules()]


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_a_script_is_refused_with_what_to_use_instead():
    model = nn.Sequential(torch.jit.script(nn.BatchNorm1d(3)))
    with pytest.raises(TypeError, match=r"got 0 \(RecursiveScriptModule\).*Use the model that the script was made"):
        transaction(model).__enter__()
