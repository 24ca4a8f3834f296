"""`trace`: what the data and chance decide, and which ways through a model are tried for it."""

import random

import numpy as np
import pytest
import torch
from torch import nn

from batchnorm.wiring import trace

from .nets import conv, images, net

X = images()


def test_a_number_that_python_is_given_depends_on_the_data_or_not():
    def body(m, x):
        return x * float(m.scale) + x.mean().item()

    seen = trace(net(body, scale=nn.Parameter(torch.ones(1))), X).passes[0]
    asked = [one.scalar_of_data for one in seen.operations if one.name == "aten._local_scalar_dense"]
    assert asked == [False, True]


def by_sign(m, x):
    return m.a(x) if x.mean() > 0 else m.b(x)


def test_both_answers_to_a_question_about_the_data_are_tried():
    wiring = trace(net(by_sign, a=nn.BatchNorm2d(3), b=nn.BatchNorm2d(3)), X)
    assert len(wiring.passes) == 2
    assert {name: len(wiring.norm_calls(name)) for name in wiring.norms()} == {"a": 1, "b": 1}
    assert wiring.complete


def test_questions_behind_either_answer_are_tried_too():
    def body(m, x):
        y = by_sign(m, x)
        return m.c(y) if y.sum() > 0 else m.d(y)

    norms = {name: nn.BatchNorm2d(3) for name in "abcd"}
    wiring = trace(net(body, **norms), X)
    ways = {"".join(call.name for call in seen.calls) for seen in wiring.passes}
    assert ways == {"ac", "ad", "bc", "bd"}
    assert len(wiring.passes) == 4


def test_an_assertion_of_the_model_s_is_a_way_that_nobody_gets_past():
    def body(m, x):
        assert x.isfinite().all()
        return m.bn(x)

    wiring = trace(net(body, bn=nn.BatchNorm2d(3)), X)
    assert len(wiring.passes) == 1
    assert wiring.complete


def test_more_ways_than_are_tried_are_said():
    def body(m, x):
        for place in range(8):
            x = x + 1 if x.flatten()[place] > 0 else x - 1
        return m.bn(x)

    assert not trace(net(body, bn=nn.BatchNorm2d(3)), X).complete


def test_a_question_about_the_model_alone_has_one_answer():
    def body(m, x):
        return m.bn(x) if m.scale > 0 else x

    wiring = trace(net(body, bn=nn.BatchNorm2d(3), scale=nn.Parameter(torch.ones(1))), X)
    assert len(wiring.passes) == 1


@pytest.mark.parametrize("draw", [lambda: torch.rand(()).item(), random.random, np.random.rand])
def test_a_model_that_draws_is_run_with_other_numbers_too(draw):
    torch.manual_seed(123)
    drawn = []

    def body(m, x):
        drawn.append(draw())
        return m.bn(x)

    wiring = trace(net(body, bn=nn.BatchNorm2d(3)), X)
    assert wiring.draws
    assert len(wiring.passes) == 4
    assert len(set(drawn)) == 4


def test_a_model_that_does_not_draw_is_said_not_to():
    assert not trace(nn.Sequential(conv(), nn.Dropout(0.5)), X).draws
