"""`trace`: which calls, which readers, which channels, on all ways through a model."""

import warnings
from collections import namedtuple
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence
from torch.utils._pytree import register_pytree_node

from batchnorm.surgery import fold, unfold
from batchnorm.wiring import NormCall, Product, trace

from .nets import conv, images, net

X = images()


def operators(wiring) -> list[str]:
    return [operation.name for operation in wiring.passes[0].operations]


def test_calls_stand_in_the_order_in_which_they_began_with_what_they_were_made_in():
    wiring = trace(nn.Sequential(nn.Sequential(conv(3), nn.ReLU()), nn.ReLU()).eval(), X)
    assert [(call.name, [wiring.calls[parent].name for parent in call.parents]) for call in wiring.calls] == [
        ("", []),
        ("0", [""]),
        ("0.0", ["", "0"]),
        ("0.1", ["", "0"]),
        ("1", [""]),
    ]


def test_a_module_that_is_called_twice_has_two_calls():
    wiring = trace(net(lambda m, x: m.conv(m.conv(x)), conv=conv(3)), X)
    assert wiring.times_called("conv") == 2


def test_a_module_with_two_names_goes_by_its_first():
    layer = conv(3)
    wiring = trace(net(lambda m, x: m.second(m.first(x)), first=layer, second=layer), X)
    assert (wiring.times_called("first"), wiring.times_called("second")) == (2, 0)


def test_readers_are_the_modules_behind_also_those_behind_a_sum():
    def body(m, x):
        y = m.conv(x)
        return m.last(m.bn(y) + y)

    wiring = trace(net(body, conv=conv(), bn=nn.BatchNorm2d(4), last=conv(2, 4)), X)
    assert wiring.readers_of("conv") == ("bn", "last")
    assert wiring.readers_of("last") == ("(returned)",)


def test_a_reader_deep_inside_goes_by_its_own_name():
    block = nn.Sequential(nn.Sequential(nn.BatchNorm2d(4)), nn.ReLU())
    wiring = trace(nn.Sequential(conv(), block).eval(), X)
    assert wiring.readers_of("0") == ("1.0.0",)
    assert wiring.readers_of("1.0.0") == ("1.1",)


def test_a_view_reads_nothing_and_is_seen_through():
    def body(m, x):
        return m.linear(m.conv(x).flatten(1))

    wiring = trace(net(body, conv=conv(), linear=nn.Linear(64, 2)), X)
    assert wiring.readers_of("conv") == ("linear",)


def test_only_a_view_of_a_tensor_is_read_and_that_counts():
    def body(m, x):
        return m.bn(m.conv(x)[:, 1:3])

    assert trace(net(body, conv=conv(), bn=nn.BatchNorm2d(2)), X).readers_of("conv") == ("bn",)


def test_a_write_in_place_counts_as_reading():
    wiring = trace(net(lambda m, x: m.relu(m.conv(x)), conv=conv(), relu=nn.ReLU(inplace=True)), X)
    assert wiring.readers_of("conv") == ("relu",)
    (operation,) = (one for one in wiring.passes[0].operations if one.name == "aten.relu_")
    assert operation.writes == {operation.inputs[0].storage}
    assert not operation.is_view


def test_a_tensor_that_somebody_keeps_is_kept():
    def body(m, x):
        m.memory = m.conv(x)
        return m.memory.sum()

    assert trace(net(body, conv=conv()), X).readers_of("conv") == ("(returned)", "(kept)")


def test_a_tensor_in_an_object_that_nobody_can_look_into_is_kept():
    assert trace(net(lambda m, x: m.conv(x).untyped_storage(), conv=conv()), X).readers_of("conv") == ("(kept)",)


def test_a_tensor_in_an_object_of_somebodys_is_returned():
    class Box:
        def __init__(self, tensor):
            self.get = lambda: tensor

    assert trace(net(lambda m, x: Box(m.conv(x)), conv=conv()), X).readers_of("conv") == ("(returned)",)


