"""What becomes of the buffers of an average of weights: averaged, copied, or measured where it is judged."""

import os
import signal
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook

from batchnorm import recalibrate
from batchnorm.errors import InputError
from batchnorm.models import ConvBNNet
from batchnorm.nn import BatchNorm1d
from batchnorm.records import EpochRecord
from batchnorm.runs import RunFolder, TrainConfig, TrainingInterrupted, load_run, recalibrate_run
from batchnorm.training import DivergenceError, StepReport, Watcher, fit, resume

from .runs import Listener, Stopper, assert_same_bits, weights, without_times

POLICIES = ["average", "copy", "recalibrate"]
STATISTICS = [f"bn{number}.running_{which}" for number in (1, 2) for which in ("mean", "var")]


def own_net() -> nn.Module:
    torch.manual_seed(1)
    return ConvBNNet(width=4)


class Steps(Watcher):
    """Keeps the state of a net behind each step, in float64."""

    def __init__(self, net: nn.Module) -> None:
        self.net, self.states = net, []

    def step(self, report: StepReport) -> None:
        self.states.append({name: tensor.double() for name, tensor in self.net.state_dict().items()})


def by_hand(states: list[dict[str, torch.Tensor]], decay: float) -> dict[str, torch.Tensor]:
    """The average of states, by its formula."""
    average = states[0]
    for n, state in enumerate(states[1:], 1):
        d = min(decay, (1 + n) / (10 + n))
        average = {name: d * average[name] + (1 - d) * state[name] for name in state}
    return average


def test_averaged_buffers_follow_the_formula_of_the_weights(few, quick) -> None:
    net = own_net()
    steps = Steps(net)
    got = fit(quick, model=net, source=few, watcher=steps).model.state_dict()
    expected = by_hand(steps.states, 0.9)
    for name in [*STATISTICS, "conv1.weight"]:
        torch.testing.assert_close(got[name].double(), expected[name], rtol=1e-5, atol=1e-6)


def test_copied_buffers_are_those_of_the_net_that_trains(few, quick) -> None:
    net = own_net()
    averaged = fit(replace(quick, ema_buffers="copy"), model=net, source=few).model
    assert averaged is not net
    assert_same_bits(dict(averaged.named_buffers()), dict(net.named_buffers()))


@pytest.mark.parametrize("policy", POLICIES)
def test_the_weights_are_the_same_whatever_becomes_of_the_buffers(few, quick, policy: str) -> None:
    plain = fit(quick, source=few).model
    other = fit(replace(quick, ema_buffers=policy), source=few).model
    assert_same_bits(dict(plain.named_parameters()), dict(other.named_parameters()))


def test_measured_buffers_are_those_of_a_recalibration(few, quick, tmp_path) -> None:
    fit(quick, out=tmp_path / "average", source=few)
    recalibrate_run(tmp_path / "average", source=few, threads=1)
    fit(replace(quick, ema_buffers="recalibrate"), out=tmp_path / "measured", source=few)
    assert_same_bits(weights(tmp_path / "measured"), weights(tmp_path / "average"))


class Files(Watcher):
    """Keeps the file of the model behind each epoch."""

    def __init__(self, run) -> None:
        self.run, self.nets, self.losses = run, [], []

    def epoch(self, record: EpochRecord) -> None:
        self.nets.append(load_run(self.run))
        self.losses.append(record.val_loss)


@pytest.mark.parametrize("policy", POLICIES)
def test_each_epoch_validates_what_it_saves(few, quick, tmp_path, policy: str) -> None:
    """The images that were held out are found by what is known of the split: it follows from the seed."""
    from batchnorm import data

    files = Files(tmp_path)
    fit(replace(quick, ema_buffers=policy), out=tmp_path, source=few, watcher=files)
    _, held_out = data.split_off_validation(few.load("train"), quick.val_fraction, quick.seed)
    assert len(files.losses) == 2
    for (net, card), loss in zip(files.nets, files.losses, strict=True):
        with torch.no_grad():
            outputs = net(card.normalization.apply(held_out.images))
        assert loss == pytest.approx(nn.functional.cross_entropy(outputs, held_out.labels).item(), rel=1e-5)


