"""A net that starts with somebody's weights: which it takes, from which file, and what becomes of those that misfit."""

import copy
import math
from collections import OrderedDict

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from batchnorm.data import Normalization
from batchnorm.errors import InputError, InputTypeError
from batchnorm.models import build
from batchnorm.runs import ModelCard, TrainConfig, initialize, save_model

pytestmark = pytest.mark.usefixtures("one_thread")

CARD = ModelCard(
    "resnet20", {"width": 4}, ("a", "b", "c", "d", "e", "f", "g"), 3, 16, Normalization((0.5,) * 3, (0.5,) * 3), "seven"
)


def net(classes: int = 7, channels: int = 3, seed: int = 0, norm: str = "batchnorm") -> nn.Module:
    torch.manual_seed(seed)
    made = build("resnet20", num_classes=classes, in_channels=channels, image_size=16, width=4, norm=norm)
    for name, buffer in made.named_buffers():
        buffer.copy_(torch.full_like(buffer, 3) if "batches" in name else torch.rand_like(buffer) + 0.5)
    return made


def same(one: nn.Module, other: nn.Module, *, but: str = "-") -> bool:
    mine, theirs = one.state_dict(), other.state_dict()
    return mine.keys() == theirs.keys() and all(
        torch.equal(tensor, theirs[name]) for name, tensor in mine.items() if not name.startswith(but)
    )


def as_pickle(path, tensors):
    torch.save(tensors, path / "net.pt")
    return path / "net.pt"


def as_legacy_pickle(path, tensors):
    torch.save(tensors, path / "net.pth", _use_new_zipfile_serialization=False)
    return path / "net.pth"


def as_safetensors(path, tensors):
    save_file(tensors, path / "net.safetensors")
    return path / "net.safetensors"


def of_a_trainer(path, tensors):
    torch.save({"epoch": 3, "state_dict": tensors, "optimizer": {"lr": 0.1}}, path / "last.ckpt")
    return path / "last.ckpt"


@pytest.mark.parametrize("written", [as_pickle, as_legacy_pickle, as_safetensors, of_a_trainer])
def test_every_tensor_comes_from_the_file(tmp_path, written) -> None:
    theirs, mine = net(seed=1), net(seed=2)
    record = initialize(mine, str(written(tmp_path, theirs.state_dict())))
    assert same(mine, theirs)
    assert {one.outcome for one in record.tensors} == {"taken"}


def test_a_runs_model_is_taken_from_its_folder_or_its_file(tmp_path) -> None:
    theirs = net(seed=1)
    (tmp_path / "config.toml").write_text("")
    save_model(tmp_path / "model.safetensors", theirs, CARD)
    for given in (tmp_path, tmp_path / "model.safetensors"):
        mine = net(seed=2)
        initialize(mine, str(given))
        assert same(mine, theirs)


@pytest.mark.parametrize(
    "prefix", ["module.", "_orig_mod.", "model.", "module._orig_mod.", "model.module.", "_orig_mod.module.model."]
)
def test_what_wrappers_put_before_the_names_is_taken_off(tmp_path, prefix: str) -> None:
    theirs, mine = net(seed=1), net(seed=2)
    wrapped = {f"{prefix}{name}": tensor for name, tensor in theirs.state_dict().items()}
    record = initialize(mine, str(as_pickle(tmp_path, wrapped)))
    assert same(mine, theirs)
    assert record.prefix == prefix
    assert f"{prefix!r} was taken off their names" in str(record)


def test_a_net_whose_own_names_begin_so_keeps_them(tmp_path) -> None:
    theirs, mine = (nn.ModuleDict({"model": net(seed=seed)}) for seed in (1, 2))
    assert initialize(mine, str(as_pickle(tmp_path, theirs.state_dict()))).prefix == ""
    assert same(mine, theirs)


def test_tensors_beside_the_net_are_unused_and_named(tmp_path) -> None:
    theirs, mine = net(seed=1), net(seed=2)
    beside = {f"model.{name}": tensor for name, tensor in theirs.state_dict().items()}
    beside |= {"criterion.scale": torch.ones(2), "ema.\x1b[2Jfc.weight": torch.ones(1)}
    record = initialize(mine, str(as_pickle(tmp_path, beside)))
    assert same(mine, theirs)
    assert record.named("unused") == ("criterion.scale", "ema.fc.weight")


def test_a_wrapped_net_takes_what_is_meant_for_the_net_inside(tmp_path) -> None:
    theirs, mine = net(seed=1), net(seed=2)
    initialize(nn.DataParallel(mine), str(as_pickle(tmp_path, theirs.state_dict())))
    assert same(mine, theirs)


