"""Which epoch's model is tested and kept: the best by validation, whatever comes after it."""

from dataclasses import replace

import pytest
import torch

from batchnorm.errors import InputError
from batchnorm.models import ConvBNNet
from batchnorm.runs import TrainConfig, TrainingInterrupted, evaluate, load_model, load_run
from batchnorm.training import Watcher, _loop, fit, resume

from .runs import Listener, Stopper, assert_same_bits, weights, without_times

VALIDATED = [(0.5, 0.5), (0.4, 0.9), (0.3, 0.9), (0.2, 0.7)]
"""Loss and accuracy of each epoch by the images that were held out: the third is the best."""
BEST = 3


@pytest.fixture
def few(few_images):
    """Two steps an epoch."""
    return few_images(140, 50)


@pytest.fixture
def four(quick) -> TrainConfig:
    return replace(quick, epochs=4, keep="best")


@pytest.fixture(autouse=True)
def validated(monkeypatch) -> None:
    """What the validation says; the nets of these few steps differ by chance alone."""
    monkeypatch.setattr(_loop, "judged", lambda course, *_: VALIDATED[course.job.position.epoch])


class Epochs(Watcher):
    """Keeps what the model file of a run holds after each epoch."""

    def __init__(self, run) -> None:
        self.run, self.weights = run, []

    def epoch(self, record) -> None:
        self.weights.append(weights(self.run))


def of_each_epoch(config, source, run, **more) -> list[dict[str, torch.Tensor]]:
    """The weights at the end of each epoch of the training that keeps the last ones."""
    epochs = Epochs(run)
    fit(replace(config, keep="last"), out=run, source=source, watcher=epochs, **more)
    return epochs.weights


@pytest.mark.parametrize("ema_decay", [0.0, 0.9])
def test_the_model_of_the_best_epoch_is_kept_and_returned(few, four, tmp_path, ema_decay: float) -> None:
    four = replace(four, ema_decay=ema_decay)
    expected = of_each_epoch(four, few, tmp_path / "last")[BEST - 1]
    trained = fit(four, out=tmp_path / "best", source=few)
    assert_same_bits(weights(tmp_path / "best"), expected)
    assert_same_bits({name: value.cpu() for name, value in trained.model.state_dict().items()}, expected)
    assert not trained.model.training


def test_the_result_says_which_epoch_and_speaks_of_its_model(few, four, tmp_path) -> None:
    result = fit(four, out=tmp_path, source=few).result
    assert (result.kept_epoch, result.val_loss, result.val_accuracy, result.epochs) == (BEST, *VALIDATED[BEST - 1], 4)
    judged = evaluate(tmp_path, dataset=few)
    assert result.test_loss == pytest.approx(judged.running.loss, rel=1e-5)
    assert "the model is that of epoch 3, the best by validation" in str(result)


def test_the_training_that_keeps_the_last_epoch_names_none(few, quick) -> None:
    assert fit(replace(quick, epochs=1), source=few).result.kept_epoch is None


def test_a_note_says_which_epoch_is_kept(few, four) -> None:
    listener = Listener()
    fit(four, source=few, watcher=listener)
    assert "the model of epoch 3 of 4 is kept, the best by validation (accuracy 0.9000)" in listener.notes


@pytest.mark.parametrize("stop_after", [1, 5, 6, 8])
def test_a_stopped_and_resumed_run_keeps_the_same_bits(few, four, tmp_path, stop_after: int) -> None:
    """The stops lie before the first epoch's end, inside and behind the best one, and at the end."""
    whole = fit(four, out=tmp_path / "whole", source=few)
    with pytest.raises(TrainingInterrupted):
        fit(four, out=tmp_path / "parts", source=few, watcher=Stopper(stop_after))
    resumed = resume(tmp_path / "parts", source=few)
    assert_same_bits(weights(tmp_path / "parts"), weights(tmp_path / "whole"))
    assert list(map(without_times, resumed.history)) == list(map(without_times, whole.history))
    assert replace(resumed.result, seconds=0, run="") == replace(whole.result, seconds=0, run="")


@pytest.mark.parametrize(("stop_after", "best"), [(2, 1), (5, 2), (7, 3)])
def test_the_file_of_a_run_that_is_stopped_holds_the_best_epoch_so_far(few, four, tmp_path, stop_after, best) -> None:
    expected = of_each_epoch(four, few, tmp_path / "last")[best - 1]
    with pytest.raises(TrainingInterrupted):
        fit(four, out=tmp_path / "best", source=few, watcher=Stopper(stop_after))
    assert_same_bits(weights(tmp_path / "best"), expected)