def test_the_net_that_is_tested_is_the_one_that_was_validated_last(few, quick, tmp_path) -> None:
    files = Files(tmp_path)
    trained = fit(replace(quick, ema_buffers="recalibrate"), out=tmp_path, source=few, watcher=files)
    assert_same_bits(trained.model.state_dict(), files.nets[-1][0].state_dict())


@pytest.mark.parametrize(("policy", "stop_after"), [("copy", 7), *(("recalibrate", step) for step in (2, 5, 7))])
def test_a_stopped_and_resumed_run_ends_with_the_same_bits(few, quick, tmp_path, policy, stop_after: int) -> None:
    """Within the first epoch of five steps, behind its last step, and within the second."""
    config = replace(quick, ema_buffers=policy)
    whole = fit(config, out=tmp_path / "whole", source=few)
    with pytest.raises(TrainingInterrupted, match="all is saved"):
        fit(config, out=tmp_path / "parts", source=few, watcher=Stopper(stop_after))
    resumed = resume(tmp_path / "parts", source=few)
    assert_same_bits(weights(tmp_path / "whole"), weights(tmp_path / "parts"))
    assert list(map(without_times, resumed.history)) == list(map(without_times, whole.history))


class StopWhileMeasuring(Watcher):
    """Sends a signal to this process in the second batch of a measurement."""

    def __init__(self, number: int) -> None:
        self.left = number

    def measuring(self, done: int, total: int | None) -> None:
        self.left -= done == 2
        if done == 2 and self.left == 0:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("number", [1, 2])
def test_a_measurement_that_is_interrupted_is_done_again(few, quick, tmp_path, number: int) -> None:
    config = replace(quick, ema_buffers="recalibrate")
    fit(config, out=tmp_path / "whole", source=few)
    with pytest.raises(TrainingInterrupted, match=f"epoch {number} after step 5 of 5; all is saved"):
        fit(config, out=tmp_path / "parts", source=few, watcher=StopWhileMeasuring(number))
    resumed = resume(tmp_path / "parts", source=few)
    assert len(resumed.history) == 2
    assert_same_bits(weights(tmp_path / "whole"), weights(tmp_path / "parts"))


def test_at_most_two_thousand_images_are_read_at_the_end_of_each_epoch(few_images, quick) -> None:
    class Counts(Listener):
        batches = 0

        def measuring(self, done: int, total: int | None) -> None:
            self.batches += 1

    heard = Counts()
    fit(
        replace(quick, ema_buffers="recalibrate", batch_size=500, val_fraction=0.0),
        source=few_images(train=3000),
        watcher=heard,
    )
    assert heard.batches == 2 * 16  # of 128
    assert heard.notes == ["the average's statistics are measured on 2,000 training images at each epoch's end"]


@pytest.mark.parametrize("policy", ["copy", "recalibrate"])
def test_it_goes_with_the_population_recalibration_and_folding(few, quick, policy: str) -> None:
    config = replace(quick, moments="population", lr=0.01, ema_buffers=policy, recalibrate="average", fold=True)
    result = fit(config, source=few).result
    assert (result.recalibrate, result.refreshes, result.folded) == ("average", 3, 2)
    assert result.folded_accuracy == pytest.approx(result.test_accuracy)


def test_a_recalibration_at_the_end_has_the_last_word(few, quick, tmp_path) -> None:
    fit(replace(quick, recalibrate="exact"), out=tmp_path / "plain", source=few)
    fit(replace(quick, recalibrate="exact", ema_buffers="recalibrate"), out=tmp_path / "both", source=few)
    assert_same_bits(weights(tmp_path / "plain"), weights(tmp_path / "both"))


