"""Batches of every shape, and metrics of every kind; what cannot be judged is refused with what to pass."""

from collections import namedtuple
from dataclasses import dataclass
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchmetrics import MetricCollection
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score

from batchnorm import evaluate
from batchnorm.errors import InputError, InputTypeError

Named = namedtuple("Named", "image label")


@dataclass
class Item:
    image: Tensor
    label: Tensor


SHAPES = {
    "a list": (lambda x, y: [x, y], {}),
    "a named tuple": (Named, {}),
    "three": (lambda x, y: (x, y, "file"), {"target_fn": lambda batch: batch[1]}),
    "the other way round": (
        lambda x, y: (y, x),
        {"forward_fn": lambda model, batch: model(batch[1]), "target_fn": lambda batch: batch[0]},
    ),
    "a dict": (
        lambda x, y: {"image": x, "label": y},
        {"forward_fn": lambda model, batch: model(batch["image"]), "target_fn": lambda batch: batch["label"]},
    ),
    "an object": (
        Item,
        {"forward_fn": lambda model, batch: model(batch.image), "target_fn": lambda batch: batch.label},
    ),
    "labels of another kind": (lambda x, y: (x, y.to(torch.uint8)), {}),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_batches_of_every_shape_give_the_same(net, batches, shape: str) -> None:
    make, options = SHAPES[shape]
    assert evaluate(net, [make(*batch) for batch in batches], **options).running == evaluate(net, batches).running


def test_a_model_of_two_inputs_gets_both(batches) -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm, self.linear = nn.BatchNorm2d(2), nn.Linear(50, 3)

        def forward(self, x: Tensor, shift: Tensor) -> Tensor:
            return self.linear(self.norm(x + shift).flatten(1))

    torch.manual_seed(0)
    model = Two().eval()
    loader = [(images, images * 2, labels) for images, labels in batches]
    outputs = torch.cat([model(images, images * 2) for images, _ in batches])
    wanted = F.cross_entropy(outputs, torch.cat([labels for _, labels in batches])).item()
    assert evaluate(model, loader).running["loss"] == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda x, y: x,
            r"expected batches of \(inputs, targets\), got a Tensor\. Say where .* target_fn=lambda batch",
        ),
        (lambda x, y: (x,), "got a tuple of 1"),
        (lambda x, y: (x, y, y), r"got a tuple of 3\. .*target_fn=lambda batch: batch\[1\]"),
    ],
)
def test_batches_whose_targets_nobody_knows_are_refused(net, batches, make, message: str) -> None:
    with pytest.raises(InputError, match=message):
        evaluate(net, [make(*batch) for batch in batches])


def test_a_dict_that_the_forward_does_not_take_is_refused_with_what_to_pass(net, batches) -> None:
    with pytest.raises(TypeError, match=r"a dict of the arguments of the model's forward.*forward_fn=lambda model"):
        evaluate(net, [{"image": images, "label": labels} for images, labels in batches])


def test_a_segmentation_counts_pixels_and_leaves_ignored_ones_out() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Conv2d(4, 3, 1)).eval()
    images, masks = torch.randn(9, 2, 6, 6), torch.randint(3, (9, 6, 6))
    masks[:2] = -100
    outputs = net(images).double()
    said = evaluate(net, list(zip(images.split(4), masks.split(4), strict=True)))
    assert said.running["loss"] == pytest.approx(F.cross_entropy(outputs, masks).item(), rel=1e-5)
    right = (outputs.argmax(1) == masks)[masks >= 0].double().mean().item()
    assert said.running["accuracy"] == pytest.approx(right)


def test_soft_targets_have_a_loss_and_no_accuracy(net, images) -> None:
    targets = torch.rand(50, 3).softmax(1)
    said = evaluate(net, [(images, targets)])
    wanted = -(targets.double() * net.eval()(images).double().log_softmax(1)).sum(1).mean().item()
    assert said.running == {"loss": pytest.approx(wanted, rel=1e-5)}


UNFIT = {
    "a regression": (1, lambda y: y[:, None].float(), r"outputs of a number for each of at least two classes"),
    "numbers that are no probabilities": (
        3,
        lambda y: torch.randn(len(y), 3),
        "class numbers, or probabilities of all",
    ),
    "one-hot whole numbers": (3, lambda y: F.one_hot(y, 3), "expected a class number for each output"),
    "a column": (3, lambda y: y[:, None], r"targets int64 of shape \(50, 1\)\. .*metric=lambda outputs, targets"),
    "a class too many": (2, lambda y: y, "class numbers from 0 to 1, for the model has 2 outputs, got 2"),
    "a class below 0": (3, lambda y: y - 1, "class numbers from 0 to 2, .* got -1"),
}


@pytest.mark.parametrize("case", UNFIT)
def test_what_cross_entropy_cannot_judge_is_refused_with_what_to_pass(images, labels, case: str) -> None:
    outputs, make, message = UNFIT[case]
    net = nn.Sequential(nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(50, outputs))
    with pytest.raises(InputError, match=message):
        evaluate(net, [(images, make(labels))])


