"""A run of a module and of data that no file can name: judged, recalibrated, folded, looked at, gone on with."""

import sys
from dataclasses import replace
from types import ModuleType, SimpleNamespace

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from batchnorm import evaluate
from batchnorm.data import DatasetInfo, Split, from_datasets
from batchnorm.errors import InputError, InputTypeError
from batchnorm.runs import (
    RunFolder,
    TrainConfig,
    TrainingInterrupted,
    fold_run,
    load_run,
    recalibrate_run,
    wiring_of_run,
)
from batchnorm.training import fit, resume

from .conftest import FewImages
from .runs import Stopper, assert_same_bits


def own_net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 3, 5, stride=4), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(108, 10))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """One epoch of a module on a source, by objects alone."""
    folder = tmp_path_factory.mktemp("own") / "run"
    fit(TrainConfig(epochs=1, threads=1), out=folder, model=own_net(), source=FewImages())
    return folder


@pytest.fixture
def named(monkeypatch, few) -> str:
    """A module that holds the same under names."""
    own = ModuleType("own_parts")
    own.net, own.few, own.make, own.kind = own_net, few, lambda: few, FewImages
    own.broken, own.needy, own.nothing, own.number = raising, needy, lambda: None, 3
    own.same_name = SimpleNamespace(info=few.bundled.info, locate=few.locate, load=few.load)
    monkeypatch.setitem(sys.modules, "own_parts", own)
    return "own_parts"


def raising() -> None:
    raise KeyError("no such folder")


def needy(folder: str) -> None:
    """Needs an argument."""


VERBS = {
    "evaluate": lambda run, tmp_path, **own: evaluate(run, **own).running.images,
    "recalibrate": lambda run, tmp_path, **own: recalibrate_run(run, out=tmp_path / "a", threads=1, **own).judged,
    "fold": lambda run, tmp_path, **own: fold_run(run, out=tmp_path / "b", threads=1, **own).judged,
    "wiring": lambda run, tmp_path, **own: len(wiring_of_run(run, **own).rows) * 20,
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("by_name", [False, True])
def test_every_verb_takes_the_module_and_the_source_or_their_names(
    trained, tmp_path, few, named, verb: str, by_name: bool
) -> None:
    own = {"model": f"{named}:net", "source": f"{named}:few"} if by_name else {"model": own_net(), "source": few}
    assert VERBS[verb](trained, tmp_path, **own) == 100


@pytest.mark.parametrize("verb", VERBS)
def test_without_the_module_the_error_says_to_pass_it(trained, tmp_path, few, verb: str) -> None:
    with pytest.raises(
        InputError, match=r"a file may not choose which code runs\. Pass it: model=net, the module"
    ) as e:
        VERBS[verb](trained, tmp_path, source=few)
    assert "--" not in str(e.value)


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "wiring"])
def test_without_the_data_the_error_says_to_pass_them(trained, tmp_path, verb: str) -> None:
    with pytest.raises(InputError, match=r"the images are .* your own \('few'\), .* Pass them: source=\.\.\., an") as e:
        VERBS[verb](trained, tmp_path, model=own_net())
    assert "--" not in str(e.value)


def test_the_wiring_of_a_run_on_own_data_takes_random_numbers_and_says_so(trained) -> None:
    record = wiring_of_run(trained, model=own_net())
    assert record.data is None
    assert "the images of few are not here" in record.notes[0]


def test_the_module_that_is_handed_over_stays_as_it_is(trained, few) -> None:
    net = own_net().train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    loaded, _ = load_run(trained, net)
    evaluate(trained, model=net, source=few)
    assert_same_bits(net.state_dict(), before)
    assert net.training
    assert loaded is not net
    assert not loaded.training


def test_the_numbers_are_those_of_the_module_and_its_data(trained, few) -> None:
    """The same by the other form of the verb."""
    net, card = load_run(trained, own_net())
    test = few.load("test")
    alone = evaluate(net, [(card.normalization.apply(test.images), test.labels)])
    said = evaluate(trained, model=own_net(), source=few)
    assert said.running.loss == pytest.approx(alone.running["loss"], rel=1e-5)
    assert said.data == "few"


