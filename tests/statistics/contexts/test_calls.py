"""What is a call, and what is a forward, where a model calls a norm several times, or not each time?"""

import pytest
import torch

from batchnorm.statistics import accumulate_statistics

from .nets import CONTEXTS, images, same, state


@pytest.mark.parametrize("name", ["no update", "skip", "accumulate"])
def test_one_norm_called_twice_in_a_forward_is_asked_twice(name):
    class Twice(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = torch.nn.BatchNorm2d(1, momentum=1.0)

        def forward(self, x):
            return self.norm(self.norm(x) + x)

    model = Twice()
    with CONTEXTS[name](model):
        model(images())
        model(images(1))
    assert model.norm.num_batches_tracked == {"no update": 0, "skip": 4, "accumulate": 1}[name]


def test_calls_of_one_forward_are_one_entry_of_a_window():
    class Views(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = torch.nn.BatchNorm2d(1, momentum=1.0)

        def forward(self, x, y):
            return self.norm(x), self.norm(y)

    model, right = Views(), torch.nn.BatchNorm2d(1, momentum=1.0)
    batches = [images(seed) for seed in range(4)]
    with accumulate_statistics(model, 2):
        model(batches[0], batches[1])
        assert model.norm.num_batches_tracked == 0
        model(batches[2], batches[3])
        assert model.norm.num_batches_tracked == 1
    right(torch.cat(batches))
    torch.testing.assert_close(model.norm.running_mean, right.running_mean)
    torch.testing.assert_close(model.norm.running_var, right.running_var)


def test_a_norm_that_only_some_forwards_call_fills_its_own_window():
    class Sometimes(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.always, self.rare = torch.nn.BatchNorm2d(1), torch.nn.BatchNorm2d(1, momentum=1.0)

        def forward(self, x, rare):
            return self.rare(x) if rare else self.always(x)

    model, right = Sometimes(), torch.nn.BatchNorm2d(1, momentum=1.0)
    with accumulate_statistics(model, 2):
        model(images(), True)
        model(images(1), False)
        model(images(2), True)
        assert model.rare.num_batches_tracked == 1
        assert model.always.num_batches_tracked == 0
    assert model.always.num_batches_tracked == 1
    right(torch.cat([images(), images(2)]))
    torch.testing.assert_close(model.rare.running_mean, right.running_mean)
    torch.testing.assert_close(model.rare.running_var, right.running_var)


@pytest.mark.parametrize("name", ["no update", "skip", "accumulate"])
def test_a_batch_given_by_name_is_a_batch(name):
    norm, twin = torch.nn.BatchNorm2d(1), torch.nn.BatchNorm2d(1)
    for one, call in ((norm, lambda n, x: n(input=x)), (twin, lambda n, x: n(x))):
        with CONTEXTS[name](one):
            call(one, images())
            call(one, images(1))
    assert same(norm, state(twin))
    assert norm.running_mean.isfinite().all()
