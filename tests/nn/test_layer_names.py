"""Can a printed model tell our layers from torch's, and does nobody else see a difference?"""

import pytest
import torch
from torch import nn

from batchnorm import nn as ours

KINDS = ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "BatchNormAdd2d", "BatchNormPool2d"]
LAZY = ["LazyBatchNorm1d", "LazyBatchNorm2d", "LazyBatchNorm3d"]


@pytest.mark.parametrize("name", [*KINDS, *LAZY])
def test_a_layer_is_printed_by_the_path_that_it_is_imported_from(name: str) -> None:
    layer = getattr(ours, name)(*((3,) if name in KINDS else ()))
    assert repr(layer).startswith(f"batchnorm.nn.{name}(")
    assert type(layer).__name__ == name


def test_in_a_printed_model_both_kinds_are_told_apart() -> None:
    model = nn.Sequential(nn.BatchNorm2d(3), ours.BatchNorm2d(3))
    text = nn.BatchNorm2d(3).extra_repr()
    assert str(model) == f"Sequential(\n  (0): BatchNorm2d({text})\n  (1): batchnorm.nn.BatchNorm2d({text})\n)"


def test_a_lazy_layer_is_printed_as_what_it_has_become() -> None:
    layer = ours.LazyBatchNorm2d()
    layer(torch.zeros(2, 3, 4, 4))
    assert repr(layer).startswith("batchnorm.nn.BatchNorm2d(3, ")


def test_a_class_of_somebodys_own_keeps_its_name() -> None:
    class Own(ours.BatchNorm2d):
        pass

    assert repr(Own(3)).startswith("Own(3, ")


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
def test_a_script_and_a_graph_are_named_as_before() -> None:
    model = nn.Sequential(ours.BatchNorm2d(3))
    assert getattr(torch.jit.script(model), "0").original_name == "BatchNorm2d"
    assert [node.target for node in torch.fx.symbolic_trace(model).graph.nodes if node.op == "call_module"] == ["0"]