def test_a_wrapped_module_is_seen_through(trained, few) -> None:
    assert evaluate(trained, model=nn.DataParallel(own_net()), source=few).running.images == 100


def test_a_module_of_another_shape_is_refused(trained, few) -> None:
    with pytest.raises(InputError, match=r"its weights do not fit torch\.nn\.modules\.container:Sequential"):
        evaluate(trained, model=nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), source=few)


@pytest.mark.parametrize("model", [nn.Linear, 3, own_net])
def test_what_is_no_net_is_refused(trained, few, quick, model: object) -> None:
    for verb in (lambda: evaluate(trained, model=model, source=few), lambda: fit(quick, model=model, source=few)):
        with pytest.raises(
            InputTypeError, match=r"model: expected a torch\.nn\.Module or package\.module:function, got"
        ):
            verb()


def test_a_stopped_run_of_objects_goes_on_with_them_or_with_functions_that_make_them(tmp_path, few, named) -> None:
    config = TrainConfig(epochs=2, threads=1)
    fit(config, out=tmp_path / "whole", model=own_net(), source=few)
    with pytest.raises(TrainingInterrupted, match="all is saved"):
        fit(config, out=tmp_path / "parts", model=own_net(), source=few, watcher=Stopper(3))
    with pytest.raises(InputError, match="Pass it: model=net"):
        resume(tmp_path / "parts", source=few)
    with pytest.raises(InputError, match=r"Pass them: source="):
        resume(tmp_path / "parts", model=own_net())
    resume(tmp_path / "parts", model=f"{named}:net", source=f"{named}:few")
    load = {name: load_run(tmp_path / name, own_net())[0].state_dict() for name in ("whole", "parts")}
    assert_same_bits(load["whole"], load["parts"])


def test_other_data_than_those_of_the_run_do_not_go_on_with_it(tmp_path, few, quick) -> None:
    fit(replace(quick, epochs=1), out=tmp_path, source=few)
    other = SimpleNamespace(info=replace(few.info, name="others"), locate=few.locate, load=few.load)
    with pytest.raises(InputError, match="source: expected the data of this run, 'few', got 'others'"):
        resume(tmp_path, source=other)


def test_a_config_may_name_the_callers_own_data_and_no_file_is_believed(tmp_path, few, quick, named) -> None:
    done = fit(replace(quick, epochs=1, data=f"{named}:make"), out=tmp_path)
    assert done.result.data == done.card.data == "few"
    assert RunFolder.open(tmp_path).read_config().data == "own_parts:make"
    loaded = len(few.loaded)
    with pytest.raises(InputError, match=r"your own \('own_parts:make'\).* its name 'own_parts:make'"):
        resume(tmp_path)
    with pytest.raises(InputError, match=r"your own \('few'\)"):
        evaluate(tmp_path)
    assert len(few.loaded) == loaded
    assert evaluate(tmp_path, dataset=f"{named}:kind").data == "few"


WRONG_NAMES = {
    "own_parts:fw": r"data: 'own_parts:fw': own_parts .* has no 'fw'\. Did you mean 'few'\?",
    "own_pars:few": "data: 'own_pars:few': there is no module 'own_pars'",
    "own parts:few": r"data: expected package\.module:source, got 'own parts:few'",
    "own_parts:broken": "data: own_parts:broken: raised KeyError: 'no such folder'",
    "own_parts:needy": r"own_parts:needy: expected a function that needs no arguments, got \(folder: str\)",
    "own_parts:number": "own_parts:number: expected a data set with info, locate and load, or a function",
    "own_parts:same_name": "info with a name of its own, .* got 'fashion-mnist-mini'",
}


@pytest.mark.parametrize("name", WRONG_NAMES)
def test_what_is_wrong_with_a_name_of_own_data_is_said(quick, named, name: str) -> None:
    with pytest.raises(InputError, match=WRONG_NAMES[name]):
        fit(replace(quick, data=name))


