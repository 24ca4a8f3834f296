"""Do the layers say what they expected where they get no tensor, and change nothing?"""

import numpy as np
import pytest
import torch

from batchnorm import nn as ours
from batchnorm.errors import InputError, InputTypeError

C = torch.ones(3)
LAYERS = {
    "BatchNorm1d": (lambda: ours.BatchNorm1d(3), r"\(N, C\) or \(N, C, L\)"),
    "BatchNorm2d": (lambda: ours.BatchNorm2d(3, activation="relu"), r"\(N, C, H, W\)"),
    "BatchNorm3d": (lambda: ours.BatchNorm3d(3).eval(), r"\(N, C, D, H, W\)"),
    "BatchNormPool2d": (lambda: ours.BatchNormPool2d(3, activation=torch.nn.ReLU()), r"\(N, C, H, W\)"),
    "LazyBatchNorm2d": (ours.LazyBatchNorm2d, r"\(N, C, H, W\)"),
    "ScaleShift": (lambda: ours.ScaleShift(C, C, axes=(4,)), r"\(N, C, \*\)"),
}


@pytest.mark.parametrize("wrong", [None, [torch.ones(2, 3)], np.ones((2, 3, 4, 4)), 3], ids=lambda w: type(w).__name__)
@pytest.mark.parametrize("name", LAYERS)
def test_an_input_that_is_no_tensor_is_refused_with_the_shape_that_was_expected(name: str, wrong: object) -> None:
    make, shape = LAYERS[name]
    got = "None" if wrong is None else type(wrong).__name__
    with pytest.raises(InputTypeError, match=rf"^{name}: input: expected a tensor of shape {shape}, got {got}\. "):
        make()(wrong)


def test_a_refused_input_moves_no_statistics() -> None:
    layer = ours.BatchNorm2d(3)
    before = {name: tensor.clone() for name, tensor in layer.state_dict().items()}
    with pytest.raises(InputTypeError, match="got None"):
        layer(None)
    assert all(torch.equal(tensor, before[name]) for name, tensor in layer.state_dict().items())


def test_what_is_left_of_a_norm_names_the_residual() -> None:
    with pytest.raises(InputTypeError, match=r"^Tail: residual: expected a tensor, got list\."):
        ours.Tail(None, "relu", residual=True)(C, [1.0])


@pytest.mark.parametrize("wrong", ["3", 3.0, (3, 4), None, True, -3])
@pytest.mark.parametrize("kind", [ours.BatchNorm1d, ours.BatchNorm2d, ours.BatchNormAdd2d, ours.BatchNormPool2d])
def test_what_is_no_number_of_channels_is_refused(kind: type, wrong: object) -> None:
    with pytest.raises(InputError if wrong == -3 else InputTypeError, match="num_features: expected the number of ch"):
        kind(wrong)


@pytest.mark.parametrize("number", [np.int64(3), torch.tensor(3), 0])
def test_any_integer_is_a_number_of_channels(number) -> None:
    assert ours.BatchNorm2d(number).running_mean.shape == (int(number),)


def test_set_route_wants_a_model() -> None:
    with pytest.raises(InputTypeError, match=r"^set_route: model: expected a torch\.nn\.Module, got str"):
        ours.set_route("net", "auto")


def test_whoever_converts_a_net_of_ours_is_told_the_easy_way() -> None:
    from batchnorm.models import resnet20

    with pytest.raises(RuntimeError, match=r'A net of batchnorm\.models is built of torch\'s own layers by norm="tor'):
        torch.nn.SyncBatchNorm.convert_sync_batchnorm(resnet20())
    torch.nn.SyncBatchNorm.convert_sync_batchnorm(resnet20(norm="torch"))
