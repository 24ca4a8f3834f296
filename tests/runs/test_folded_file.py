"""A folded model of any class, saved and loaded: the saved one bit for bit, or refused, the model as it was."""

import copy
import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import batchnorm
from batchnorm import fold, load_folded, save_folded, unfold
from batchnorm.errors import InputError
from batchnorm.surgery import is_folded

from ..surgery.test_interrupts import picture
from ..surgery.test_state import NETS, X, assert_same_bits, dtype_of, made


@pytest.fixture
def path(tmp_path):
    return tmp_path / "folded.safetensors"


def all_tensors(net: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers, also those that a `state_dict` leaves out."""
    return {name: tensor.detach() for name, tensor in (*net.named_parameters(), *net.named_buffers())}


def folded(net: nn.Module, **options: bool) -> nn.Module:
    fold(net, X.to(dtype_of(net)), verify=False, **options)
    return net


@pytest.mark.parametrize("kind", NETS)
def test_a_model_with_other_weights_becomes_the_saved_one_bit_for_bit(kind, path):
    net = folded(made(kind))
    save_folded(net, path)
    other = load_folded(path, made(kind, seed=9))
    assert_same_bits(all_tensors(other), all_tensors(net))
    x = X.to(dtype_of(net))
    assert torch.equal(other(x), net(x))


@pytest.mark.parametrize("kind", NETS)
def test_the_loaded_model_unfolds_to_what_was_folded(kind, path):
    before = made(kind)
    save_folded(folded(made(kind)), path)
    other = load_folded(path, made(kind, seed=9))
    unfold(other)
    assert_same_bits(all_tensors(other), all_tensors(before))


def hidden() -> nn.Module:
    """Statistics, a weight and a table that no `state_dict` has."""
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)).eval()
    net[1].register_buffer("running_mean", torch.randn(4), persistent=False)
    net[3].running_var.uniform_(0.5, 2)
    weight = net[2].weight.detach().clone()
    del net[2].weight
    net[2].register_buffer("weight", weight, persistent=False)
    net.register_buffer("table", torch.randn(5), persistent=False)
    return net


def weight_normed(make=nn.utils.parametrizations.weight_norm) -> nn.Module:
    net = nn.Sequential(make(nn.Conv2d(3, 4, 3)), nn.BatchNorm2d(4)).eval()
    net[1].running_mean.normal_()
    with torch.no_grad():
        net(X)
    return net


def half_folded() -> nn.Module:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.BatchNorm2d(4)).eval()
    net[3].register_forward_hook(lambda *_: None)
    return net


def tied() -> nn.Module:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(6, 6), nn.Linear(6, 6)).eval()
    net[3].weight = net[2].weight
    return net


def bfloat16() -> nn.Module:
    net = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4)).eval().bfloat16()
    net[1].running_mean.normal_()
    return net


MORE = {
    "hidden buffers": (hidden, {}),
    "weight_norm": (weight_normed, {"materialize": True}),
    "spectral_norm": (lambda: weight_normed(nn.utils.parametrizations.spectral_norm), {"materialize": True}),
    "the old weight_norm": (lambda: weight_normed(nn.utils.weight_norm), {"materialize": True}),
    "the old spectral_norm": (lambda: weight_normed(nn.utils.spectral_norm), {"materialize": True}),
    "a norm that is left": (half_folded, {}),
    "tied weights": (tied, {}),
    "bfloat16": (bfloat16, {}),
}


def built(kind: str, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return MORE[kind][0]()


@pytest.mark.parametrize("kind", MORE)
@pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated:FutureWarning")
def test_what_a_state_dict_cannot_say_is_in_the_file_too(kind, path):
    before = built(kind, 0)
    net = folded(built(kind, 0), **MORE[kind][1])
    save_folded(net, path)
    other = load_folded(path, built(kind, 1))
    assert_same_bits(all_tensors(other), all_tensors(net))
    assert_same_bits(other.state_dict(), net.state_dict())
    unfold(other)
    assert_same_bits(all_tensors(other), all_tensors(before))
    with torch.no_grad():
        assert torch.equal(other(X.to(dtype_of(before))), before(X.to(dtype_of(before))))


@pytest.mark.parametrize("kind", MORE)
@pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated:FutureWarning")
def test_the_file_alone_gives_the_state_dict_of_before(kind, path):
    before = built(kind, 0).state_dict()
    save_folded(folded(built(kind, 0), **MORE[kind][1]), path)
    batchnorm.runs.unfold_file(path, out=path.with_name("before.safetensors"))
    assert_same_bits(load_file(path.with_name("before.safetensors")), dict(before))


def test_a_part_that_was_folded_is_saved_with_the_whole(path):
    net, other = (nn.ModuleDict({"body": made("torch's", seed)}) for seed in (0, 9))
    fold(net["body"], X, verify=False)
    save_folded(net, path)
    assert_same_bits(all_tensors(load_folded(path, other)), all_tensors(net))


def test_a_compiled_model_is_saved_and_loaded_as_the_one_inside(path):
    net = folded(made("torch's"))
    save_folded(torch.compile(net, backend="eager"), path)
    other = made("torch's", seed=9)
    load_folded(path, torch.compile(other, backend="eager"))
    assert_same_bits(all_tensors(other), all_tensors(net))


def other_layer(place: int, layer: nn.Module) -> nn.Module:
    net = three()
    net[place] = layer
    return net.eval()


def three() -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()).eval()


OTHERS = {
    "an activation": (
        lambda: other_layer(2, nn.GELU()),
        r"2 was ReLU and is GELU here\. Build the model as it was built",
    ),
    "a stride": (
        lambda: other_layer(0, nn.Conv2d(3, 4, 3, stride=2)),
        r"0 was Conv2d\(stride=\[1, 1\]\) and is Conv2d\(stride=\[2, 2\]\)",
    ),
    "an eps": (lambda: other_layer(1, nn.BatchNorm2d(4, eps=0.1)), r"batch norm\(eps=1e-05\) and is .*eps=0\.1"),
    "a width": (lambda: other_layer(0, nn.Conv2d(3, 4, 5)), r"kernel_size=\[3, 3\]"),
    "a layer more": (lambda: nn.Sequential(*three(), nn.Tanh()).eval(), r"3 is Tanh, which the saved one does not"),
    "a layer less": (lambda: three()[:2], r"2 is ReLU.*, which this model does not have"),
    "a bias less": (lambda: other_layer(0, nn.Conv2d(3, 4, 3, bias=False)), "0.bias"),
    "on no device": (lambda: three().to("meta"), r"whose tensors have memory, got one on the meta device\. "),
    "a folded one": (lambda: folded(three()), r"model: expected a model that is not folded yet, got one that is\. "),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_a_model_of_another_architecture_is_refused_and_stays_as_it_was(kind, path):
    save_folded(folded(three()), path)
    make, said = OTHERS[kind]
    other = make().train()
    before = other.training if kind == "on no device" else picture(other)
    with pytest.raises(InputError, match=said):
        load_folded(path, other)
    assert (other.training if kind == "on no device" else picture(other)) == before


def test_a_dropout_more_and_a_synchronized_norm_are_the_same_architecture(path):
    net = folded(three())
    save_folded(net, path)
    other = nn.SyncBatchNorm.convert_sync_batchnorm(nn.Sequential(*three(), nn.Dropout()).eval())
    assert torch.equal(load_folded(path, other)(X), net(X))


def changed_tensor(path) -> None:
    tensors, about = contents(path)
    tensors["0.weight"][0] += 1
    save_file(tensors, path, about)


def older_misfit(path) -> None:
    """Written before files said of which layers the model is, and damaged."""
    tensors, about = contents(path)
    state = json.loads(about["fold"])
    state["folds"][0]["norms"][0]["names"] = ["2"]
    save_file(tensors, path, {"format": about["format"], "version": "1", "fold": json.dumps(state)})


def contents(path):
    with safe_open(path, framework="pt") as file:
        return load_file(path), file.metadata()


FILES = {
    "none": (lambda path: path.unlink(), "expected a model file, found none"),
    "another format": (lambda path: path.write_bytes(b"no"), "expected a safetensors file"),
    "weights alone": (
        lambda path: save_file(three().state_dict(), path),
        r"wrote, got another\. The state_dict of a folded model alone does not say what was folded\. Save the model",
    ),
    "a changed weight": (changed_tensor, "its contents are not those that were written"),
    "a norm that is none": (older_misfit, "2 is no batch norm whose place could be taken"),
}


@pytest.mark.parametrize("kind", FILES)
def test_another_file_is_refused_and_the_model_stays_as_it_was(kind, path):
    save_folded(folded(three()), path)
    change, said = FILES[kind]
    change(path)
    other = three().double().train()
    before = picture(other)
    with pytest.raises(InputError, match=said):
        load_folded(path, other)
    assert picture(other) == before


def test_a_file_of_before_layers_were_written_down_is_read(path):
    net = folded(three())
    save_folded(net, path)
    tensors, about = contents(path)
    save_file(tensors, path, {key: about[key] for key in ("format", "version", "fold", "before")})
    assert_same_bits(all_tensors(load_folded(path, three())), all_tensors(net))


UNSAVED = {
    "not folded": (three, r"expected a model that was folded"),
    "dropped": (
        lambda: folded(three(), keep_originals=False),
        r"keeps what it was, got one whose originals were dropped",
    ),
    "on no device": (lambda: folded(three()).to("meta"), r"of plain tensors.*got one in which 0\.weight is a meta one"),
}


@pytest.mark.parametrize("kind", UNSAVED)
def test_what_no_file_can_hold_is_refused_and_no_file_is_written(kind, path):
    make, said = UNSAVED[kind]
    with pytest.raises(ValueError, match=said):
        save_folded(make(), path)
    assert [*path.parent.iterdir()] == []


def test_a_folder_that_is_not_there_is_named(path):
    with pytest.raises(InputError, match=r"path: .*no is not a folder that can be written to"):
        save_folded(folded(three()), path.parent / "no" / "net.safetensors")


@pytest.mark.parametrize("verb", [lambda path: save_folded(3, path), lambda path: load_folded(path, 3)])
def test_what_is_no_module_is_a_type_error(verb, path):
    with pytest.raises(TypeError, match=r"model: expected a torch\.nn\.Module, got int"):
        verb(path)


def test_saving_changes_nothing_of_the_model(path):
    net = folded(hidden())
    before = picture(net)
    save_folded(net, path)
    assert picture(net) == before


def test_a_model_that_was_trained_after_folding_still_says_so_when_it_is_loaded(path):
    net = folded(three())
    with torch.no_grad():
        net[0].weight += 1
    save_folded(net, path)
    other = load_folded(path, three())
    with pytest.raises(RuntimeError, match=r"trained since: 0\.weight changed.*discard=True"):
        unfold(other)
    with pytest.raises(RuntimeError, match=r"trained since: 0\.weight changed"):
        batchnorm.runs.unfold_file(path, out=path.with_name("before.safetensors"))
    assert not path.with_name("before.safetensors").exists()
    assert unfold(other, discard=True) == ("1",)
    assert_same_bits(other.state_dict(), three().state_dict())


def test_the_plain_state_dict_of_a_folded_model_is_refused_by_an_unfolded_one():
    """By default; `strict=False` asks torch to say nothing."""
    state = folded(three()).state_dict()
    with pytest.raises(RuntimeError, match=r'Missing key\(s\) in state_dict: "1\.weight"'):
        copy.deepcopy(three()).load_state_dict(state)


def test_the_loaded_model_is_in_evaluation_and_folded(path):
    save_folded(folded(three()), path)
    other = load_folded(path, three().train())
    assert is_folded(other)
    assert not any(module.training for module in other.modules())


def test_a_file_of_torch_save_is_told_what_to_save_instead(tmp_path) -> None:
    torch.save(three().state_dict(), tmp_path / "net.pt")
    with pytest.raises(InputError, match=r"does not say what was folded\. Save the model with save_folded"):
        load_folded(tmp_path / "net.pt", three())
