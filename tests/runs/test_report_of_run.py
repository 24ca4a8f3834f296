"""Is what a page shows of a run what the run is, and does the run stay as it was?"""

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from batchnorm import TrainConfig, evaluate, fit
from batchnorm.data import open_source
from batchnorm.errors import InputError
from batchnorm.models import ConvBNNet
from batchnorm.records import RunReport, from_json, to_json
from batchnorm.runs import load_run, read_history, report_of_run, save_model


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A small run that is far from perfect."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    fit(TrainConfig(epochs=1, val_fraction=0.97, model_args={"width": 4}, seed=1), out=folder)
    return folder


@pytest.fixture(scope="module")
def files(run):
    """The files of the run before anybody looked at it."""
    return {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}


@pytest.fixture(scope="module")
def report(run, files):
    """What is gathered of it."""
    return report_of_run(run, samples=9, max_samples=200)


def test_the_run_stays_as_it_was(run, files, report) -> None:
    assert {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()} == files


def test_it_has_the_epochs_and_the_evaluation_of_the_run(run, report) -> None:
    assert (report.history, report.evaluation) == (read_history(run), evaluate(run))


def test_statistics_are_compared_with_those_that_the_model_has(run, report) -> None:
    net, _ = load_run(run)
    norms = [module for module in net.modules() if hasattr(module, "running_mean")]
    for measured, norm in zip(report.statistics.norms, norms, strict=True):
        torch.testing.assert_close(torch.tensor(measured.old_mean), norm.running_mean)


def test_the_surest_mistakes_come_first(report) -> None:
    mistakes = [sample.prediction.probabilities[0] for sample in report.samples if not sample.is_right]
    assert len(mistakes) == 6
    assert mistakes == sorted(mistakes, reverse=True)
    assert [sample.is_right for sample in report.samples] == [False] * 6 + [True] * 3


def test_a_sample_is_the_image_that_is_named(run, report) -> None:
    sample = report.samples[0]
    image = Image.open(io.BytesIO(base64.b64decode(sample.png)))
    shown = torch.from_numpy(np.array(image))[None]
    place = int(sample.prediction.image.removeprefix("test image "))
    test = open_source(report.evaluation.data).load("test")
    assert torch.equal(shown, test.read(torch.tensor([place]))[0])


def test_it_is_read_back_as_it_was_written(report) -> None:
    assert from_json(to_json(report), RunReport) == report


@pytest.fixture(scope="module")
def of_bare_net(run, tmp_path_factory):
    """What is gathered of a model file beside no config, of a net without norms."""
    arguments = {"width": 4, "norm": "none"}
    path = tmp_path_factory.mktemp("alone") / "bare.safetensors"
    save_model(path, ConvBNNet(**arguments), replace(load_run(run)[1], arguments=arguments))
    return report_of_run(path, samples=1)


def test_a_model_alone_has_no_epochs(of_bare_net) -> None:
    assert of_bare_net.history is None


def test_a_net_without_norms_is_shown_without_statistics(of_bare_net) -> None:
    assert of_bare_net.statistics is None
    assert "The running statistics were not compared with exact ones: " in of_bare_net.notes[0]


@pytest.mark.parametrize("options", [{"samples": 0}, {"max_samples": -1}, {"samples": 2.5}])
def test_how_many_images_is_a_number_of_them(run, options) -> None:
    with pytest.raises(InputError, match=f"{next(iter(options))}: expected an integer of at least 1"):
        report_of_run(run, **options)
