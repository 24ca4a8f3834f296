"""A run that is folded: what is written, what it says of it, and that the run stays as it was."""

import hashlib
import os
import sys
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from batchnorm import unfold
from batchnorm.errors import InputError
from batchnorm.models import ConvBNNet
from batchnorm.runs import (
    FoldWatcher,
    RunFolder,
    TrainConfig,
    fold_checkpoint,
    fold_run,
    load_folded,
    load_model,
    load_run,
    recalibrate_run,
    times_in_turn,
    unfold_file,
    write_config,
)
from batchnorm.runs._state_dict import take_off_wrappers
from batchnorm.surgery import FoldOptions, is_folded
from batchnorm.training import Watcher, fit, resume

from .runs import assert_same_bits, weights

CONFIG = TrainConfig(model_args={"width": 4}, epochs=1, batch_size=100, threads=1, val_fraction=0.1)


@pytest.fixture
def out(tmp_path):
    return tmp_path / "folded.safetensors"


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def outputs(path, few):
    net, card = load_run(path)
    with torch.no_grad():
        return net(card.normalization.apply(few.load("test").images))


def test_the_written_net_computes_what_the_run_does_without_norms(run, out, few) -> None:
    said = fold_run(run, out=out, source=few, threads=1)
    assert said.report.named("folded") == ("bn1", "bn2")
    assert is_folded(load_model(out)[0])
    assert not any(isinstance(module, nn.BatchNorm2d) for module in load_model(out)[0].modules())
    torch.testing.assert_close(outputs(out, few), outputs(run, few), rtol=0, atol=1e-4)


def test_the_run_is_only_read(run, out, few) -> None:
    before = files(run)
    fold_run(run, out=run / "folded.safetensors", source=few, threads=1)
    after = files(run)
    assert after.keys() - before.keys() == {"folded.safetensors"}
    assert {name: after[name] for name in before} == before


def test_the_record_judges_both_nets_by_the_test_images(run, out, few) -> None:
    said = fold_run(run, out=out, source=few, threads=1)
    assert (said.data, said.judged_on, said.judged, said.batch_size) == ("few", "test", 100, 16)
    for judged, path in ((said.before, run), (said.after, out)):
        logits, labels = outputs(path, few), few.load("test").labels
        assert judged.loss == pytest.approx(nn.functional.cross_entropy(logits, labels).item(), rel=1e-4)
        assert judged.accuracy == pytest.approx((logits.argmax(1) == labels).double().mean().item())
    for median, (lower, upper) in (
        (said.milliseconds_before, said.quartiles_before),
        (said.milliseconds_after, said.quartiles_after),
    ):
        assert 0 < lower <= median <= upper
    assert (said.calls, said.device, said.threads, said.trained) == (15, "cpu", 1, None)


def test_the_record_names_the_file_and_its_digest(run, out, few) -> None:
    said = fold_run(run, out=out, source=few, threads=1)
    assert said.written == str(out)
    assert said.sha256 == hashlib.sha256(out.read_bytes()).hexdigest()


def test_a_recalibrated_run_is_judged_as_it_was_trained_too(run, out, few) -> None:
    before = fold_run(run, out=out, source=few, threads=1).before
    recalibrate_run(run, source=few, threads=1)
    said = fold_run(run, out=out, overwrite=True, source=few, threads=1)
    assert said.trained == before
    assert said.before != before
    assert said.milliseconds_trained > 0


def test_without_a_proof_there_is_none(run, out, few) -> None:
    assert fold_run(run, out=out, source=few, threads=1, options=FoldOptions(verify=False)).report.proof is None


def test_the_proof_takes_as_many_test_images_as_asked_for(run, out, few) -> None:
    assert fold_run(run, out=out, source=few, threads=1, batch_size=3).batch_size == 3
    with pytest.raises(InputError, match="batch_size: expected an integer of at least 1, got 0"):
        fold_run(run, out=out, source=few, batch_size=0)


def test_unfold_gives_the_trained_weights_bit_for_bit(run, out, few) -> None:
    fold_run(run, out=out, source=few, threads=1)
    net, _ = load_run(out)
    assert unfold(net) == ("bn1", "bn2")
    assert_same_bits(net.state_dict(), weights(run))