def test_a_head_for_other_classes_stays_as_the_net_was_made(tmp_path) -> None:
    theirs, mine = net(seed=1), net(classes=3, seed=2)
    before = copy.deepcopy(mine)
    record = initialize(mine, str(as_pickle(tmp_path, theirs.state_dict())))
    assert same(mine, theirs, but="fc")
    assert torch.equal(mine.fc.weight, before.fc.weight)
    assert torch.equal(mine.fc.bias, before.fc.bias)
    assert record.named("new") == ("fc.weight", "fc.bias")
    assert record.table("left").csv().splitlines()[1:] == [
        "fc.weight,3x16,7x16,another shape",
        "fc.bias,3,7,another shape",
    ]


def test_a_layer_is_taken_whole_or_not_at_all(tmp_path) -> None:
    """A norm of another width would else keep the counter of the one, and the statistics of the other."""
    theirs = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4))
    mine = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4))
    tensors = theirs.state_dict()
    tensors["1.running_var"], tensors["1.num_batches_tracked"] = torch.ones(5), torch.tensor(7)
    before = copy.deepcopy(mine)
    record = initialize(mine, str(as_pickle(tmp_path, tensors)))
    assert torch.equal(mine[0].weight, theirs[0].weight)
    assert same(mine[1], before[1])
    assert record.tensors[-1].reason == "left with 1.running_var: another shape"


def test_of_a_module_with_others_inside_each_tensor_is_asked_by_itself(tmp_path) -> None:
    class Tokens(nn.Module):
        def __init__(self, places: int) -> None:
            super().__init__()
            self.token, self.places = nn.Parameter(torch.randn(4)), nn.Parameter(torch.randn(places, 4))
            self.head = nn.Linear(4, 2)

    theirs, mine = Tokens(9), Tokens(16)
    record = initialize(mine, str(as_pickle(tmp_path, theirs.state_dict())))
    assert torch.equal(mine.token, theirs.token)
    assert record.named("new") == ("places",)


def test_of_a_grey_image_the_net_gives_what_it_gives_of_three_equal_channels(tmp_path) -> None:
    theirs, mine = (
        nn.Sequential(OrderedDict(conv1=nn.Conv2d(channels, 4, 3), conv2=nn.Conv2d(4, 4, 3, groups=4))).double()
        for channels in (3, 1)
    )
    record = initialize(mine, str(as_pickle(tmp_path, theirs.state_dict())))
    x = torch.randn(2, 1, 16, 16, dtype=torch.float64)
    torch.testing.assert_close(mine(x), theirs(x.expand(-1, 3, -1, -1)), rtol=1e-12, atol=1e-12)
    assert record.named("summed") == ("conv1.weight",)
    assert "summed over the three colours" in str(record)


def test_a_first_convolution_for_other_images_is_left(tmp_path) -> None:
    theirs, mine = net(channels=1, seed=1), net(channels=3, seed=2)
    record = initialize(mine, str(as_pickle(tmp_path, theirs.state_dict())))
    assert record.named("new") == ("conv1.weight",)


def test_numbers_of_another_kind_are_left(tmp_path) -> None:
    tensors = net(seed=1).state_dict()
    tensors["fc.weight"] = tensors["fc.weight"].to(torch.int8)
    record = initialize(net(seed=2), str(as_pickle(tmp_path, tensors)))
    assert record.named("new") == ("fc.weight", "fc.bias")
    assert next(one.reason for one in record.tensors if one.outcome == "new") == (
        "other numbers (torch.int8, the net's are torch.float32)"
    )


def test_half_precision_is_taken(tmp_path) -> None:
    theirs, mine = net(seed=1).half(), net(seed=2)
    initialize(mine, str(as_pickle(tmp_path, theirs.state_dict())))
    assert same(mine, theirs.float())


def test_norms_that_are_older_than_their_counter_are_taken_whole(tmp_path) -> None:
    theirs, mine = net(seed=1, norm="torch"), net(seed=2, norm="torch")
    tensors = OrderedDict((name, one) for name, one in theirs.state_dict().items() if "num_batches" not in name)
    record = initialize(mine, str(as_pickle(tmp_path, tensors)))
    assert torch.equal(mine.bn1.running_mean, theirs.bn1.running_mean)
    assert record.named("new") == ()


def test_a_nets_own_way_to_load_older_names_is_asked(tmp_path) -> None:
    class Renamed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head, self.body = nn.Linear(2, 2), nn.Linear(2, 2)
            self.register_load_state_dict_pre_hook(self._renamed)

        @staticmethod
        def _renamed(module: nn.Module, tensors: dict[str, torch.Tensor], prefix: str, *_: object) -> None:
            for name in [name for name in tensors if name.startswith("classifier.")]:
                tensors[name.replace("classifier", "head")] = tensors.pop(name)

    theirs, mine = Renamed(), Renamed()
    older = {name.replace("head", "classifier"): one for name, one in theirs.state_dict().items()}
    record = initialize(mine, str(as_pickle(tmp_path, older)))
    assert same(mine, theirs)
    assert {one.outcome for one in record.tensors} == {"taken"}


