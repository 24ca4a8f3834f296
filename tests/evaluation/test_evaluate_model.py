"""A model and a loader of anybody's: by running, by batch and by recalibrated statistics, and the model as before."""

import copy
import random

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

import batchnorm
from batchnorm import evaluate
from batchnorm.records import ModelEvaluation, to_json


def by_hand(net: nn.Module, batches: list[tuple[Tensor, Tensor]], mode: str) -> dict[str, float]:
    """Loss and accuracy in float64, by plain forwards: in evaluation, or with the norms of a copy in training."""
    net = copy.deepcopy(net).eval()
    if mode == "batch":
        for module in net.modules():
            module.train(isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d))
    with torch.no_grad():
        outputs = torch.cat([net(images) for images, _ in batches]).double()
    labels = torch.cat([labels for _, labels in batches])
    picked = outputs.log_softmax(1).numpy()[np.arange(len(labels)), labels.numpy()]
    return {"loss": -picked.mean(), "accuracy": float((outputs.argmax(1) == labels).double().mean())}


def state_of(net: nn.Module) -> list[object]:
    tensors = [tensor.clone() for tensor in net.state_dict().values()]
    return [*tensors, *(module.training for module in net.modules()), *(len(vars(m)) for m in net.modules())]


def same(one: list[object], other: list[object]) -> bool:
    return len(one) == len(other) and all(
        torch.equal(a, b) if isinstance(a, Tensor) else a == b for a, b in zip(one, other, strict=True)
    )


@pytest.mark.parametrize("mode", ["running", "batch"])
def test_loss_and_accuracy_are_those_of_plain_forwards(net, batches, mode: str) -> None:
    said = evaluate(net, batches)
    assert getattr(said, mode) == pytest.approx(by_hand(net, batches, mode), rel=1e-5)


def test_the_gap_is_what_the_batches_give_less_what_the_running_statistics_give(net, batches) -> None:
    said = evaluate(net, batches)
    assert said.gap == {name: said.batch[name] - said.running[name] for name in ("loss", "accuracy")}


@pytest.mark.parametrize("method", ["average", "exact"])
def test_recalibrated_is_what_a_recalibrated_copy_gives(net, batches, method: str) -> None:
    other = copy.deepcopy(net)
    batchnorm.recalibrate(other, batches, method=method)
    said = evaluate(net, batches, recalibrated=method)
    assert said.recalibrated == pytest.approx(by_hand(other, batches, "running"), rel=1e-5)
    assert said.method == method
    assert "recalibrated by the very samples that judge" in " ".join(said.notes)


def test_other_data_may_give_the_statistics(net, batches, images) -> None:
    apart = [images.flip(0) * 2]
    other = copy.deepcopy(net)
    batchnorm.recalibrate(other, apart)
    said = evaluate(net, batches, recalibration_loader=apart)
    assert said.recalibrated == pytest.approx(by_hand(other, batches, "running"), rel=1e-5)
    assert "very samples" not in " ".join(said.notes)


@pytest.mark.parametrize("recalibrated", [False, True, "exact"])
def test_the_model_and_all_chance_are_as_before(net, batches, recalibrated) -> None:
    net[1].eval()
    net[0].weight.grad = torch.ones_like(net[0].weight)
    before, grad = state_of(net), net[0].weight.grad
    chance = torch.get_rng_state(), random.getstate()
    evaluate(net, batches, recalibrated=recalibrated)
    assert same(state_of(net), before)
    assert net[0].weight.grad is grad
    assert torch.equal(torch.get_rng_state(), chance[0])
    assert random.getstate() == chance[1]


class Fails(nn.Module):
    def __init__(self, net: nn.Module, after: int, error: type[BaseException]) -> None:
        super().__init__()
        self.net, self.left, self.error = net, after, error

    def forward(self, x: Tensor) -> Tensor:
        self.left -= 1
        if self.left < 0:
            raise self.error("in between")
        return self.net(x)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_the_model_is_as_before_if_it_raises(net, batches, error: type[BaseException]) -> None:
    model = Fails(net, 2, error)
    before = state_of(model)
    with pytest.raises(error, match="in between"):
        evaluate(model, batches)
    assert same(state_of(model), before)
    assert model.left == 2


