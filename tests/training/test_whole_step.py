"""What is left of a step in the middle of which another process is lost?"""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from batchnorm.ranks import RankError, Ranks
from batchnorm.training._whole_step import whole_step


class Two(Ranks):
    """Two processes."""

    def __init__(self) -> None:
        super().__init__(None, torch.device("cpu"), "train")
        self.size, self._alone = 2, False


@pytest.fixture
def job() -> SimpleNamespace:
    return SimpleNamespace(model=nn.BatchNorm1d(3), ranks=Two(), device=torch.device("cpu"))


def half_a_step(job) -> None:
    job.model(torch.rand(4, 3))
    raise RuntimeError("[gloo/transport/tcp/pair.cc:553] Connection closed by peer [127.0.0.1]:63153")


def test_buffers_and_random_state_are_put_back(job) -> None:
    before, rng = {name: one.clone() for name, one in job.model.state_dict().items()}, torch.get_rng_state()
    with pytest.raises(RankError, match="another process cannot be reached"), whole_step(job):
        half_a_step(job)
    assert all(torch.equal(one, before[name]) for name, one in job.model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), rng)


def test_an_error_of_its_own_is_raised_as_it_is(job) -> None:
    with pytest.raises(RuntimeError, match="mat1 and mat2"), whole_step(job):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")