def info(**other: object) -> DatasetInfo:
    return replace(FewImages().info, **other)


def source(**other: object) -> SimpleNamespace:
    few = FewImages()
    return SimpleNamespace(**{"info": few.info, "locate": few.locate, "load": few.load, **other})


def split(count: int = 20, size: int = 28, label: int = 9) -> Split:
    return Split(torch.zeros(count, 1, size, size, dtype=torch.uint8), torch.full((count,), label))


def failing(_: str) -> Split:
    raise OSError("the disk is gone")


NO_SOURCES = {
    "a list": (
        [1, 2],
        InputTypeError,
        r"source: expected a data set with .* got a list\..*from_datasets",
    ),
    "a loader": (DataLoader(TensorDataset(torch.zeros(4))), InputTypeError, "got a DataLoader"),
    "a class": (FewImages, InputTypeError, r"got the class FewImages itself\. Make one: FewImages\(\)"),
    "no info": (source(info={"name": "few"}), InputTypeError, r"expected info to be a batchnorm\.data\.DatasetInfo"),
    "no name": (source(info=info(name="")), InputError, "expected info with a name, got ''"),
    "classes in a list": (source(info=info(classes=["a"])), InputError, "classes, a tuple of names"),
    "no size": (source(info=info(image_size=0)), InputError, "image_size, an integer of at least 1, or two of them"),
    "no split": (
        source(load=lambda name: [1]),
        InputError,
        r"expected load\('train'\) to return a .*Split, got a list",
    ),
    "other images": (source(load=lambda name: split(size=8)), InputError, "info says images of 1x28x28, .* 1x8x8"),
    "no image": (source(load=lambda name: split(0)), InputError, r"load\('train'\) gave no image"),
    "a label too high": (source(load=lambda name: split(label=10)), InputError, "names 10 classes, .* gave a label 10"),
    "one that raises": (source(load=failing), InputError, r"few: load\('train'\) raised OSError: the disk is gone"),
}


@pytest.mark.parametrize("case", NO_SOURCES)
def test_what_is_wrong_with_own_data_is_said_before_anything_is_written(quick, tmp_path, case: str) -> None:
    given, kind, message = NO_SOURCES[case]
    with pytest.raises(kind, match=message):
        fit(quick, out=tmp_path / "run", source=given)
    assert not (tmp_path / "run").exists()


def test_two_ways_to_say_the_data_are_refused(trained, few) -> None:
    with pytest.raises(InputError, match=r"got a dataset and a source, .* Pass one of them"):
        evaluate(trained, model=own_net(), dataset="fashion-mnist-mini", source=few)


def test_data_sets_of_torch_train_a_net_that_is_judged_by_them(tmp_path) -> None:
    images = torch.randint(256, (60, 1, 28, 28), dtype=torch.uint8)
    own = from_datasets(TensorDataset(images, torch.arange(60) % 10), TensorDataset(images[:20], torch.arange(20) % 10))
    fit(TrainConfig(epochs=1, threads=1, model_args={"width": 4}), out=tmp_path, source=own)
    assert evaluate(tmp_path, source=own).running.images == 20


def test_the_weights_of_a_run_of_objects_are_those_that_were_trained(tmp_path, few) -> None:
    net = own_net()
    fit(TrainConfig(epochs=1, threads=1), out=tmp_path, model=net, source=few)
    assert_same_bits(load_run(tmp_path, own_net())[0].state_dict(), net.state_dict())


def test_a_source_of_other_images_is_named_by_the_argument_that_gave_it(trained) -> None:
    with pytest.raises(InputError, match=r"^source: expected 1x28x28 .*, got small, which has other images or classes"):
        evaluate(trained, model=own_net(), source=Small())


class Small:
    """Images of another size."""

    info = DatasetInfo("small", "", ("a", "b"), 1, 4, 2, 2, "", "", flippable=False)

    def locate(self) -> None: ...

    def load(self, split: str) -> Split:
        return Split(torch.zeros(2, 1, 4, 4, dtype=torch.uint8), torch.arange(2))