class Checked(namedtuple("Checked", "tensor")):
    """Takes tensors alone, as a PackedSequence does."""

    def __new__(cls, tensor):
        return super().__new__(cls, tensor.to(tensor.device))


class Registered:
    def __init__(self, tensor):
        self.tensor = tensor.to(tensor.device)


register_pytree_node(Registered, lambda held: ([held.tensor], None), lambda parts, _: Registered(*parts))


@pytest.mark.parametrize(
    "hold",
    [Checked, Registered, lambda y: pack_padded_sequence(y.flatten(2), [3, 2], batch_first=True)],
    ids=["namedtuple", "pytree", "packed"],
)
def test_what_goes_from_module_to_module_in_a_class_that_takes_tensors_alone_is_followed(hold):
    class Opens(nn.Module):
        def forward(self, held):
            return held[0] if isinstance(held, tuple) else held.tensor

    wiring = trace(net(lambda m, x: m.opens(hold(m.conv(x))).relu(), conv=conv(), opens=Opens()), X)
    assert wiring.calls[2].name == "opens"
    assert wiring.readers_of("conv") == ("(returned)",)


def test_channels_lie_along_axis_1_of_convolutions_and_norms_and_the_last_of_linear_layers():
    def body(m, x):
        return m.linear(m.bn(m.conv(x)))

    wiring = trace(net(body, conv=conv(), bn=nn.BatchNorm2d(4), linear=nn.Linear(4, 5)), X)
    first, norm, last = wiring.units(wiring.passes[0])
    assert (first.where, first.in_axis, first.out_axis) == ("conv", 1, 1)
    assert isinstance(norm, NormCall)
    assert (norm.name, norm.axis) == ("bn", 1)
    assert (last.where, last.in_axis, last.out_axis) == ("linear", 3, 3)


@pytest.mark.parametrize(
    ("multiply", "out_first"),
    [
        (lambda x, weight: F.linear(x, weight.T), False),
        (lambda x, weight: x @ weight, False),
        (torch.mm, False),
        (lambda x, weight: F.linear(x, weight.reshape(7, 3)), True),
    ],
)
def test_a_matrix_product_knows_which_axis_of_its_weight_is_the_output(multiply, out_first):
    shape = (7, 3) if out_first else (3, 7)
    model = net(lambda m, x: multiply(x, m.weight), weight=nn.Parameter(torch.randn(shape)))
    wiring = trace(model, torch.randn(2, 3))
    (product,) = wiring.units(wiring.passes[0])
    assert isinstance(product, Product)
    assert (product.out_first, product.out_axis, product.weight_value.shape) == (out_first, 1, shape)


def test_a_function_with_a_parameter_is_a_product_of_the_model_itself():
    model = net(lambda m, x: F.conv2d(x, m.weight, padding=1), weight=nn.Parameter(torch.randn(4, 3, 3, 3)))
    wiring = trace(model, X)
    (product,) = wiring.units(wiring.passes[0])
    assert (product.where, product.owner, product.zero_padded) == ("", None, True)


def test_groups_and_transposition_are_known():
    layer = nn.ConvTranspose2d(4, 6, 3, groups=2)
    wiring = trace(layer.eval(), images(channels=4))
    (product,) = wiring.units(wiring.passes[0])
    assert (product.transposed, product.groups) == (True, 2)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(4, 6, 3),
        nn.ConvTranspose2d(4, 6, 3),
    ],
)
def test_a_convolution_of_torch_s_own_is_the_owner_of_its_product(layer):
    wiring = trace(nn.Sequential(layer).eval(), images(channels=4))
    (product,) = wiring.units(wiring.passes[0])
    assert product.owner == "0"


def test_a_convolution_with_a_forward_of_its_own_is_not():
    class Own(nn.Conv2d):
        def forward(self, x):
            return F.conv2d(x, self.weight)

    wiring = trace(nn.Sequential(Own(3, 4, 1)).eval(), X)
    (product,) = wiring.units(wiring.passes[0])
    assert (product.where, product.owner) == ("0", None)


