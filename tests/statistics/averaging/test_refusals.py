"""What cannot be averaged is refused in one message, and nothing is changed."""

import math
import threading
from pathlib import Path

import pytest
import torch
from torch import nn

from batchnorm import fold, unfold
from batchnorm.errors import InputError, InputTypeError, RefusedError
from batchnorm.statistics import average_models


def net(width: int = 3) -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, width, 3), nn.BatchNorm2d(width), nn.ReLU())


NOT_MODELS = {
    "nothing": ([], InputError, r": expected at least one model, got an empty list$"),
    "one model": (net(), InputTypeError, r": expected a list of modules .*, got a Sequential\. Pass a list"),
    "one state_dict": ({"x": torch.ones(1)}, InputTypeError, r": expected a list .*, got a dict\. Pass a list"),
    "None": (None, InputTypeError, r": expected a list .*, got None\. Pass a list"),
    "a path": ("runs/first", InputTypeError, r": expected a list .*, got a str\. Pass a list"),
    "a list of paths": (
        [Path("a.pt")],
        InputTypeError,
        r"\[0\]: expected a torch\.nn\.Module or a state_dict, got a PosixPath\. Read it first: torch\.load\(",
    ),
    "a number among models": ([net(), 3], InputTypeError, r"\[1\]: expected a torch\.nn\.Module .*, got an int$"),
    "both kinds": (
        [net(), net().state_dict()],
        InputTypeError,
        r": expected modules alone, or state_dicts alone, got both\. Pass model\.state_dict\(\) for each",
    ),
    "an empty state_dict": ([{}], InputError, r"\[0\]: expected a state_dict, .*, got an empty one\. Pass model"),
    "a dict of something else": (
        [{"weight": [1.0]}],
        InputError,
        r"\[0\]: expected a state_dict, .*, got one with something else for 'weight'\. Pass model\.state_dict",
    ),
    "a dict with numbers for names": ([{0: torch.ones(1)}], InputError, r"got one with something else for 0\. Pass"),
}


@pytest.mark.parametrize("kind", NOT_MODELS)
def test_what_is_no_list_of_models_is_refused(kind: str) -> None:
    given, error, said = NOT_MODELS[kind]
    with pytest.raises(error, match=rf"^average_models: models.*{said}"):
        average_models(given)


WEIGHTS = {
    "too few": ([1.0], InputError, r"weights: expected one for each of 2 models, got 1$"),
    "too many": ([1, 2, 3], InputError, r"weights: expected one for each of 2 models, got 3$"),
    "none at all": ([], InputError, r"weights: expected one for each of 2 models, got 0$"),
    "negative": ([1, -2], InputError, r"weights\[1\]: expected a finite number of at least 0, got -2$"),
    "NaN": ([math.nan, 1], InputError, r"weights\[0\]: expected a finite number of at least 0, got nan$"),
    "infinite": ([1, math.inf], InputError, r"weights\[1\]: expected a finite number of at least 0, got inf$"),
    "an integer beyond all numbers": ([1, 10**400], InputError, r"weights\[1\]: expected a finite number .*, got inf$"),
    "all zero": ([0, 0.0], InputError, r"weights: expected one above 0, got only zeros$"),
    "words": (["a", 1], InputTypeError, r"weights\[0\]: expected a number, got a str$"),
    "a boolean": ([True, 1], InputTypeError, r"weights\[0\]: expected a number, got a bool$"),
    "complex": ([1, 1j], InputTypeError, r"weights\[1\]: expected a number, got a complex$"),
    "a word": ("ab", InputTypeError, r"weights: expected a list of numbers, one for each model, got a str\. Leave it"),
    "one number": (0.5, InputTypeError, r"weights: expected a list of numbers, .*, got a float\. Leave it out for"),
    "a dict": ({0: 1, 1: 2}, InputTypeError, r"weights: expected a list of numbers, .*, got a dict\. Leave it out"),
    "a matrix": (torch.ones(2, 2), InputTypeError, r"weights\[0\]: expected a number, got a list$"),
    "one number in a tensor": (torch.tensor(1.0), InputTypeError, r"weights: expected a list .*, got a float\. Leave"),
}


@pytest.mark.parametrize("kind", WEIGHTS)
def test_weights_that_do_not_fit_are_refused(kind: str) -> None:
    weights, error, said = WEIGHTS[kind]
    with pytest.raises(error, match=f"^average_models: {said}"):
        average_models([net(), net()], weights)


UNFIT = {
    "a missing key": (
        nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3, affine=False)),
        r"models\[1\]: expected models of one structure, got one without '1\.weight', which models\[0\] has$",
    ),
    "a key too many": (
        nn.Sequential(*net(), nn.BatchNorm2d(3)),
        r"got one with '3\.weight', which models\[0\] does not have$",
    ),
    "a shape": (net(4), r"got '0\.weight' of shape \(4, 1, 3, 3\), where models\[0\] has \(3, 1, 3, 3\)$"),
    "a dtype": (net().half(), r"got '0\.weight' of float16, where models\[0\] has float32$"),
    "another kind of norm": (
        nn.Sequential(nn.Conv2d(1, 3, 3), nn.InstanceNorm2d(3, affine=True, track_running_stats=True)),
        r"got one in which '1\.running_mean' is of another kind of norm than in models\[0\]$",
    ),
}