def test_unfold_file_gives_the_model_file_back(run, out, few, tmp_path) -> None:
    fold_run(run, out=out, source=few, threads=1)
    names = unfold_file(out, out=tmp_path / "back")
    assert set(names) == weights(run).keys()
    assert_same_bits(load_file(tmp_path / "back"), load_file(run / "model.safetensors"))
    assert metadata_of(tmp_path / "back") == metadata_of(run / "model.safetensors")


def metadata_of(path) -> dict[str, str] | None:
    with safe_open(path, framework="pt") as file:
        return file.metadata()


def test_a_file_that_is_not_folded_is_not_unfolded(run, tmp_path) -> None:
    with pytest.raises(InputError, match="expected a file that `batchnorm fold` wrote, got one in which nothing is"):
        unfold_file(run / "model.safetensors", out=tmp_path / "back")
    assert not (tmp_path / "back").exists()


def test_a_folded_net_is_not_folded_again(run, out, few, tmp_path) -> None:
    fold_run(run, out=out, source=few, threads=1)
    with pytest.raises(InputError, match=r"this net is folded already.*batchnorm\.runs\.unfold_file\(.*folded"):
        fold_run(out, out=tmp_path / "twice", source=few)


# Where the caller wants the file, in the run's folder, and what is said.
PLACES = {
    "nowhere": (None, "out: expected the name of a new file"),
    "the model": ("model.safetensors", "is the file that is read"),
    "the checkpoint": ("last.ckpt", "belongs to the run, which stays as it is"),
    "the former model": ("model.before-recalibration.safetensors", "belongs to the run"),
    "the folder": (".", "expected the name of a file"),
    "a file that is there": ("mine", "exists already. Choose another, or pass overwrite=True to replace it."),
    "no folder": ("no/file", "is not a folder that can be written to"),
}


@pytest.mark.parametrize("case", PLACES)
def test_a_place_that_is_taken_is_refused_before_the_work(run, few, case: str) -> None:
    name, message = PLACES[case]
    (run / "mine").write_bytes(b"mine")
    before = files(run)
    with pytest.raises(InputError, match=message):
        fold_run(run, out=None if name is None else run / name, source=few)
    assert files(run) == before
    assert few.loaded == []


def test_overwrite_replaces_a_file_but_none_of_the_run_s(run, few) -> None:
    (run / "mine").write_bytes(b"mine")
    fold_run(run, out=run / "mine", overwrite=True, source=few, threads=1)
    assert is_folded(load_model(run / "mine")[0])
    for name in ("model.safetensors", "config.toml"):
        with pytest.raises(InputError, match="stays as it is"):
            fold_run(run, out=run / name, overwrite=True, source=few)


@pytest.mark.parametrize("moment", ["folding", "judging", "timing"])
def test_an_interrupt_writes_nothing(run, out, few, moment: str) -> None:
    class Interrupts(FoldWatcher):
        def doing(self, what: str) -> None:
            if what.startswith(moment):
                raise KeyboardInterrupt

    before = files(run)
    with pytest.raises(KeyboardInterrupt, match="interrupted: nothing was written"):
        fold_run(run, out=out, source=few, threads=1, watcher=Interrupts())
    assert (files(run), out.exists()) == (before, False)


