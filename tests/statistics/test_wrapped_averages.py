"""Averages of weights in a wrapper are not frozen; what somebody has frozen is, in a wrapper, too."""

import copy

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from batchnorm import recalibrate

from .oracle import images


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4))


class Average(nn.Module):
    """As timm's: a copy in evaluation, in a module that nobody switches."""

    def __init__(self, model):
        super().__init__()
        self.module = copy.deepcopy(model)
        self.module.eval()

    def forward(self, *args, **kwargs):
        return self.module(*args, **kwargs)


class Named(Average):
    """The forward has a name for its argument, and a buffer counts."""

    def __init__(self, model):
        super().__init__(model)
        self.module.requires_grad_(False)
        self.register_buffer("steps", torch.tensor(3))

    def forward(self, image):
        return self.module(input=image)


class Beside(nn.Module):
    """Holds the net that trains, too."""

    def __init__(self, model):
        super().__init__()
        self.online, self.average = model, copy.deepcopy(model).eval().requires_grad_(False)

    def forward(self, x):
        return self.average(x)


def swa(model):
    averaged = AveragedModel(model)
    averaged.module.eval()
    return averaged


WRAPPERS = {
    "as timm's": Average,
    "with a name": Named,
    "beside the net": Beside,
    "in another wrapper": lambda model: Average(nn.Sequential(Average(model)).train()),
    "torch's": swa,
    "compiled inside": lambda model: Average(torch.compile(model, backend="eager")),
}


@pytest.mark.parametrize("method", ["average", "exact"])
@pytest.mark.parametrize("kind", WRAPPERS)
def test_an_average_in_a_wrapper_gets_the_statistics_that_it_gets_by_itself(kind, method):
    x = images()
    averaged = WRAPPERS[kind](net().train())
    alone = net().eval()
    modes = [module.training for module in averaged.modules()]
    assert len({*modes}) == 2
    recalibrate(alone, x.split(10), method=method)
    record = recalibrate(averaged, x.split(10), method=method)
    assert len(record.norms) == 2
    assert set(record.skipped.values()) <= {"no batch reached it"}
    got = [norm.running_mean for norm in called(averaged)]
    assert all(map(torch.equal, got, (norm.running_mean for norm in called(alone))))
    assert [module.training for module in averaged.modules()] == modes


def called(model):
    found = [(name, module) for name, module in model.named_modules() if isinstance(module, nn.BatchNorm2d)]
    return [module for name, module in found if not name.startswith("online")]


def test_the_average_of_a_system_that_is_called_by_a_function_is_not_frozen():
    class System(nn.Module):
        def __init__(self):
            super().__init__()
            self.student, self.teacher = net(), net().eval()

    record = recalibrate(System(), images().split(10), forward_fn=lambda system, x: system.teacher(x))
    assert [norm.name for norm in record.norms] == ["teacher.1", "teacher.4"]


def test_timms_average_is_not_frozen(timm):
    torch.manual_seed(0)
    model = timm.create_model("test_resnet").train()
    averaged = timm.utils.ModelEmaV3(model)
    x = torch.randn(4, 3, 32, 32)
    record = recalibrate(averaged, [(x, torch.zeros(4))])
    assert record.skipped == {}
    assert {norm.name.partition(".")[0] for norm in record.norms} == {"module"}
    assert recalibrate(averaged.module, [(x, torch.zeros(4))]).skipped == {}


# what is frozen stays so


class Keeping(Average):
    """Says itself that its net does not train."""

    def train(self, mode=True):
        super().train(mode)
        self.module.eval()
        return self


class Adding(Average):
    """Does something of its own, which its mode may be about."""

    def forward(self, x):
        return self.module(x + 1)


class Returning(Average):
    """Gives something else than its net."""

    def forward(self, x):
        return self.module(x).relu()


class Twice(Average):
    def forward(self, x):
        self.module(x)
        return self.module(x)


@pytest.mark.parametrize("kind", [Keeping, Adding, Returning, Twice])
def test_a_wrapper_that_keeps_its_net_in_evaluation_or_does_more_than_hand_on_freezes_it(kind):
    model = kind(net())
    with pytest.raises(ValueError, match=r"frozen: .*include_frozen=True"):
        recalibrate(model, images().split(10))


def test_norms_that_are_frozen_in_the_net_stay_frozen_in_its_average():
    model = net().train()
    averaged = Average(model)
    averaged.module.train()
    averaged.module[1].eval()
    before = averaged.module[1].running_mean.clone()
    record = recalibrate(averaged, images().split(10))
    assert [norm.name for norm in record.norms] == ["module.4"]
    assert record.skipped["module.1"].startswith("frozen: ")
    assert torch.equal(averaged.module[1].running_mean, before)


def test_a_norm_itself_in_a_wrapper_that_is_put_into_evaluation_is_frozen():
    model = nn.Sequential(nn.BatchNorm2d(1)).train()
    model[0].eval()
    with pytest.raises(ValueError, match="frozen: "):
        recalibrate(model, images().split(10))