def test_norms_that_their_user_froze_are_not_measured(few, quick) -> None:
    class Frozen(BatchNorm1d):
        def train(self, mode: bool = True) -> nn.Module:
            return super().train(False)

    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 8), Frozen(8), nn.Linear(8, 8), BatchNorm1d(8), nn.Linear(8, 10))
    averaged = fit(replace(quick, ema_buffers="recalibrate"), model=net, source=few).model
    assert torch.equal(averaged[2].running_mean, torch.zeros(8))
    assert not torch.equal(averaged[4].running_mean, torch.zeros(8))


def test_norms_that_the_training_freezes_are_not_measured(few, quick) -> None:
    averaged = fit(replace(quick, ema_buffers="recalibrate", freeze_norms="bn1"), model=own_net(), source=few).model
    assert torch.equal(averaged.bn1.running_mean, torch.zeros(4))
    assert not torch.equal(averaged.bn2.running_mean, torch.zeros(8))


def test_a_training_that_freezes_all_norms_has_nothing_to_measure(few, quick) -> None:
    with pytest.raises(InputError, match=r"^ema_buffers: the statistics of this net's average cannot be measured: "):
        fit(replace(quick, ema_buffers="recalibrate", freeze_norms="*"), source=few)


@pytest.mark.parametrize("policy", ["copy", "recalibrate"])
def test_a_policy_without_an_average_is_refused(policy: str) -> None:
    said = (
        rf"^ema_buffers: '{policy}' says what becomes of an average's statistics, and there is no average\. "
        r"Leave it out, or set ema_decay=0\.999\.$"
    )
    with pytest.raises(InputError, match=said):
        TrainConfig(ema_buffers=policy)


def test_a_net_without_norms_is_refused_before_the_first_step(few, quick) -> None:
    said = r"^ema_buffers: the statistics of this net's average cannot be measured: .* got none: there is nothing"
    with pytest.raises(InputError, match=said):
        fit(replace(quick, norm="none", ema_buffers="recalibrate"), source=few)


def test_weights_beyond_numbers_are_a_divergence_where_the_average_is_measured(few, quick) -> None:
    net, updates = own_net(), []

    def poison(*_: object) -> None:
        updates.append(1)
        if len(updates) == 10:
            with torch.no_grad():
                net.conv2.weight.fill_(1e38)

    hook = register_optimizer_step_post_hook(poison)
    said = r"the average's statistics cannot be measured: expected finite values in the input of bn2, got NaN or inf"
    try:
        with pytest.raises(DivergenceError, match=rf"^epoch 2, step 5 of 5: {said}"):
            fit(replace(quick, ema_buffers="recalibrate"), model=net, source=few)
    finally:
        hook.remove()


def test_a_run_is_not_resumed_with_another_policy(few, quick, tmp_path) -> None:
    from batchnorm.runs import write_config

    fit(replace(quick, ema_buffers="copy"), out=tmp_path, source=few)
    config = replace(RunFolder.open(tmp_path).read_config(), ema_buffers="average")
    (tmp_path / "config.toml").write_text(write_config(config))
    with pytest.raises(InputError, match=r"the run was started with other options: ema_buffers\. Put them back"):
        resume(tmp_path, source=few)


def test_the_average_of_two_nets_on_the_same_data_has_a_smaller_variance_than_the_law_of_total_variance_says() -> None:
    """Why variances are averaged as they are: where weights move and data do not, the outputs' average varies less."""
    torch.manual_seed(0)
    x = torch.randn(1000, 6)
    nets = [nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4, momentum=None)) for _ in range(2)]
    for net in nets:
        net(x)
    averaged = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4))
    with torch.no_grad():
        for ours, one, other in zip(averaged.parameters(), *(net.parameters() for net in nets), strict=True):
            ours.copy_((one + other) / 2)
    recalibrate(averaged, [x])
    plain = (nets[0][1].running_var + nets[1][1].running_var) / 2
    between = (nets[0][1].running_mean - nets[1][1].running_mean).square() / 4
    assert (averaged[1].running_var < plain).all()
    assert (plain < plain + between).all()
    torch.testing.assert_close(averaged[1].running_mean, (nets[0][1].running_mean + nets[1][1].running_mean) / 2)