def test_a_run_that_is_stopped_in_its_first_epoch_has_a_model(few, four, tmp_path) -> None:
    with pytest.raises(TrainingInterrupted):
        fit(four, out=tmp_path, source=few, watcher=Stopper(1))
    assert weights(tmp_path)["bn1.num_batches_tracked"] == 1


def test_a_net_in_hand_ends_with_the_last_weights_and_the_best_ones_are_a_copy(few, four) -> None:
    four = replace(four, ema_decay=0.0, model_args={})
    net = ConvBNNet(width=4)
    trained = fit(four, model=net, source=few)
    assert trained.model is not net
    assert (net.bn1.num_batches_tracked, trained.model.bn1.num_batches_tracked) == (8, 6)


def test_a_recalibration_at_the_end_is_of_the_kept_weights(few, four, tmp_path) -> None:
    kept = of_each_epoch(four, few, tmp_path / "last")[BEST - 1]
    trained = fit(replace(four, recalibrate="average"), out=tmp_path / "best", source=few)
    got = weights(tmp_path / "best")
    assert_same_bits(
        {n: v for n, v in got.items() if "running" not in n and "num" not in n},
        {n: v for n, v in kept.items() if "running" not in n and "num" not in n},
    )
    assert not torch.equal(got["bn1.running_mean"], kept["bn1.running_mean"])
    assert_same_bits(trained.model.state_dict(), got)


def test_a_longer_training_without_a_better_epoch_keeps_the_file_of_the_model_as_it_was_trained(
    few, four, tmp_path
) -> None:
    fit(replace(four, epochs=3, recalibrate="average"), out=tmp_path, source=few)
    former = tmp_path / "model.before-recalibration.safetensors"
    trained = load_model(former)[0].state_dict()
    assert resume(tmp_path, source=few, epochs=4).result.kept_epoch == BEST
    assert_same_bits(load_model(former)[0].state_dict(), trained)


def test_a_recalibration_leaves_the_frozen_norms_of_the_kept_model_alone(few, four, tmp_path) -> None:
    options = replace(four, freeze_norms="bn1", ema_decay=0.0)
    kept = of_each_epoch(options, few, tmp_path / "last")[BEST - 1]
    fit(replace(options, recalibrate="average"), out=tmp_path / "best", source=few)
    got = weights(tmp_path / "best")
    assert torch.equal(got["bn1.running_mean"], kept["bn1.running_mean"])
    assert not torch.equal(got["bn2.running_mean"], kept["bn2.running_mean"])
    net = load_model(tmp_path / "best" / "model.safetensors")[0]
    assert net.train().bn1.training


def test_the_folded_model_is_of_the_kept_weights(few, four, tmp_path) -> None:
    trained = fit(replace(four, fold=True), out=tmp_path, source=few)
    images = few.load("test").images[:8].float()
    folded, _ = load_run(tmp_path / "folded.safetensors")
    with torch.no_grad():
        torch.testing.assert_close(folded.eval()(images), trained.model(images), rtol=1e-4, atol=1e-4)


def test_a_finished_run_gives_the_kept_model_again(few, four, tmp_path) -> None:
    done = fit(four, out=tmp_path, source=few)
    again = resume(tmp_path, source=few)
    assert again.result == done.result
    assert_same_bits(again.model.state_dict(), done.model.state_dict())


def test_without_validation_images_there_is_nothing_to_choose_by(quick) -> None:
    with pytest.raises(InputError, match=r"^keep: 'best' is chosen by validation images, .* set val_fraction=0.05\.$"):
        replace(quick, keep="best", val_fraction=0.0)


def test_a_fraction_of_so_few_images_that_none_is_held_out_is_refused(few, four, tmp_path) -> None:
    with pytest.raises(InputError, match=r"^keep: the best epoch is .* and val_fraction=1e-06 holds no image out"):
        fit(replace(four, val_fraction=1e-6), out=tmp_path / "run", source=few)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("change", [lambda states: states.pop("kept"), lambda states: states.update(kept=3)])
def test_a_checkpoint_without_the_kept_model_is_refused(few, four, tmp_path, change) -> None:
    fit(four, out=tmp_path, source=few)
    saved = torch.load(tmp_path / "last.ckpt", weights_only=True)
    change(saved["states"])
    torch.save(saved, tmp_path / "last.ckpt")
    with pytest.raises(InputError, match=r"the checkpoint does not fit this run's config: .*kept"):
        resume(tmp_path, source=few)


def test_a_run_cannot_change_what_it_keeps_when_it_goes_on(few, quick, tmp_path) -> None:
    fit(quick, out=tmp_path, source=few)
    config = (tmp_path / "config.toml").read_text()
    (tmp_path / "config.toml").write_text(config.replace('keep = "last"', 'keep = "best"'))
    with pytest.raises(InputError, match="the run was started with other options: keep"):
        resume(tmp_path, source=few)