def test_outputs_in_a_dict_are_refused_and_judged_by_a_metric(net, batches) -> None:
    class Wrapped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def forward(self, image: Tensor) -> dict[str, Tensor]:
            return {"logits": self.net(image)}

    with pytest.raises(InputTypeError, match="by outputs; expected a tensor, got a dict"):
        evaluate(Wrapped(), batches)
    said = evaluate(Wrapped(), batches, metric=lambda outputs, targets: F.cross_entropy(outputs["logits"], targets))
    assert said.running["metric"] == pytest.approx(evaluate(net, batches).running["loss"], rel=1e-5)


def test_probabilities_are_said_to_look_like_it(net, batches) -> None:
    said = evaluate(nn.Sequential(net, nn.Softmax(1)), batches)
    assert any(note.startswith("the outputs look like probabilities") for note in said.notes)


MEANS = {
    "a function": (F.cross_entropy, "cross_entropy"),
    "a module": (nn.CrossEntropyLoss(), "CrossEntropyLoss"),
    "a partial": (partial(F.cross_entropy, ignore_index=-1), "cross_entropy"),
    "one number per sample": (nn.CrossEntropyLoss(reduction="none"), "CrossEntropyLoss"),
    "a lambda that gives a Python number": (
        lambda outputs, targets: F.cross_entropy(outputs, targets).item(),
        "metric",
    ),
    "a lambda that gives NumPy's": (lambda outputs, targets: F.cross_entropy(outputs, targets).numpy(), "metric"),
}


@pytest.mark.parametrize("kind", MEANS)
def test_a_mean_over_batches_counts_each_sample_once(net, batches, kind: str) -> None:
    """The last batch has 2 samples, the others 16."""
    metric, name = MEANS[kind]
    assert evaluate(net, batches, metric=metric).running == {
        name: pytest.approx(evaluate(net, batches).running["loss"], rel=1e-5)
    }


def test_an_object_that_accumulates_sees_all_samples_and_stays_as_it_is(net, batches, images, labels) -> None:
    metric = MulticlassF1Score(3, average="macro")
    metric.update(torch.tensor([0, 1]), torch.tensor([0, 2]))
    before = metric.compute().item()
    said = evaluate(net, batches, metric=metric)
    alone = MulticlassF1Score(3, average="macro")
    assert said.running == {"MulticlassF1Score": pytest.approx(alone(net.eval()(images), labels).item(), rel=1e-5)}
    assert metric.compute().item() == before


def test_several_metrics_have_a_column_each(net, batches) -> None:
    several = {"top": MulticlassAccuracy(3, average="micro"), "loss": nn.CrossEntropyLoss(), "both": None}
    said = evaluate(net, batches, metric=several)
    own = evaluate(net, batches).running
    assert list(said.running) == ["top", "loss", "both loss", "both accuracy"]
    assert said.running["top"] == pytest.approx(own["accuracy"])
    assert (said.running["both loss"], said.running["both accuracy"]) == (own["loss"], own["accuracy"])


def test_a_collection_of_torchmetrics_is_one(net, batches) -> None:
    collection = MetricCollection([MulticlassAccuracy(3), MulticlassF1Score(3)])
    assert {*evaluate(net, batches, metric=collection).running} == {"MulticlassAccuracy", "MulticlassF1Score"}


NO_METRICS = {
    "a class": (nn.CrossEntropyLoss, r"got the class CrossEntropyLoss itself\. Make one"),
    "a name": ("accuracy", r"got a str\. Leave it out for loss and accuracy"),
    "nothing returned": (lambda outputs, targets: None, "got None from metric"),
    "a tensor of outputs": (lambda outputs, targets: outputs, r"got a Tensor of shape \(16, 3\) from metric"),
    "one value per class": (MulticlassAccuracy(3, average="none"), r"got a Tensor of shape \(3,\) from Multiclass"),
}


@pytest.mark.parametrize("case", NO_METRICS)
def test_what_is_no_metric_is_refused(net, batches, case: str) -> None:
    metric, message = NO_METRICS[case]
    with pytest.raises(InputTypeError, match=message):
        evaluate(net, batches, metric=metric)


@pytest.mark.parametrize("metric", [nn.MSELoss(reduction="sum"), partial(F.cross_entropy, reduction="sum")])
def test_sums_over_batches_are_refused(net, batches, metric: object) -> None:
    with pytest.raises(InputError, match='metric: expected a mean over the batch, got reduction="sum"'):
        evaluate(net, batches, metric=metric)


def test_a_metric_that_raises_is_told_with_what_it_was_given(net, batches) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        evaluate(net, batches, metric=lambda outputs, targets: 1 / 0)
    assert caught.value.__notes__ == [
        "The metric was called with outputs float32 of shape (16, 3) and targets int64 of shape (16,)."
    ]


def test_a_metric_that_is_not_finite_is_none(net, batches) -> None:
    assert evaluate(net, batches, metric=lambda outputs, targets: float("inf")).running == {"metric": None}


def test_a_loader_that_varies_its_samples_is_named(net, batches) -> None:
    class Varied:
        passes = 0

        def __iter__(self):
            self.passes += 1
            return ((x + self.passes, y) for x, y in batches)

    said = evaluate(net, Varied())
    assert any("the loader gave other values for the samples in each pass" in note for note in said.notes)


def test_the_order_of_the_samples_does_not_make_them_others(net, batches) -> None:
    class Turned:
        passes = 0

        def __iter__(self):
            self.passes += 1
            return iter(batches[:: 1 if self.passes % 2 else -1])

    assert not any("other values" in note for note in evaluate(net, Turned()).notes)
