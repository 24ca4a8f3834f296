"""A folded model, written as values and tensors and made again: every bit of both, and what is refused."""

import json

import pytest
import torch
from torch import Tensor, nn

from batchnorm import convert, fold, unfold
from batchnorm.models import ConvBNNet, resnet20
from batchnorm.nn import BatchNorm2d, ScaleShift
from batchnorm.surgery import fold_state, is_folded, restore_fold, unfolded_tensors

X = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))


class Activated(nn.BatchNorm2d):
    """A norm with a child that has a parameter."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.act = nn.PReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(super().forward(x))


class Skips(nn.Module):
    """A conv that is read by others, too: its norm becomes a `ScaleShift`; and one module under two names."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, 3, 1, bias=False), nn.BatchNorm2d(3)
        self.inner = nn.Sequential(nn.Conv2d(3, 3, 1, bias=False), nn.BatchNorm2d(3))
        self.same = self.inner

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        return self.bn(y) + y + self.inner(x)


NETS = {
    "ours": lambda: ConvBNNet(num_classes=3, in_channels=3, image_size=8, width=4),
    "torch's": lambda: ConvBNNet(num_classes=3, in_channels=3, image_size=8, width=4, norm="torch"),
    "norm behind the activation": lambda: ConvBNNet(
        num_classes=3, in_channels=3, image_size=8, width=4, norm_place="after"
    ),
    "residuals": lambda: resnet20(num_classes=3, in_channels=3, image_size=8, width=4),
    "a norm with a child": lambda: nn.Sequential(nn.Conv2d(3, 4, 3), Activated(4)),
    "scale-shifted, and two names": Skips,
    "the shift stays": lambda: nn.Sequential(Weight(), nn.BatchNorm2d(4)),
    "in front": lambda: nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 4, 3, bias=False)),
    "float64": lambda: nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), BatchNorm2d(4, activation="relu")).double(),
}