class Counts(nn.Module):
    """Its outputs depend on how often it was called."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.linear, self.calls = nn.BatchNorm2d(2), nn.Linear(50, 3), 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return self.linear(self.norm(x).flatten(1)) * self.calls


def test_each_pass_begins_with_what_the_model_keeps_between_calls(batches) -> None:
    torch.manual_seed(0)
    model = Counts().eval()
    alone = evaluate(model, batches).running
    model.norm.momentum = 1.0
    assert evaluate(model, batches, recalibrated=True).running == alone
    assert model.calls == 0


def test_a_loader_that_shuffles_and_augments_gives_every_pass_the_same(net, images, labels) -> None:
    class Varied(Dataset):
        def __len__(self) -> int:
            return len(images)

        def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
            return images[index] + torch.rand(()) + random.gauss(0, 1), labels[index]

    net[1].momentum = net[6].momentum = 0.0
    for norm in (net[1], net[6]):  # by what they have, whatever the batch
        norm.forward = lambda x, norm=norm: F.batch_norm(x, norm.running_mean, norm.running_var)
    said = evaluate(net, DataLoader(Varied(), 10, shuffle=True, generator=torch.Generator().manual_seed(3)))
    assert said.batch == said.running
    assert said.notes == (
        "the outputs are the same by both: these norms take no batch's statistics, or nothing reads them",
    )


@pytest.mark.parametrize("batch_size", [None, 10])
def test_a_data_set_is_cut_into_shuffled_batches(net, images, labels, batch_size: int | None) -> None:
    order = labels.argsort()  # by class: a batch of one class has statistics of its own
    said = evaluate(net, TensorDataset(images[order], labels[order]), batch_size=batch_size)
    assert said.running == pytest.approx(by_hand(net, [(images, labels)], "running"), rel=1e-5)
    assert said.batch_size == (batch_size or 50)
    alone = by_hand(net, list(zip(images[order].split(10), labels[order].split(10), strict=True)), "batch")
    assert said.batch["loss"] != pytest.approx(alone["loss"], rel=1e-3)


def test_a_data_set_that_streams_is_read(net, images, labels) -> None:
    class Stream(IterableDataset):
        def __iter__(self):
            return iter(zip(images, labels, strict=True))

    assert evaluate(net, Stream(), batch_size=20).batches == 3


def test_a_net_without_norms_has_one_row_that_says_so(batches) -> None:
    said = evaluate(nn.Sequential(nn.Flatten(), nn.Linear(50, 3)), (batch for batch in batches), recalibrated=True)
    assert (said.norms, said.batch, said.recalibrated) == (0, None, None)
    assert "nothing: there is no batch norm" in str(said)
    assert "the model has no batch norm layers" in said.notes[0]


def test_a_folded_net_has_one_row_that_says_so(net, batches, images) -> None:
    batchnorm.fold(net.eval(), images[:4])
    said = evaluate(net, batches)
    assert (said.folded, said.batch) == (True, None)
    assert "nothing: the norms are folded" in str(said)


def test_norms_without_statistics_have_one_row_that_says_so(net, batches) -> None:
    for place in (1, 6):
        net[place] = type(net[place])(net[place].num_features, track_running_stats=False)
    said = evaluate(net, batches)
    assert said.batch is None
    assert said.running == pytest.approx(by_hand(net, batches, "batch"), rel=1e-5)
    assert "each batch's own (16)" in str(said)
    assert said.notes[0] == "1, 6: keeps no running statistics, and normalizes by each batch in evaluation, too"


def test_batches_of_one_value_per_channel_are_said(net, images, labels) -> None:
    ones = list(zip(images.split(1), labels.split(1), strict=True))
    said = evaluate(net, ones)
    assert (said.batch, said.samples) == (None, 50)
    assert "no batch has more than one value per channel" in said.notes[0]


def test_a_lone_last_batch_is_left_out_of_the_batches_row_alone(net, images, labels) -> None:
    batches = list(zip(images[:33].split(16), labels[:33].split(16), strict=True))
    said = evaluate(net, batches)
    assert said.running == pytest.approx(by_hand(net, batches, "running"), rel=1e-5)
    assert said.batch == pytest.approx(by_hand(net, batches[:2], "batch"), rel=1e-5)
    assert said.notes == (
        "1 sample in batches of one value per channel, which have no statistics, are left out of that row",
    )


def test_a_net_that_cannot_run_by_its_batches_is_judged_and_the_reason_told(batches) -> None:
    class Guarded(Counts):
        def forward(self, x: Tensor) -> Tensor:
            if self.norm.training:
                raise AssertionError("for evaluation only")
            return super().forward(x)

    said = evaluate(Guarded(), batches)
    assert said.batch is None
    assert said.notes == (
        "not judged by each batch's own statistics: the model raised AssertionError: for evaluation only",
    )


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_a_script_is_judged_by_its_running_statistics(net, batches) -> None:
    script = torch.jit.script(net)
    said = evaluate(script, batches)
    assert said.running == pytest.approx(by_hand(net, batches, "running"), rel=1e-5)
    assert "of torch.jit" in said.notes[0]


def test_outputs_that_are_not_finite_are_no_numbers_and_said(net, images, labels) -> None:
    images[3] = torch.nan
    said = evaluate(net, [(images, labels)])
    assert said.running["loss"] is None
    assert said.running["accuracy"] == pytest.approx(
        by_hand(net, [(images[4:], labels[4:])], "running")["accuracy"] * 46 / 50
        + by_hand(net, [(images[:3], labels[:3])], "running")["accuracy"] * 3 / 50
    )
    assert "the outputs for 1 of 50 samples are not finite" in said.notes
    assert "not finite" in str(said)
    assert '"loss": null' in to_json(said)


def test_wrappers_are_seen_through_and_said(net, batches) -> None:
    plain = evaluate(net, batches)
    wrapped = evaluate(nn.DataParallel(net), batches)
    assert (wrapped.running, wrapped.batch) == (plain.running, plain.batch)
    assert wrapped.notes == ("DataParallel: the module inside is meant",)


def test_model_and_loader_may_be_given_by_name(net, batches) -> None:
    assert evaluate(model=net, loader=batches).running == evaluate(net, batches).running


def test_the_record_is_one_line_a_table_and_json(net, batches) -> None:
    said = evaluate(net, batches, recalibrated=True)
    assert isinstance(said, ModelEvaluation)
    assert len(repr(said).splitlines()) == 1
    rows = [row[0].text for row in said.table().cells]
    assert rows == ["running statistics", "each batch's own (16)", "recalibrated (average)", "gap: batch - running"]
    assert to_json(said).startswith('{"record": "ModelEvaluation", "version": 1, "model": "Sequential", "samples": 50')
    assert "<table>" in said._repr_html_()