def test_a_full_disk_leaves_the_old_file_and_nothing_else(run, out, few, monkeypatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    out.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device"):
        fold_run(run, out=out, overwrite=True, source=few, threads=1)
    assert files(out.parent) == {out.name: b"old"}


def test_nets_are_timed_in_turn() -> None:
    order = []

    class Says(nn.Module):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

        def forward(self, x):
            order.append(self.name)
            return x

    times = times_in_turn([Says("a"), Says("b")], (torch.zeros(1),))
    assert order[:4] == ["a", "b", "a", "b"]
    assert order.count("a") == order.count("b") >= 15
    assert all(0 < time.lower <= time.median <= time.upper for time in times)


# A training that ends with a fold.


def test_a_training_writes_the_folded_net_beside_the_model(few, quick, tmp_path) -> None:
    heard = []

    class Listener(Watcher):
        folded = staticmethod(heard.append)

    trained = fit(replace(quick, fold=True), out=tmp_path / "on", source=few, watcher=Listener())
    fit(quick, out=tmp_path / "off", source=few)
    assert_same_bits(weights(tmp_path / "on"), weights(tmp_path / "off"))
    assert not is_folded(trained.model)
    fold_run(tmp_path / "off", out=tmp_path / "later", source=few, threads=1)
    assert_same_bits(load_file(tmp_path / "on" / "folded.safetensors"), load_file(tmp_path / "later"))
    assert (trained.result.folded, trained.result.folded_accuracy) == (2, trained.result.test_accuracy)
    assert [record.written for record in heard] == [str(tmp_path / "on" / "folded.safetensors")]
    assert RunFolder.open(tmp_path / "on").read_result() == trained.result


def test_a_training_without_a_folder_says_what_folding_comes_to(few, quick) -> None:
    assert fit(replace(quick, epochs=1, fold=True), source=few).result.folded == 2


def test_a_fold_that_died_is_done_when_the_run_goes_on_and_only_then(few, quick, tmp_path, monkeypatch) -> None:
    from batchnorm.training import _loop

    def dies(*_: object) -> None:
        raise SystemExit("died")

    with monkeypatch.context() as patch:
        patch.setattr(_loop, "fold_trained", dies)
        with pytest.raises(SystemExit, match="died"):
            fit(replace(quick, fold=True), out=tmp_path, source=few)
    result = RunFolder.open(tmp_path).read_result()
    again = resume(tmp_path, source=few).result
    assert again == replace(result, folded=2, folded_accuracy=result.test_accuracy)
    before = files(tmp_path)
    assert resume(tmp_path, source=few).result == again
    assert files(tmp_path) == before


def test_a_run_is_not_resumed_with_another_choice_of_folding(few, quick, tmp_path) -> None:
    fit(replace(quick, epochs=1), out=tmp_path, source=few)
    config = replace(RunFolder.open(tmp_path).read_config(), fold=True)
    (tmp_path / "config.toml").write_text(write_config(config))
    with pytest.raises(InputError, match=r"the run was started with other options: fold\. Put them back"):
        resume(tmp_path, source=few)


def test_a_net_without_norms_is_refused_before_its_images_are_read(few, quick) -> None:
    with pytest.raises(InputError, match="fold: this net cannot be folded, leave it off: it has no batch norm"):
        fit(replace(quick, norm="none", fold=True), source=few)
    assert few.loaded == []


# A checkpoint of one's own.

NET = """
from torch import nn

def net():
    return nn.Sequential(nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU())
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """The net of a module in the present folder, with statistics."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "net_to_fold", raising=False)
    (tmp_path / "net_to_fold.py").write_text(NET)
    net = nn.Sequential(nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU())
    net(torch.randn(8, 1, 9, 9))
    return net.eval()


def fold_own(path: str, **options: object):
    return fold_checkpoint(
        path, model="net_to_fold:net", inputs=[(2, 1, 9, 9)], out="out.safetensors", threads=1, **options
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("ending", ["pt", "safetensors"])
def test_a_checkpoint_comes_back_bit_for_bit(own, dtype: torch.dtype, ending: str) -> None:
    before = own.to(dtype).state_dict()
    torch.save(before, "net.pt") if ending == "pt" else save_file(before, "net.safetensors", {"made": "by me"})
    said = fold_own(f"net.{ending}")
    assert said.report.named("folded") == ("1",)
    assert (said.before, said.data, said.batch_size) == (None, None, 2)
    unfold_file("out.safetensors", out=f"back.{ending}")
    back = torch.load("back.pt", weights_only=True) if ending == "pt" else load_file("back.safetensors")
    assert_same_bits(back, before)
    assert back["0.weight"].dtype == dtype
    if ending == "safetensors":
        assert metadata_of("back.safetensors") == {"made": "by me"}


def test_a_checkpoint_from_before_the_counter_of_batches_gets_none(own) -> None:
    old = {name: tensor for name, tensor in own.state_dict().items() if "num_batches" not in name}
    save_file(old, "net.safetensors")
    fold_own("net.safetensors")
    unfold_file("out.safetensors", out="back.safetensors")
    assert_same_bits(load_file("back.safetensors"), old)


def compiled(net: nn.Module) -> nn.Module:
    return torch.compile(net, backend="eager")


WRAPPERS = {
    "DataParallel": (torch.nn.DataParallel, "module."),
    "torch.compile": (compiled, "_orig_mod."),
    "both": (lambda net: torch.nn.DataParallel(compiled(net)), "module._orig_mod."),
    "both, the other way round": (lambda net: compiled(torch.nn.DataParallel(net)), "_orig_mod.module."),
}


@pytest.mark.parametrize("ending", ["pt", "safetensors"])
@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_what_a_wrapper_put_before_every_name_is_taken_off_and_comes_back(own, wrapper: str, ending: str) -> None:
    wrap, prefix = WRAPPERS[wrapper]
    before = wrap(own).state_dict()
    torch.save(before, "net.pt") if ending == "pt" else save_file(before, "net.safetensors")
    heard = FoldWatcher()
    notes: list[str] = []
    heard.note = notes.append
    assert fold_own(f"net.{ending}", watcher=heard).report.named("folded") == ("1",)
    assert notes == [f"every name in net.{ending} begins with '{prefix}', of a wrapper; it was taken off"]
    load_folded("out.safetensors", nn.Sequential(nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU()))
    names = unfold_file("out.safetensors", out=f"back.{ending}")
    back = torch.load("back.pt", weights_only=True) if ending == "pt" else load_file("back.safetensors")
    assert_same_bits(back, before)
    assert set(names) == set(before)


def test_a_name_that_is_the_net_s_own_is_not_taken_off(own) -> None:
    """The net itself has everything in a child that is called module; it was wrapped once."""
    inside = {f"module.{name}": tensor for name, tensor in own.state_dict().items()}
    assert take_off_wrappers(dict(inside), inside) == ""
    twice = {f"module.{name}": tensor for name, tensor in inside.items()}
    assert take_off_wrappers(twice, inside) == "module."
    assert_same_bits(twice, inside)


def test_what_not_every_name_has_is_not_taken_off(own) -> None:
    mixed = {f"module.{name}": tensor for name, tensor in own.state_dict().items()} | {"n_averaged": torch.tensor(3)}
    torch.save(mixed, "net.pt")
    with pytest.raises(InputError, match=r"net\.pt: does not fit the net of net_to_fold:net: .*Missing key"):
        fold_own("net.pt")


def test_the_versions_of_modules_survive_it(own) -> None:
    """A module may read an older state in another way: by what the `state_dict` says of its version."""
    state = torch.nn.DataParallel(own).state_dict()
    assert take_off_wrappers(state, own.state_dict()) == "module."
    assert state._metadata == own.state_dict()._metadata


def test_load_folded_gives_the_folded_net_which_can_be_unfolded(own) -> None:
    torch.save(own.state_dict(), "net.pt")
    fold_own("net.pt")
    fresh = nn.Sequential(nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU())
    net, x = load_folded("out.safetensors", fresh), torch.randn(3, 1, 9, 9)
    assert isinstance(net[1], nn.Identity)
    torch.testing.assert_close(net(x), own(x), rtol=0, atol=1e-5)
    unfold(net)
    assert_same_bits(net.state_dict(), own.state_dict())


def test_load_folded_refuses_other_files_and_other_nets(own, trained) -> None:
    with pytest.raises(InputError, match="save_folded or `batchnorm fold CHECKPOINT` wrote, got another"):
        load_folded(trained / "model.safetensors", own)
    torch.save(own.state_dict(), "net.pt")
    fold_own("net.pt")
    with pytest.raises(
        InputError, match=r"model: expected a model of the architecture that was saved to out\.safetensors"
    ):
        load_folded("out.safetensors", ConvBNNet())
    with pytest.raises(InputError, match=r"a folded net of your own, .* Read it with batchnorm\.runs\.load_folded\("):
        load_model("out.safetensors")