def test_the_norms_of_a_model_are_those_of_any_class_with_a_mean_and_a_variance_per_channel():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("running_mean", torch.zeros(4))
            self.register_buffer("running_var", torch.ones(4))

        def forward(self, x):
            return (x - self.running_mean.view(1, -1, 1, 1)) / self.running_var.sqrt().view(1, -1, 1, 1)

    model = net(
        lambda m, x: m.own(m.conv(x)),
        conv=conv(),
        own=Own(),
        unused=nn.SyncBatchNorm(4),
        instance=nn.InstanceNorm2d(4, track_running_stats=True),
        group=nn.GroupNorm(2, 4),
    )
    wiring = trace(model, X)
    assert list(wiring.norms()) == ["own", "unused"]
    assert [call.name for _, call in wiring.norm_calls("own")] == ["own"]
    assert wiring.norm_calls("unused") == []


def test_a_model_in_training_mode_is_watched_in_evaluation():
    model = nn.Sequential(conv(), nn.BatchNorm2d(4), nn.Dropout(0.5)).train()
    (operation,) = (one for one in trace(model, X).passes[0].operations if "batch_norm" in one.name)
    assert operation.args[5] is False


def test_operators_inside_a_scripted_function_are_seen():
    def twice(x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x) * 2.0

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch deprecates jit, which people still use
        script = torch.jit.script(twice)
        wiring = trace(net(lambda m, x: script(m.conv(x)), conv=conv()), X)
    assert operators(wiring)[-2:] == ["aten.relu", "aten.mul"]
    assert wiring.readers_of("conv") == ("(returned)",)


def test_memory_that_is_given_to_numpy_is_an_escape_of_the_data():
    def body(m, x):
        m.weight.numpy()
        return torch.from_numpy(m.conv(x).numpy() + 1)

    seen = trace(net(body, conv=conv(), weight=nn.Parameter(torch.zeros(1), requires_grad=False)), X).passes[0]
    of_weight, of_data = (escape for escape in seen.escapes if escape.how == "numpy")
    assert (of_weight.of_data, of_data.of_data) == (False, True)
    assert seen.tensors[next(iter(of_weight.storages))] == ["weight"]


def test_watching_a_scripted_function_is_no_escape():
    def crop(x: torch.Tensor) -> torch.Tensor:
        return x[:, :, 1:]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch deprecates jit, which people still use
        script = torch.jit.script(crop)
        wiring = trace(net(lambda m, x: script(m.conv(x)), conv=conv()), X)
    assert wiring.passes[0].escapes == []


@pytest.mark.parametrize("way", ["tolist", "data_ptr", "untyped_storage", "__dlpack__"])
def test_every_way_out_of_torch_is_seen(way):
    seen = trace(net(lambda m, x: (getattr(m.conv(x), way)(), x)[1], conv=conv()), X).passes[0]
    assert way in {escape.how for escape in seen.escapes}


def test_several_examples_are_a_pass_each_and_may_differ_in_everything():
    def body(m, x, other=None):
        return m.a(x) if other is None else m.b(x + other)

    model = net(body, a=nn.BatchNorm2d(3), b=nn.BatchNorm2d(3))
    wiring = trace(model, X, (X[:1], X[:1]), {"x": X, "other": X})
    assert [[call.name for call in seen.calls] for seen in wiring.passes] == [["", "a"], ["", "b"], ["", "b"]]
    assert [call.name for call in wiring.calls] == ["", "a"]


def test_an_example_is_not_written_into():
    x = images()
    before = x.clone()
    trace(net(lambda m, x: m.bn(x.mul_(2)), bn=nn.BatchNorm2d(3)), x)
    assert torch.equal(x, before)


def test_what_is_around_a_model_is_taken_off_and_said():
    inner = nn.Sequential(conv())
    wiring = trace(nn.DataParallel(inner), X)
    assert wiring.model is inner
    assert wiring.notes == ("DataParallel: the module inside is meant",)


