"""Whatever freezes, releases, switches and copies a model, in whatever order, each norm is what bookkeeping says."""

import copy
import pickle
from dataclasses import dataclass

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from batchnorm import freeze, unfreeze
from batchnorm.norms import is_frozen

NAMES = ("0", "1.0", "1.1")


@dataclass
class Expected:
    """Of one norm: what of it is frozen, what would be trained else, and how often its statistics moved."""

    frozen: bool = False
    affine: bool = False
    weight: bool = True
    bias: bool = True
    steps: int = 0


steps = st.one_of(
    st.tuples(
        st.just("freeze"), st.sets(st.sampled_from(NAMES), min_size=1), st.sampled_from([(1, 0), (0, 1), (1, 1)])
    ),
    st.tuples(st.just("unfreeze"), st.sets(st.sampled_from(NAMES), min_size=1)),
    st.tuples(st.just("mode"), st.booleans()),
    st.tuples(st.just("forward")),
    st.tuples(st.just("copy"), st.sampled_from([copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])),  # noqa: S301  # ours
)


def apply(step, model, expected):
    match step:
        case ("freeze", names, (statistics, affine)):
            freeze(model, statistics=bool(statistics), affine=bool(affine), filter_fn=lambda _, name: name in names)
            for name in names:
                expected[name].frozen |= bool(statistics)
                expected[name].affine |= bool(affine)
        case ("unfreeze", names):
            unfreeze(model, filter_fn=lambda _, name: name in names)
            for name in names:
                expected[name].frozen = expected[name].affine = False
        case ("mode", mode):
            model.train(mode)
        case ("forward",):
            model(torch.tensor([[1.0, 2.0], [3.0, 5.0]]))
            for held in expected.values():
                held.steps += model.training and not held.frozen
        case ("copy", copied):
            model = copied(model)
    return model


@settings(max_examples=50, deadline=None)
@given(st.lists(steps, max_size=8), st.tuples(*[st.booleans()] * 6))
def test_any_order_of_freezing_releasing_switching_and_copying_leaves_each_norm_what_it_should_be(sequence, trained):
    model = nn.Sequential(nn.BatchNorm1d(2), nn.Sequential(nn.BatchNorm1d(2), nn.BatchNorm1d(2)))
    expected = {name: Expected(weight=trained[2 * at], bias=trained[2 * at + 1]) for at, name in enumerate(NAMES)}
    for name, held in expected.items():
        model.get_submodule(name).weight.requires_grad_(held.weight)
        model.get_submodule(name).bias.requires_grad_(held.bias)
    for step in sequence:
        model = apply(step, model, expected)
        for name, held in expected.items():
            norm = model.get_submodule(name)
            assert (is_frozen(norm), norm.training) == (held.frozen, model.training and not held.frozen)
            assert norm.weight.requires_grad == (held.weight and not held.affine)
            assert norm.bias.requires_grad == (held.bias and not held.affine)
            assert norm.num_batches_tracked == held.steps
    unfreeze(model)
    assert all(vars(norm).keys() == vars(nn.BatchNorm1d(2)).keys() for norm in map(model.get_submodule, NAMES))
