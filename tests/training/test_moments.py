"""Does a training normalize by the moments that were asked for, or say why it cannot?"""

from dataclasses import replace

import pytest
import torch
from torch import nn

from batchnorm import evaluate
from batchnorm.errors import InputError
from batchnorm.functional import Batch, Ghost, Population, Renorm
from batchnorm.models import ConvBNNet
from batchnorm.nn import BatchNorm1d, set_moments
from batchnorm.runs import RunFolder, load_run, write_config
from batchnorm.training import fit, resume

from .runs import Listener, assert_same_bits, make_old, weights

SOURCES = {"ghost:16": Ghost(16), "renorm:2,1,4": Renorm(2, 1, 4), "population": Population()}


def sources(net: nn.Module) -> list[object]:
    return [module.moments for module in net.modules() if hasattr(module, "moments")]


@pytest.mark.parametrize("moments", SOURCES)
def test_every_layer_takes_the_source_that_was_asked_for(few, quick, moments: str) -> None:
    trained = fit(replace(quick, moments=moments, epochs=1), source=few)
    assert sources(trained.model) == [SOURCES[moments]] * 2  # ema_decay: the average has it too


@pytest.mark.parametrize("moments", SOURCES)
def test_a_net_of_one_s_own_takes_it_too(few, quick, moments: str) -> None:
    net = ConvBNNet(width=4)
    fit(replace(quick, moments=moments, epochs=1), model=net, source=few)
    assert sources(net) == [SOURCES[moments]] * 2


def test_batch_leaves_a_net_of_one_s_own_the_sources_that_it_came_with(few, quick) -> None:
    net = ConvBNNet(width=4)
    set_moments(net, "ghost:8")
    fit(replace(quick, epochs=1), model=net, source=few)
    assert sources(net) == [Ghost(8)] * 2


def test_ghosts_of_the_size_of_a_batch_or_more_change_no_bit(few, quick) -> None:
    plain, ghosts = (fit(replace(quick, moments=moments), source=few).model for moments in ("batch", "ghost:64"))
    assert_same_bits(plain.state_dict(), ghosts.state_dict())


@pytest.mark.parametrize("moments", ["ghost:16", "renorm:2,1,4"])
def test_another_source_trains_another_net(few, quick, moments: str) -> None:
    plain, other = (fit(replace(quick, moments=each), source=few).model for each in ("batch", moments))
    assert not torch.equal(plain.conv1.weight, other.conv1.weight)


def test_a_lazy_net_takes_the_source_too(few, quick) -> None:
    from batchnorm.nn import LazyBatchNorm1d

    net = nn.Sequential(nn.Flatten(), nn.LazyLinear(8), LazyBatchNorm1d(), nn.LazyLinear(10))
    assert sources(fit(replace(quick, moments="ghost:16", epochs=1), model=net, source=few).model) == [Ghost(16)]


@pytest.mark.parametrize("norm", ["torch", "none"])
def test_a_source_needs_a_norm_of_this_package(few, quick, norm: str) -> None:
    said = (
        rf"^moments: 'renorm' was asked for, but the net has no batch norm of this package \(norm: '{norm}'\)\. Use "
        r"moments='batch', or a norm of this package\.$"
    )
    with pytest.raises(InputError, match=said):
        fit(replace(quick, moments="renorm", norm=norm), source=few)
    assert few.loaded == []


def test_a_net_of_one_s_own_without_such_a_norm_is_told_whose_layers_take_one(few, quick) -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 8), nn.BatchNorm1d(8), nn.Linear(8, 10))
    said = r"Use moments='batch', or build the net with the layers of batchnorm\.nn\.$"
    with pytest.raises(InputError, match=said):
        fit(replace(quick, moments="population"), model=net, source=few)


def test_a_net_that_is_refused_has_the_settings_that_it_came_with(few, quick) -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 8), BatchNorm1d(8, moments="ghost:4"), nn.Linear(8, 10))
    with pytest.raises(InputError, match="'ghost:1' cannot compute this net"):
        fit(replace(quick, moments="ghost:1", route="native"), model=net, source=few)
    assert (net[2].moments, net[2].route) == (Ghost(4), "auto")


def test_a_net_whose_data_is_refused_has_the_settings_that_it_came_with(few_images, quick) -> None:
    net = ConvBNNet(width=4)
    with pytest.raises(InputError, match="expected at least 2 training images to be left"):
        fit(replace(quick, moments="ghost:8"), model=net, source=few_images(train=1))
    assert sources(net) == [Batch()] * 2


def test_a_layer_that_cannot_take_it_is_named(few, quick) -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 8), BatchNorm1d(8, track_running_stats=False), nn.Linear(8, 10))
    said = r"^BatchNorm1d: moments='renorm' reads the running statistics, and this layer has none\. Pass track_run"
    with pytest.raises(InputError, match=said):
        fit(replace(quick, moments="renorm"), model=net, source=few)


def test_slices_that_have_no_variance_are_told_before_images_are_read(few, quick) -> None:
    with pytest.raises(
        InputError, match=r"^moments: 'ghost:1' cannot compute this net, 'batch' can: .*more than 1 val"
    ):
        fit(replace(quick, moments="ghost:1", model="MLP", model_args={}), source=few)
    assert few.loaded == []