def test_no_example_is_a_mistake():
    with pytest.raises(
        ValueError, match=r"^trace: example_inputs: expected at least one example, got none\. Pass what"
    ):
        trace(conv())


def test_an_example_that_nothing_can_be_called_with_is_a_mistake():
    with pytest.raises(
        TypeError, match=r"^trace: example_inputs: expected an example that is a tensor, a tuple .* got int"
    ):
        trace(conv(), 3)


def test_an_example_on_another_device_is_a_mistake():
    with pytest.raises(
        ValueError, match=r"^trace: example_inputs: expected examples on the model's device cpu, got one on meta"
    ):
        trace(conv(), X.to("meta"))


def test_a_wiring_prints_as_a_table():
    def body(m, x):
        y = m.act(m.bn(m.conv(x)))
        return m.act(m.head(y.flatten(1)))

    parts = {"conv": conv(), "bn": nn.BatchNorm2d(4), "act": nn.ReLU(), "head": nn.Linear(64, 5)}
    assert trace(net(body, **parts), X).table().text(80).splitlines()[1:] == [
        "module  kind         output   read by           the norm",
        "─" * 63,
        "conv    Conv2d       2x4x4x4  bn",
        "bn      BatchNorm2d  2x4x4x4  act               folds into conv",
        "act     ReLU ×2      2x4x4x4  head, (returned)",  # noqa: RUF001 - a multiplication sign
        "head    Linear       2x5      act",
        "1 of 1 norm folds",
    ]


def test_a_wiring_is_drawn_with_what_can_be_done_with_each_norm(tmp_path):
    wiring = trace(nn.Sequential(conv(), nn.BatchNorm2d(4)).eval(), X)
    text = wiring.svg(tmp_path / "net.svg")
    assert (tmp_path / "net.svg").read_text() == text + "\n"
    assert "Sequential: 1 of 1 norm folds" in text
    assert wiring._repr_html_() == text


def test_a_picture_of_another_format_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"^path: expected a name ending in \.svg, got .*net\.png"):
        trace(conv(), X).svg(tmp_path / "net.png")
    assert not list(tmp_path.iterdir())


def test_the_record_of_a_model_that_was_handed_over_names_its_class_and_no_run():
    record = trace(nn.Sequential(conv(), nn.BatchNorm2d(4)), X).record()
    assert (record.model, record.run, record.data, record.input) == ("Sequential", "", None, tuple(X.shape))


def test_of_several_tensors_the_first_is_shown_and_the_others_are_said():
    record = trace(net(lambda m, x, y: m.bn(x + y), bn=nn.BatchNorm2d(3)), (X, X)).record()
    assert record.input == tuple(X.shape)
    assert record.notes[0] == "2 tensors are given to the model; the first is shown"


def test_a_wiring_of_a_model_that_was_folded_since_is_refused_and_after_unfold_is_right_again():
    model = nn.Sequential(conv(), nn.BatchNorm2d(4)).eval()
    wiring = trace(model, X)
    said = str(wiring)
    fold(model, X)
    message = r"^the model was changed since it was traced: .* at '1' now, where a BatchNorm2d ran\. Trace it again\.$"
    with pytest.raises(RuntimeError, match=message):
        wiring.svg()
    unfold(model)
    assert str(wiring) == said


def test_the_repr_of_a_wiring_is_one_line():
    assert repr(trace(nn.Sequential(conv()), X)) == "Wiring(Sequential, passes=1, calls=2)"


def test_a_hook_that_is_given_an_object_sees_the_tensors_in_it():
    class Boxed(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = conv()

        def forward(self, x):
            return [SimpleNamespace(y=self.conv(x))]

    model = net(lambda m, x: m.bn(m.boxed(x)[0].y), boxed=Boxed(), bn=nn.BatchNorm2d(4))
    model.boxed.register_forward_hook(lambda module, args, output: None)
    (seen,) = trace(model, X).passes
    (call,) = (call for call in seen.calls if call.name == "boxed.conv")
    assert seen.hooked[call.output.storage] == "boxed"