@pytest.mark.parametrize("kind", UNFIT)
def test_the_first_name_that_does_not_fit_is_told(kind: str) -> None:
    other, said = UNFIT[kind]
    with pytest.raises(InputError, match=said):
        average_models([net(), other])


def test_a_name_is_told_as_its_owner_knows_it() -> None:
    with pytest.raises(InputError, match=r"got 'module\.0\.weight' of shape"):
        average_models([net().state_dict(), nn.DataParallel(net(4)).state_dict()])


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("running_mean", math.nan, r"got NaN or inf in '1\.running_mean'\. Leave this model out, or run batchnorm\."),
        ("running_var", math.inf, r"got NaN or inf in '1\.running_var'\. Leave"),
        ("running_var", -31.8, r"got a negative variance in '1\.running_var'\. Leave"),
    ],
)
@pytest.mark.parametrize("all_models", [False, True])
def test_statistics_that_are_none_are_refused(name: str, value: float, said: str, all_models: bool) -> None:
    models = [net(), net()]
    for model in models if all_models else models[1:]:
        getattr(model[1], name)[0] = value
    place = 0 if all_models else 1
    with pytest.raises(InputError, match=rf"models\[{place}\]: expected finite statistics, .*, {said}"):
        average_models(models)


def test_a_weight_that_is_not_finite_in_one_model_is_refused() -> None:
    models = [net(), net(), net()]
    with torch.no_grad():
        models[2][0].bias[1] = math.nan
    said = (
        r"models\[2\]: expected finite values, or the same ones .*, got NaN or inf in '0\.bias'\. Leave this model out"
    )
    with pytest.raises(InputError, match=said):
        average_models(models)


def test_a_variance_beyond_half_precision_is_refused() -> None:
    models = [net().half(), net().half()]
    models[1][1].running_mean.fill_(1000.0)
    said = r"models: the average of '1\.running_var' is beyond float16\. Average them in float32: pass model\.float\(\)"
    with pytest.raises(InputError, match=said):
        average_models(models)


ODD = {
    "meta": (
        lambda: torch.ones(2, device="meta"),
        r"got 'x', which is on the meta device, without values\. Pass plain",
    ),
    "sparse": (lambda: torch.eye(2).to_sparse(), r"got 'x', which is of the layout sparse_coo\. Pass plain"),
    "quantized": (
        lambda: torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8),
        r"got 'x', which is quantized \(qint8\)\. Pass plain",
    ),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize("kind", ODD)
def test_tensors_without_numbers_to_average_are_refused(kind: str) -> None:
    make, said = ODD[kind]
    with pytest.raises(InputError, match=rf"models\[0\]: expected tensors of numbers in memory, {said}"):
        average_models([{"x": make()}, {"x": make()}])


def test_models_on_different_devices_are_refused_where_one_has_no_values() -> None:
    with pytest.raises(InputError, match=r"models\[1\]: .*got '0\.weight', which is on the meta device"):
        average_models([net(), net().to("meta")])


def test_lazy_models_are_refused() -> None:
    with pytest.raises(RefusedError, match=r"average_models: model: .*, got the model \(LazyBatchNorm1d\), which has"):
        average_models([nn.LazyBatchNorm1d()])
    with pytest.raises(RefusedError, match=r"models\[0\]: .*, got 'weight', which is lazy\. Run one batch through"):
        average_models([nn.LazyLinear(2)])
    with pytest.raises(RefusedError, match=r"models\[0\]: .*, got 'weight', which is lazy\. Run one batch through"):
        average_models([nn.LazyLinear(2).state_dict()])


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
@pytest.mark.parametrize("layers", [[nn.Linear(2, 2)], [nn.Linear(2, 2), nn.BatchNorm1d(2)]])
def test_scripted_models_are_refused(layers: list[nn.Module]) -> None:
    with pytest.raises(InputError, match=r"models\[0\]: expected modules written in Python, got one of torch\.jit"):
        average_models([torch.jit.script(nn.Sequential(*layers))])


def test_folded_models_are_refused_and_averaged_once_they_are_unfolded() -> None:
    models = [net().eval(), net().eval()]
    fold(models[1], torch.randn(2, 1, 6, 6))
    with pytest.raises(
        RefusedError, match=r"models\[1\]: .*, got a folded one, .*\. Average the models first and fold"
    ):
        average_models(models)
    unfold(models[1])
    average_models(models)


def test_sharded_models_are_refused() -> None:
    model = net()
    model[0].weight.ds_id = 0  # as DeepSpeed marks what it has taken
    with pytest.raises(
        RefusedError, match=r"average_models: model: .*, got 0 \(Conv2d\), whose weights are partitioned"
    ):
        average_models([net(), model])


def test_a_model_that_cannot_be_copied_is_refused() -> None:
    model = net()
    model.lock = threading.Lock()
    with pytest.raises(InputError, match=r"the net cannot be copied: copy\.deepcopy raised TypeError"):
        average_models([model, net()])
