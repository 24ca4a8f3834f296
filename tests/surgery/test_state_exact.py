"""Folds are taken back in the order in which they were made, and tensors of every dtype come back exactly."""

import copy
import pickle
import time
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from batchnorm import fold, unfold
from batchnorm.surgery import fold_state, restore_fold, unfolded_tensors
from batchnorm.surgery.folding._stash import _Folds

X = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def assert_same_bits(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert tensor.dtype == other[name].dtype, name
        assert torch.equal(tensor, other[name]), name


def in_a_row() -> nn.Module:
    """A part with two norms behind one product, of which the second one may be left for later."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.BatchNorm1d(3)), nn.ReLU())
    for norm in (net[0][1], net[0][2]):
        norm.running_mean.uniform_(-1, 1)
        norm.running_var.uniform_(0.5, 2)
    return net.eval()


def whole_then_part(between: Callable[[nn.Module], nn.Module] = lambda net: net) -> nn.Module:
    net = in_a_row()
    net[0][2].training = True  # so that it is left
    fold(net, torch.randn(5, 3), verify=False)
    net[0][2].training = False
    net = between(net)
    fold(net[0], torch.randn(5, 3), verify=False)
    return net


def pickled(net: nn.Module) -> nn.Module:
    """The model as another process has it, whose count of folds begins anew."""
    kept = pickle.dumps(net)
    _Folds.latest = 0
    return pickle.loads(kept)  # noqa: S301  # our own


@pytest.fixture
def clock_that_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter(range(10**9, 0, -1))
    monkeypatch.setattr(time, "time_ns", lambda: next(times))
    monkeypatch.setattr(time, "time", lambda: float(next(times)))


@pytest.mark.usefixtures("clock_that_goes_back")
@pytest.mark.parametrize("between", [lambda net: net, copy.deepcopy, pickled], ids=["as it is", "copied", "pickled"])
def test_folds_are_taken_back_in_their_order_whatever_the_clock_says(between: Callable) -> None:
    before = {name: tensor.clone() for name, tensor in in_a_row().state_dict().items()}
    net = whole_then_part(between)
    unfold(net)
    assert_same_bits(net.state_dict(), before)


@pytest.mark.usefixtures("clock_that_goes_back")
def test_folds_of_a_whole_and_then_of_its_part_are_written_in_their_order() -> None:
    before = {name: tensor.clone() for name, tensor in in_a_row().state_dict().items()}
    state, tensors = fold_state(whole_then_part())
    assert [one["modules"] for one in state["folds"]] == [[""], ["0"]]
    assert_same_bits(unfolded_tensors(state, tensors), before)
    other = in_a_row()
    restore_fold(other, state, tensors)
    unfold(other)
    assert_same_bits(other.state_dict(), before)


DTYPES = [torch.int8, torch.int32, torch.int64, torch.uint8, torch.bool, torch.complex64, torch.complex128]
DTYPES += [torch.float16, torch.bfloat16, torch.float64, torch.float8_e4m3fn]


@pytest.mark.parametrize("kind", ["parameter", "buffer"])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_tensors_of_every_dtype_come_back_exactly(dtype: torch.dtype, kind: str) -> None:
    def build(dtype: torch.dtype) -> nn.Module:
        net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).eval()
        values = torch.tensor([3.0, 0.0, 1.5, 77.25]).to(dtype)
        if dtype.is_complex:
            values = values * torch.tensor(1 + 1e-3j, dtype=dtype)
        if kind == "buffer":
            net.register_buffer("extra", values)
        else:
            learns = dtype.is_floating_point or dtype.is_complex
            net.extra = nn.Parameter(values, requires_grad=learns)
        return net

    net = build(dtype)
    fold(net, X, verify=False)
    for other in (build(torch.float32), build(torch.complex64)):
        restore_fold(other, *fold_state(net))
        assert other.extra.dtype == dtype
        assert other.extra.detach().view(torch.uint8).equal(net.extra.detach().view(torch.uint8))
        unfold(other)
        assert_same_bits(
            {"extra": other.extra.detach().view(torch.uint8)}, {"extra": net.extra.detach().view(torch.uint8)}
        )
