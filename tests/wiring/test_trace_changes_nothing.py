"""`trace` leaves no trace: neither in the model, nor in the generators, whatever the model does or raises."""

import copy
import gc
import pickle

import pytest
import torch
from torch import nn

from batchnorm.wiring import trace

from ..transaction.picture import make, picture, x
from .nets import conv, images, net


def test_modes_buffers_hooks_gradients_and_generators_are_as_before():
    model = make()
    before = picture(model)
    trace(model, x())
    assert picture(model) == before


def test_a_model_in_which_gradients_are_recorded_is_as_before():
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
    model(x()).sum().backward()
    before = picture(model)
    trace(model, x().requires_grad_())
    assert picture(model) == before


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_what_the_model_raises_passes_through_and_everything_goes_back(error):
    raised = error("midway")

    def body(m, x):
        m.seen = m.bn(m.conv(x))
        torch.rand(1)
        raise raised

    model = net(body, conv=conv(), bn=nn.BatchNorm2d(4)).train()
    before = picture(model)
    with pytest.raises(error, match="midway") as caught:
        trace(model, images())
    assert caught.value is raised
    assert picture(model) == before


def test_an_exception_inside_a_module_that_the_model_catches_does_not_confuse_the_calls():
    class Raises(nn.Module):
        def forward(self, x):
            raise ValueError("no")

    def body(m, x):
        try:
            m.raises(x)
        except ValueError:
            return m.conv(x)

    model = net(body, raises=nn.Sequential(Raises()), conv=conv())
    calls = trace(model, images()).calls
    assert [(call.name, call.finished, len(call.parents)) for call in calls] == [
        ("", True, 0),
        ("raises", False, 1),
        ("raises.0", False, 2),
        ("conv", True, 1),
    ]


def test_hooks_of_others_see_what_they_would_see_without():
    model = nn.Sequential(conv(), nn.BatchNorm2d(4)).eval()
    seen = []
    model[0].register_forward_hook(lambda module, args, output: seen.append(output.clone()))
    expected = model(images())
    trace(model, images())
    assert len(seen) == 2
    assert torch.equal(seen[0], seen[1])
    assert torch.equal(model(images()), expected)


def test_the_model_computes_what_it_computes_when_nobody_watches():
    outputs = []
    model = net(lambda m, x: outputs.append(m.bn(m.conv(x)).clone()), conv=conv(), bn=nn.BatchNorm2d(4))
    model(images())
    trace(model, images())
    assert torch.equal(outputs[0].detach(), outputs[1])


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda module: pickle.loads(pickle.dumps(module))])  # noqa: S301  # its own
def test_a_copy_that_a_forward_makes_is_no_part_of_the_model_and_nobody_listens_to_it(copied):
    """It is made of the hooks, too; a copy of what counts references to memory would free that twice."""
    kept = []

    def body(m, x):
        kept.append(copied(m.bn))
        return kept[-1](m.bn(x))

    model = net(body, bn=nn.BatchNorm2d(3)).eval()
    wiring = trace(model, images())
    assert [call.name for call in wiring.calls] == ["", "bn"]
    expected = model.bn(model.bn(images()))
    torch.testing.assert_close(kept[-1](model.bn(images())), expected)
    kept.clear()
    gc.collect()
