"""The operators as torch wants them, in one process: what several give is in the other files."""

import pytest
import torch
from torch import Tensor

from batchnorm.functional import Moments, Sync

MARK = torch.tensor(3)


def given():
    mean, var = torch.randn(4, dtype=torch.float64), torch.rand(4, dtype=torch.float64)
    return mean.requires_grad_(), var.requires_grad_(), torch.tensor(5.0, dtype=torch.float64)


def test_the_operators_hold_what_torch_asks_of_one():
    torch.library.opcheck(torch.ops.batchnorm.across.default, (*given(), "", MARK, 1))
    values = torch.randn(2, 4, dtype=torch.float64, requires_grad=True)
    torch.library.opcheck(torch.ops.batchnorm.summed_across.default, (values, "", MARK))


def test_their_gradients_are_those_of_differences():
    mean, var, count = given()

    def across(mean: Tensor, var: Tensor) -> tuple[Tensor, Tensor]:
        return torch.ops.batchnorm.across(mean, var, count, "", MARK, 1)[:2]

    assert torch.autograd.gradcheck(across, (mean, var))
    assert torch.autograd.gradgradcheck(across, (mean, var))


def test_a_group_that_is_gone_is_not_taken_for_none():
    with pytest.raises(RuntimeError, match="the process group of Sync is gone"):
        torch.ops.batchnorm.across(*given(), "a group", MARK, 1)


def test_gathered_alone_is_what_is_given():
    own = Moments(torch.tensor([1.0]), torch.tensor([2.0]), 3)
    found = Sync().gathered(own)
    assert (found.mean, found.var, found.count) == (own.mean, own.var, 3)
    assert not found.mean.requires_grad