def test_a_population_that_cannot_be_measured_is_told_before_images_are_read(few, quick) -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 8), BatchNorm1d(8, momentum=0.0), nn.Linear(8, 10))
    said = r"^moments: this net's population cannot be measured: .*frozen.*momentum = 0\.0"
    with pytest.raises(InputError, match=said):
        fit(replace(quick, moments="population"), model=net, source=few)
    assert few.loaded == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"moments": "ghost:64"}, "a batch of 64 is one slice of 'ghost:64': this is plain batch norm"),
        (
            {"moments": "renorm"},
            "the limits of 'renorm' widen over 5,000 steps, and this training has 5: at its end they are 0% of their "
            "way; moments='renorm:3.0,5.0,2' widens them in half of it",
        ),
    ],
)
def test_what_a_source_does_not_do_in_this_training_is_said(few, quick, changes: dict[str, str], said: str) -> None:
    listener = Listener()
    fit(replace(quick, epochs=1, **changes), source=few, watcher=listener)
    assert said in listener.notes


def test_norms_of_others_beside_ours_are_counted_in_a_note(few, quick) -> None:
    listener = Listener()
    layers = nn.Linear(784, 8), nn.BatchNorm1d(8), nn.Linear(8, 8), BatchNorm1d(8), nn.Linear(8, 10)
    net = nn.Sequential(nn.Flatten(), *layers)
    fit(replace(quick, epochs=1, moments="ghost:16"), model=net, source=few, watcher=listener)
    said = "1 of 2 norm layers are not of this package: they train by the batch's own moments"
    assert said in listener.notes


@pytest.mark.parametrize("moments", [*SOURCES, "batch"])
def test_a_run_remembers_its_source(few, quick, tmp_path, moments: str) -> None:
    result = fit(replace(quick, moments=moments, epochs=1), out=tmp_path, source=few).result
    folder = RunFolder.open(tmp_path)
    assert {result.moments, folder.read_config().moments, folder.read_result().moments} == {moments}
    assert sources(load_run(tmp_path)[0]) == [SOURCES.get(moments, load_run(tmp_path)[0].bn1.moments)] * 2


def test_the_file_of_a_model_that_trained_by_the_batch_says_nothing_of_it(few, quick, tmp_path) -> None:
    """Older code reads what it always read."""
    from safetensors import safe_open

    for moments in ("batch", "ghost:16"):
        fit(replace(quick, epochs=1, moments=moments), out=tmp_path / moments, source=few)
    said = [safe_open(tmp_path / each / "model.safetensors", "pt").metadata() for each in ("batch", "ghost:16")]
    assert [each.get("moments") for each in said] == [None, "ghost:16"]
    assert said[1].keys() - said[0].keys() == {"moments"}


@pytest.mark.parametrize("moments", SOURCES)
def test_a_run_is_evaluated_by_its_running_statistics(few, quick, tmp_path, moments: str) -> None:
    result = fit(replace(quick, moments=moments, epochs=1), out=tmp_path, source=few).result
    evaluation = evaluate(tmp_path, source=few)
    assert evaluation.running.loss == pytest.approx(result.test_loss, rel=1e-5)
    net, card = load_run(tmp_path)
    set_moments(net, "batch")
    test = few.load("test")
    with torch.no_grad():
        outputs = net(card.normalization.apply(test.images))
    assert result.test_loss == pytest.approx(nn.functional.cross_entropy(outputs, test.labels).item(), rel=1e-5)


def test_a_run_is_not_resumed_with_another_source(few, quick, tmp_path) -> None:
    fit(replace(quick, moments="ghost:16"), out=tmp_path, source=few)
    (tmp_path / "config.toml").write_text(
        write_config(replace(RunFolder.open(tmp_path).read_config(), moments="batch"))
    )
    with pytest.raises(InputError, match=r"the run was started with other options: moments\. Put them back"):
        resume(tmp_path, source=few)


def test_a_run_that_is_older_than_the_option_goes_on_by_the_batch(few, quick, tmp_path) -> None:
    done = fit(quick, out=tmp_path, source=few)
    make_old(tmp_path)
    assert resume(tmp_path, source=few).result == done.result


def test_a_run_that_is_older_than_the_option_does_not_go_on_by_another_source(few, quick, tmp_path) -> None:
    fit(quick, out=tmp_path, source=few)
    make_old(tmp_path)
    config = replace(RunFolder.open(tmp_path).read_config(), moments="renorm")
    (tmp_path / "config.toml").write_text(write_config(config))
    with pytest.raises(InputError, match=r"the run was started with other options: moments\. Put them back"):
        resume(tmp_path, source=few)


def test_a_file_with_a_source_that_is_none_is_refused(few, quick, tmp_path) -> None:
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    fit(replace(quick, moments="ghost:16", epochs=1), out=tmp_path, source=few)
    path = tmp_path / "model.safetensors"
    metadata = {**safe_open(path, "pt").metadata(), "moments": "gost:16"}
    metadata.pop("sha256")
    save_file(load_file(path), path, metadata)
    with pytest.raises(InputError, match=r"the card in its metadata is broken.*moments: expected batch, ghost:32"):
        load_run(tmp_path)


def test_a_resumed_run_has_the_source_and_the_same_bits(few, quick, tmp_path) -> None:
    from batchnorm.runs import TrainingInterrupted

    from .runs import Stopper

    config = replace(quick, moments="renorm:2,1,4")
    fit(config, out=tmp_path / "whole", source=few)
    with pytest.raises(TrainingInterrupted, match="all is saved"):
        fit(config, out=tmp_path / "parts", source=few, watcher=Stopper(7))
    assert sources(resume(tmp_path / "parts", source=few).model) == [Renorm(2, 1, 4)] * 2
    assert_same_bits(weights(tmp_path / "whole"), weights(tmp_path / "parts"))
