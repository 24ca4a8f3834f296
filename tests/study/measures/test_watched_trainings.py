"""A training that is looked at goes as one that is not."""

import pytest
import torch

from batchnorm.study import Arm, Claim, Run, Scope
from batchnorm.study.claims import CLAIMS
from batchnorm.study.claims._looks import batch_of_update, update_times
from batchnorm.study.measures import noise_behind_norms

SCOPE = Scope(seeds=1, train_images=20, epochs=2, test_images=100, options={"looks": 2})


def claim(name: str) -> Claim:
    return next(claim for claim in CLAIMS if claim.id == name)


def run(of: Claim, arm: Arm, lr: float = 0.01) -> Run:
    return Run(of.id, arm.name, {**arm.options, "lr": lr}, 0, SCOPE, "fashion-mnist-mini")


def test_looks_are_spread_from_the_first_update_to_the_last() -> None:
    assert update_times(run(claim("smoothness"), claim("smoothness").arms[0])) == [1, 2]


@pytest.mark.parametrize("number", [1, 2])
def test_the_batch_of_an_update_is_that_of_the_training(number: int) -> None:
    one = run(claim("smoothness"), claim("smoothness").arms[0])
    seen = [images for epoch in range(2) for images, _ in one.batches("train", 128, shuffle=True).epoch(0, epoch)]
    assert torch.equal(batch_of_update(one, number)[0], seen[number - 1])


@pytest.mark.parametrize("name", ["stable-inputs", "smoothness"])
def test_accuracy_is_that_of_a_training_that_nobody_watches(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given = claim(name)
    watched = run(given, next(arm for arm in given.arms if arm.name.startswith("noisy") or name == "smoothness"))
    monkeypatch.setattr(
        Run, "accuracy", lambda _, net, *__: float(sum(p.detach().double().sum() for p in net.parameters()))
    )
    measured = given.measure(watched)
    assert not isinstance(measured, dict)
    net = watched.net(depth=8) if name == "stable-inputs" else watched.net()
    if name == "stable-inputs":
        with noise_behind_norms(net, watched.generator("noise")):
            watched.train(net, lr=0.01, schedule="constant")
    else:
        watched.train(net, lr=0.01, schedule="constant")
    assert measured.values["accuracy"] == watched.accuracy(net)


@pytest.mark.parametrize("name", ["stable-inputs", "smoothness"])
def test_a_training_that_diverges_is_a_result_with_series_as_long_as_the_others(name: str) -> None:
    measured = claim(name).measure(run(claim(name), claim(name).arm("no norm"), lr=1e30))
    assert not isinstance(measured, dict)
    assert measured.diverged is not None
    assert {len(series) for series in measured.series.values()} == {2}