def test_a_net_that_fails_to_load_is_as_before(tmp_path) -> None:
    class Strict(nn.Linear):
        def _load_from_state_dict(self, *args: object) -> None:
            super()._load_from_state_dict(*args)
            raise KeyError("not me")

    mine = nn.Sequential(nn.Linear(2, 2), Strict(2, 2))
    before = copy.deepcopy(mine.state_dict())
    path = as_pickle(tmp_path, nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)).state_dict())
    with pytest.raises(
        InputError, match=r"^initialize: init: \S+net\.pt: the net cannot load it \(KeyError: 'not me'\)$"
    ):
        initialize(mine, str(path))
    assert all(torch.equal(before[name], tensor) for name, tensor in mine.state_dict().items())


def test_a_path_may_be_an_object(tmp_path) -> None:
    mine, theirs = net(seed=2), net(seed=1)
    initialize(mine, as_pickle(tmp_path, theirs.state_dict()))
    assert same(mine, theirs)
    assert TrainConfig(init=tmp_path / "net.pt").init == str(tmp_path / "net.pt")  # type: ignore[arg-type]  # as `data`


@pytest.mark.parametrize(("init", "got"), [(None, "None"), (3, "int"), (["net.pt"], "list")])
def test_what_is_no_path_is_refused(init, got: str) -> None:
    with pytest.raises(InputTypeError, match=rf"^initialize: init: expected a path, got {got}$"):
        initialize(net(), init)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_weights_that_are_not_finite_are_refused(tmp_path, value: float) -> None:
    tensors, mine = net(seed=1).state_dict(), net(seed=2)
    tensors["bn1.running_var"][2] = value
    before = copy.deepcopy(mine)
    with pytest.raises(InputError, match=r"net\.pt: bn1\.running_var holds values that are not finite.*Take other"):
        initialize(mine, str(as_pickle(tmp_path, tensors)))
    assert same(mine, before)


def test_numbers_that_are_too_large_for_the_net_are_refused(tmp_path) -> None:
    tensors, mine = net(seed=1).double().state_dict(), net(seed=2)
    tensors["conv1.weight"][0] = 1e300
    before = copy.deepcopy(mine)
    with pytest.raises(InputError, match=r"conv1\.weight holds values that are too large for the net's torch\.float32"):
        initialize(mine, str(as_pickle(tmp_path, tensors)))
    assert same(mine, before)


def test_a_negative_variance_is_refused(tmp_path) -> None:
    tensors, mine = net(seed=1).state_dict(), net(seed=2)
    tensors["bn1.running_var"][2] = -1
    with pytest.raises(InputError, match=r"bn1\.running_var holds values that are negative, and are variances"):
        initialize(mine, str(as_pickle(tmp_path, tensors)))


def test_where_nothing_fits_the_names_are_told(tmp_path) -> None:
    path = as_pickle(tmp_path, {"encoder.0.weight": torch.ones(2, 2)})
    said = (
        r"none of its weights fits the net \(it has encoder\.0\.weight, and the net conv1\.weight, bn1\.weight, .*116"
    )
    with pytest.raises(InputError, match=said):
        initialize(net(), str(path))


def test_where_nothing_of_a_runs_net_fits_its_model_is_told(tmp_path) -> None:
    save_model(tmp_path / "model.safetensors", net(), CARD)
    with pytest.raises(InputError, match=r"They are of resnet20: train that net, with model='resnet20'\.$"):
        initialize(nn.Sequential(nn.Linear(2, 2)), str(tmp_path / "model.safetensors"))


def test_a_tensor_that_claims_numbers_without_end_takes_no_memory(tmp_path) -> None:
    tensors = net(seed=1).state_dict()
    tensors["fc.weight"] = torch.ones(1).expand(10**6, 10**6)  # one number, four million gigabytes where it is copied
    record = initialize(net(seed=2), str(as_pickle(tmp_path, tensors)))
    assert record.named("new") == ("fc.weight", "fc.bias")


def test_a_tensor_without_its_numbers_is_left(tmp_path) -> None:
    tensors = net(seed=1).state_dict()
    tensors["fc.weight"] = tensors["fc.weight"].to_sparse()
    assert initialize(net(seed=2), str(as_pickle(tmp_path, tensors))).named("new") == ("fc.weight", "fc.bias")


def test_the_table_counts_by_parts_of_the_net(tmp_path) -> None:
    record = initialize(net(classes=3), str(as_pickle(tmp_path, net().state_dict())))
    assert str(record).splitlines()[0].startswith("114 of 116 tensors from")
    rows = record.table().csv().splitlines()
    assert rows[0] == "part,tensors,taken,numbers,taken"
    assert [row for row in rows if row.startswith(("conv1", "fc"))] == ["conv1,1,1,108,108", "fc,2,0,51,0"]


def test_a_net_inside_one_module_is_counted_by_the_parts_of_that(tmp_path) -> None:
    path = as_pickle(tmp_path, nn.ModuleDict({"net": net()}).state_dict())
    record = initialize(nn.ModuleDict({"net": net()}), str(path))
    assert record.table().csv().splitlines()[1].startswith("net.conv1,")
