"""What cannot be evaluated is refused with what was expected and what to do."""

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset, Subset, TensorDataset

from batchnorm import evaluate
from batchnorm.errors import InputError, InputTypeError, RefusedError


@pytest.mark.parametrize("twice", [lambda batches: (batch for batch in batches), iter])
def test_a_loader_that_is_read_once_is_refused_with_the_reason(net, batches, twice) -> None:
    with pytest.raises(InputError, match=r"loader: .* several times.*, which gives its batches once\. Give the loader"):
        evaluate(net, twice(batches))


def test_a_loader_that_hides_that_it_is_read_once_is_refused(net, batches) -> None:
    class Once:
        rest = iter(batches)

        def __iter__(self):
            return self.rest

    with pytest.raises(RefusedError, match="the loader gave 50 samples in the first pass, and 0 in the next"):
        evaluate(net, Once())


@pytest.mark.parametrize(
    ("loader", "message"),
    [
        (torch.zeros(4, 2, 5, 5), r"expected an iterable of batches, .* got a Tensor\. Put a single batch into a list"),
        ((torch.zeros(4, 2, 5, 5), torch.zeros(4)), "got a tuple of tensors"),
        ({"x": 1}, "got a dict"),
        (3, "got an int"),
        (None, r"loader: expected the data, got None\. Pass them: evaluate\(model, loader\)"),
    ],
)
def test_what_is_no_loader_is_refused(net, loader: object, message: str) -> None:
    with pytest.raises(InputTypeError, match=message):
        evaluate(net, loader)


@pytest.mark.parametrize("loader", [[], [(torch.zeros(0, 2, 5, 5), torch.zeros(0))]])
def test_a_loader_that_gives_nothing_is_refused(net, loader: list[object]) -> None:
    with pytest.raises(InputError, match="loader: expected at least one batch, got none"):
        evaluate(net, loader)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("runs/x", [1]), r"loader: is for a model; a run is judged by its own data, or by a source\. Leave it out"),
        ((nn.Identity(), [1], {"split": "train"}), "split: is for a run; a model is judged as it is"),
        (("runs/x", None, {"metric": len}), "metric: is for a model"),
        (("runs/x", None, {"recalibrated": True}), "recalibrated: is for a model"),
        (
            (nn.Identity(), [1], {"recalibrated": "fast"}),
            "recalibrated: expected True, 'average' or 'exact', got 'fast'",
        ),
        ((nn.Identity(), [1], {"batch_size": 4}), "batch_size: is for a data set"),
    ],
)
def test_an_argument_of_the_other_form_is_refused(arguments: tuple, message: str) -> None:
    run, loader, *options = arguments
    with pytest.raises(InputError, match=message):
        evaluate(run, loader, **(options[0] if options else {}))


@pytest.mark.parametrize("given", [None, [1, 2], 3])
def test_what_is_neither_run_nor_model_is_refused(given: object) -> None:
    with pytest.raises(InputTypeError, match="run: expected a run's folder, its model file, or a model and a loader"):
        evaluate(given)


def test_a_data_set_of_no_samples_is_refused(net) -> None:
    with pytest.raises(InputError, match="loader: expected at least one batch, got none"):
        evaluate(net, Subset(TensorDataset(torch.zeros(3, 2)), []))


def test_a_data_set_without_a_length_is_refused(net) -> None:
    class Endless(Dataset[Tensor]):
        def __getitem__(self, index: int) -> Tensor:
            return torch.zeros(2, 5, 5)

    with pytest.raises(InputTypeError, match=r"loader: expected a data set that knows its length, got an Endless with"):
        evaluate(net, Endless())


def test_a_remedy_of_recalibrate_is_told_as_its_own(net, batches) -> None:
    net.train()
    for module in net.modules():
        if hasattr(module, "running_mean"):
            module.eval()
    remedy = r"^recalibrate: .* pass include_frozen=True\. evaluate passes no such options on: recalibrate a copy of"
    with pytest.raises(InputError, match=remedy):
        evaluate(net, batches, recalibrated=True)