class Weight(nn.Module):
    """A convolution without a bias that anybody could give it."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(4, 3, 3, 3))

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.conv2d(x, self.kernel)


def made(kind: str, seed: int = 0) -> nn.Module:
    """The net, with statistics and weights that no other seed gives."""
    torch.manual_seed(seed)
    net = NETS[kind]().eval()
    with torch.no_grad():
        for name, tensor in (*net.named_parameters(), *net.named_buffers()):
            if name.endswith("running_var"):
                tensor.uniform_(0.5, 2.0)
            elif tensor.is_floating_point() and tensor.dim() < 2:
                tensor.normal_()
    return net


def dtype_of(net: nn.Module) -> torch.dtype:
    return next(net.parameters()).dtype


def folded(kind: str) -> nn.Module:
    net = made(kind)
    report = fold(net, X.to(dtype_of(net)), verify=False)
    assert not report.named("left")
    return net


def restored(net: nn.Module, kind: str) -> nn.Module:
    """Made again by way of JSON, from a net with other weights, in float32."""
    state, tensors = fold_state(net)
    other = made(kind, seed=9).float()
    restore_fold(other, json.loads(json.dumps(state)), tensors)
    return other


def assert_same_bits(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert tensor.dtype == other[name].dtype, name
        assert torch.equal(tensor, other[name]), name


@pytest.mark.parametrize("kind", NETS)
def test_a_restored_model_is_the_folded_one_bit_for_bit(kind: str) -> None:
    net = folded(kind)
    other = restored(net, kind)
    assert_same_bits(other.state_dict(), net.state_dict())
    assert [type(module) for module in other.modules()] == [type(module) for module in net.modules()]
    assert not any(module.training for module in other.modules())
    with torch.no_grad():
        assert torch.equal(other(X.to(dtype_of(net))), net(X.to(dtype_of(net))))


@pytest.mark.parametrize("kind", NETS)
def test_unfold_of_a_restored_model_gives_every_original_bit(kind: str) -> None:
    before = made(kind)
    other = restored(folded(kind), kind)
    unfold(other)
    assert_same_bits(other.state_dict(), before.state_dict())
    assert not any(module.training for module in other.modules())


@pytest.mark.parametrize("kind", NETS)
def test_the_state_dict_of_before_needs_no_model(kind: str) -> None:
    assert_same_bits(unfolded_tensors(*fold_state(folded(kind))), made(kind).state_dict())


def test_what_it_takes_lies_under_names_of_its_own() -> None:
    net = folded("ours")
    _, tensors = fold_state(net)
    assert tensors.keys() - net.state_dict().keys() == {
        f"unfold.0.{name}" for name in made("ours").state_dict() if not name.startswith("fc.")
    }


def test_a_model_that_was_folded_twice_comes_back_from_both() -> None:
    def build() -> nn.Module:
        return nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.BatchNorm1d(3))

    torch.manual_seed(0)
    net, other, x = build(), build(), torch.randn(9, 3)
    before = {name: tensor.clone() for name, tensor in net.eval().state_dict().items()}
    for training in (True, False):  # a norm in training mode is left
        net[2].training = training
        fold(net, x, verify=False)
    state, tensors = fold_state(net)
    assert [[norm["names"] for norm in one["norms"]] for one in state["folds"]] == [[["1"]], [["2"]]]
    assert_same_bits(unfolded_tensors(state, tensors), before)
    restore_fold(other.eval(), state, tensors)
    assert_same_bits(other.state_dict(), net.state_dict())
    assert unfold(other) == ("2", "1")
    assert_same_bits(other.state_dict(), before)


def test_a_model_that_was_converted_after_folding_comes_back_in_both_dtypes() -> None:
    kind = "scale-shifted, and two names"
    before, net = made(kind), folded(kind).half()
    other = restored(net, kind)
    assert_same_bits(other.state_dict(), net.state_dict())
    back = unfolded_tensors(*fold_state(other))
    for name in ("inner.0.weight", "inner.1.running_mean", "bn.running_var"):  # what was kept was not converted
        assert_same_bits({name: back[name]}, {name: before.state_dict()[name]})


def test_a_part_that_was_folded_by_itself_comes_back_with_the_whole() -> None:
    before, net = made("scale-shifted, and two names"), made("scale-shifted, and two names")
    fold(net.inner, X, verify=False)
    fold(net, X, verify=False)
    state, tensors = fold_state(net)
    assert [one["modules"] for one in state["folds"]] == [["inner", "same"], [""]]
    assert_same_bits(unfolded_tensors(state, tensors), before.state_dict())
    other = restored(net, "scale-shifted, and two names")
    unfold(other)
    assert_same_bits(other.state_dict(), before.state_dict())


def test_a_model_with_a_module_of_that_name_has_another_prefix() -> None:
    def build() -> nn.Module:
        return nn.ModuleDict({"unfold": nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))}).eval()

    net = build()
    fold(net["unfold"], torch.randn(3, 2), verify=False)
    state, tensors = fold_state(net)
    assert state["prefix"] == "_unfold."
    other = build()
    restore_fold(other, state, tensors)
    assert_same_bits(other.state_dict(), net.state_dict())


def test_the_new_bias_learns_as_the_weight_does() -> None:
    net = made("in front")
    net[1].weight.requires_grad_(False)
    state, tensors = fold_state(folded("in front"))
    restore_fold(net, state, tensors)
    assert net[1].bias.requires_grad is False


def test_is_folded_sees_parts_and_forgets_what_was_unfolded() -> None:
    net = nn.Sequential(folded("ours"))
    assert is_folded(net)
    unfold(net)
    assert not is_folded(net)


def test_a_model_that_is_not_folded_has_no_such_state() -> None:
    with pytest.raises(
        ValueError, match=r"fold_state: model: expected a model that was folded, .* Call fold\(model, \.\.\.\) first"
    ):
        fold_state(made("ours"))


def test_a_state_says_version_2_only_where_version_1_could_not_say_it() -> None:
    conv = torch.nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 4, 3))
    net = nn.Sequential(conv, nn.BatchNorm2d(4)).eval()
    fold(net, X, verify=False, materialize=True)
    assert fold_state(net)[0]["version"] == 2
    assert fold_state(folded("ours"))[0]["version"] == 1


def ours() -> tuple[dict, dict[str, Tensor]]:
    state, tensors = fold_state(folded("ours"))
    return json.loads(json.dumps(state)), tensors


# What was done to the state or the tensors, and what the one message must hold.
MISFITS = {
    "no state": (lambda state, tensors: (None, tensors), "the state is damaged"),
    "a version of later": (
        lambda state, tensors: ({**state, "version": 3}, tensors),
        "version 3, this .* versions 1 and",
    ),
    "a word for an outcome": (
        lambda state, tensors: (with_norm(state, outcome="run"), tensors),
        "the state is damaged",
    ),
    "a number for a name": (lambda state, tensors: (with_norm(state, names=[1]), tensors), "the state is damaged"),
    "no name": (lambda state, tensors: (with_norm(state, names=[]), tensors), "index out of range"),
    "no norm": (lambda state, tensors: (with_norm(state, names=["conv1"]), tensors), "conv1 is no batch norm"),
    "the whole model": (lambda state, tensors: (with_norm(state, names=[""]), tensors), "the model itself is no batch"),
    "an unknown name": (lambda state, tensors: (with_norm(state, names=["bn7"]), tensors), "no attribute `bn7`"),
    "a child": (
        lambda state, tensors: (with_norm(state, is_own=False, children=["os"]), tensors),
        "no attribute `os`",
    ),
    "a bias that is there": (
        lambda state, tensors: (with_fold(state, made=[["fc.bias"]]), tensors),
        "fc.bias is no bias",
    ),
    "a bias of no layer": (lambda state, tensors: (with_fold(state, made=[["flatten.x"]]), tensors), "flatten.x is no"),
    "an original that is gone": (
        lambda state, tensors: (state, {k: v for k, v in tensors.items() if k != "unfold.0.conv1.weight"}),
        "conv1.weight as it was is missing",
    ),
    "statistics that are gone": (
        lambda state, tensors: (state, {k: v for k, v in tensors.items() if k != "unfold.0.bn1.running_mean"}),
        "running_mean",
    ),
    "a weight that is gone": (
        lambda state, tensors: (state, {k: v for k, v in tensors.items() if k != "fc.weight"}),
        "fc.weight",
    ),
    "another original": (
        lambda state, tensors: (state, {**tensors, "unfold.0.conv1.weight": torch.zeros(1)}),
        r"conv1.weight has the shape \(4, 3, 3, 3\), and had \(1,\) before",
    ),
}


def with_fold(state: dict, **changes: object) -> dict:
    return {**state, "folds": [{**state["folds"][0], **changes}]}


def with_norm(state: dict, **changes: object) -> dict:
    first, *others = state["folds"][0]["norms"]
    return with_fold(state, norms=[{**first, **changes}, *others])


@pytest.mark.parametrize("case", MISFITS)
def test_what_does_not_fit_is_one_message(case: str) -> None:
    change, message = MISFITS[case]
    state, tensors = change(*ours())
    with pytest.raises(ValueError, match=rf"restore_fold: (?s:.)*{message}"):
        restore_fold(made("ours"), state, tensors)


def test_a_net_of_another_width_is_refused() -> None:
    wider = ConvBNNet(num_classes=3, in_channels=3, image_size=8, width=6).eval()
    with pytest.raises(ValueError, match=r"restore_fold: (?s:.)*size mismatch"):
        restore_fold(wider, *ours())


def test_a_net_whose_norms_were_converted_before_it_was_folded_says_so_to_one_that_was_not() -> None:
    net, other = (nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)).eval() for _ in range(2))
    convert(net)
    fold(net, X)
    message = (
        r"1 is a BatchNorm2d of torch, and was a layer of batchnorm\.nn\. Call batchnorm\.convert on the model first"
    )
    with pytest.raises(ValueError, match=message):
        restore_fold(other, *fold_state(net))
    convert(other)
    restore_fold(other, *fold_state(net))
    assert torch.equal(other(X), net(X))


def test_the_constants_of_what_stands_there_are_in_the_state_dict() -> None:
    other = restored(folded("scale-shifted, and two names"), "scale-shifted, and two names")
    assert isinstance(other.bn, ScaleShift)
    assert {"bn.scale", "bn.shift"} <= other.state_dict().keys()
