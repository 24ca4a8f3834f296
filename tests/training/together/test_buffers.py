"""Whose running statistics count, where each process has norms that see its own part of a batch?"""

import pytest
import torch

from .processes import train
from .test_as_one import assert_alike

OPTIONS = {"batch_size": 16, "epochs": 1}


BEGUN = torch.zeros(4, dtype=torch.float64), torch.ones(4, dtype=torch.float64)


def statistics(batches, momentum=0.1, begun=BEGUN):
    """Mean and variance that a norm keeps of these inputs, each (C, values), in float64."""
    mean, var = begun
    for batch in batches:
        mean = (1 - momentum) * mean + momentum * batch.mean(1)
        var = (1 - momentum) * var + momentum * batch.var(1)
    return mean, var


def merged(told):
    """The statistics of two processes as one's."""
    (mean, var), (other_mean, other_var) = (statistics(one.seen) for one in told)
    middle = (mean + other_mean) / 2
    return middle, (var + other_var) / 2 + ((mean - middle) ** 2 + (other_mean - middle) ** 2) / 2


def kept(told):
    return [told.state[f"net.1.running_{name}"].double() for name in ("mean", "var")]


def test_those_of_the_first_process_count(both):
    told = both(OPTIONS, net="keeping")
    assert_alike(told)
    torch.testing.assert_close(kept(told[0]), [*statistics(told[0].seen)], rtol=1e-5, atol=1e-6)
    assert not torch.allclose(statistics(told[0].seen)[1], statistics(told[1].seen)[1], rtol=1e-3)


def test_those_of_all_are_merged_with_what_lies_between_their_means(both):
    told = both({**OPTIONS, "bn_buffers": "mean"}, net="keeping")
    assert_alike(told)
    torch.testing.assert_close(kept(told[0]), [*merged(told)], rtol=1e-5, atol=1e-6)
    assert told[0].state["net.1.num_batches_tracked"] == 7


@pytest.mark.parametrize("buffers", ["rank0", "mean"])
def test_a_buffer_of_no_norm_is_the_first_process_s(both, buffers):
    told = both({**OPTIONS, "bn_buffers": buffers}, net="counting")
    assert_alike(told)


@pytest.mark.parametrize("buffers", ["rank0", "mean"])
def test_the_average_of_the_weights_has_statistics_of_the_same_processes(both, buffers):
    assert_alike(both({**OPTIONS, "bn_buffers": buffers, "ema_decay": 0.9}, net="small"))


def test_one_process_goes_on_with_those_of_all(both, tmp_path):
    """The weights stay where they are, so that the norm's inputs are the same whatever the statistics."""
    options = {"epochs": 2, "batch_size": 54, "bn_buffers": "mean", "lr": 1e-12, "weight_decay": 0.0}
    stopped = both(options, net="keeping", out=tmp_path, stop_after=1)
    resumed = train(options, net="keeping", out=tmp_path)
    assert (len(stopped[0].seen), len(resumed.seen)) == (2, 2)
    expected = statistics(resumed.seen, begun=merged(stopped))
    torch.testing.assert_close(kept(resumed), [*expected], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("buffers", ["rank0", pytest.param("mean", marks=pytest.mark.slow)])
def test_what_is_measured_at_the_end_is_the_same_in_all_processes(both, buffers):
    assert_alike(both({**OPTIONS, "bn_buffers": buffers, "recalibrate": "exact", "fold": True}))


def test_a_population_is_measured_by_all_processes_together(both):
    told = both({**OPTIONS, "moments": "population", "refresh": 2, "clip_norm": 1.0})
    assert_alike(told)
    assert told[0].result.refreshes == 5


def test_the_statistics_of_an_average_are_measured_by_all_processes_together(both):
    assert_alike(both({**OPTIONS, "ema_decay": 0.9, "ema_buffers": "recalibrate"}))
