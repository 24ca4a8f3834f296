"""A source of moments as text, and what is none."""

import math
import pickle
from copy import deepcopy
from dataclasses import FrozenInstanceError
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from batchnorm.functional import as_source, batch_norm
from batchnorm.nn import Batch, Blend, Ghost, Masked, Population, Renorm, Source, Sync

FROM_1, FROM_0, FINITE = (
    st.floats(1, allow_nan=False),
    st.floats(0, allow_nan=False),
    st.floats(-3.4e38, 3.4e38, allow_nan=False),
)
ANY_SOURCE = st.one_of(
    st.just(Batch()),
    st.builds(Ghost, st.integers(1)),
    st.builds(Renorm, FROM_1 | st.integers(1, 99), FROM_0 | st.integers(0, 99), st.integers(0)),
    st.builds(Masked, FINITE | st.none() | st.integers(-9, 9)),
    st.builds(Population, st.sampled_from(["batch", "none"])),
    st.builds(Blend, st.floats(0, 1)),
    st.just(Sync()),
)
X, MEAN, VAR = torch.randn(6, 3), torch.zeros(3), torch.ones(3)


@settings(derandomize=True, deadline=None)
@given(ANY_SOURCE)
def test_a_source_is_read_back_from_its_text(source):
    assert as_source(str(source)) == source


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("batch", Batch()),
        ("ghost:32", Ghost(32)),
        ("renorm", Renorm(3.0, 5.0, 5000)),
        ("renorm:2", Renorm(r_max=2)),
        ("renorm:2,1", Renorm(2, 1)),
        ("renorm:inf,inf,0", Renorm(math.inf, math.inf, 0)),
        ("masked", Masked(0.0)),
        ("masked:-1.5", Masked(-1.5)),
        ("masked:none", Masked(None)),
        ("population", Population("batch")),
        ("population:none", Population("none")),
        ("blend:1e-2", Blend(0.01)),
        ("sync", Sync()),
    ],
)
def test_a_text_is_a_source(text, source):
    assert as_source(text) == source


def pickled(source):
    return pickle.loads(pickle.dumps(source))  # noqa: S301  # our own, of a line before


@pytest.mark.parametrize("copy", [deepcopy, pickled])
@pytest.mark.parametrize("text", ["batch", "ghost:3", "renorm:2,1,0", "masked:none", "population:none", "blend:0.5"])
def test_a_copy_of_a_source_is_equal_and_has_its_hash(text, copy):
    source = as_source(text)
    assert copy(source) == source
    assert hash(copy(source)) == hash(source)


def test_a_source_is_frozen():
    with pytest.raises(FrozenInstanceError, match="size"):
        Ghost(3).size = 4


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        (Ghost(np.int64(4)), Ghost(4)),
        (Ghost(torch.tensor(4)), Ghost(4)),
        (Renorm(np.float64(2), Fraction(1, 2), np.int8(9)), Renorm(2.0, 0.5, 9)),
        (Blend(np.float32(0.5)), Blend(0.5)),
        (Masked(np.float16(0.5)), Masked(0.5)),
    ],
)
def test_numbers_of_others_become_pythons(given, plain):
    assert repr(given) == repr(plain)
    assert as_source(str(given)) == plain


def test_what_inherits_has_no_text_of_its_own():
    class Mine(Ghost):
        pass

    assert str(Mine(4)).endswith("Mine(size=4)")


SIZE = "Ghost: size: expected the number of samples in a slice, an integer of at least 1, got "
R_MAX, D_MAX = (
    "Renorm: r_max: expected a number of at least 1, got ",
    "Renorm: d_max: expected a number of at least 0, got ",
)
WARMUP = "Renorm: warmup: expected a number of updates, an integer of at least 0, got "
ALPHA = "Blend: alpha: expected the weight of the batch, a number from 0 to 1, got "
FILL = "Masked: fill: expected a finite number or None, got "
GRADIENT = "Population: gradient: expected 'batch' or 'none', got "
BAD = [
    *((Ghost, (size,), ValueError, SIZE) for size in (0, -1)),
    *((Ghost, (size,), TypeError, SIZE) for size in (2.5, 4.0, True, "a", None, [4], torch.tensor(4.0))),
    *((Renorm, (limit,), ValueError, R_MAX) for limit in (0.5, 0, -1, -math.inf, math.nan)),
    *((Renorm, (limit,), TypeError, R_MAX) for limit in (True, "3", None, torch.tensor(3.0), 3j)),
    *((Renorm, (3, limit), ValueError, D_MAX) for limit in (-1, -1e-9, math.nan)),
    *((Renorm, (3, 5, updates), ValueError, WARMUP) for updates in (-1,)),
    *((Renorm, (3, 5, updates), TypeError, WARMUP) for updates in (2.5, math.inf, False, "a")),
    *((Blend, (alpha,), ValueError, ALPHA) for alpha in (2, -0.1, 1.0001, math.nan, math.inf)),
    *((Blend, (alpha,), TypeError, ALPHA) for alpha in ("a", None, True)),
    *((Masked, (fill,), ValueError, FILL) for fill in (math.nan, math.inf, -math.inf)),
    *((Masked, (fill,), TypeError, FILL) for fill in ("a", False, torch.tensor(0.0))),
    *((Population, (word,), ValueError, GRADIENT) for word in ("bacth", "", None, 3)),
]


@pytest.mark.parametrize(("kind", "arguments", "error", "message"), BAD)
def test_a_source_of_bad_numbers_is_refused(kind, arguments, error, message):
    with pytest.raises(error, match=message) as caught:
        kind(*arguments)
    assert str(caught.value).endswith(".")
    assert " got " in str(caught.value)


TEXTS = {
    "gohst:32": "got 'gohst:32'. Did you mean 'ghost'?",
    "Ghost:32": "Did you mean 'ghost'?",
    "renrom": "Did you mean 'renorm'?",
    "": "got ''",
    ":": "got ':'",
    "ghost": "got 'ghost'. This one is written 'ghost:size'.",
    "ghost:1,2": "This one is written 'ghost:size'.",
    "ghost:a,b": "This one is written 'ghost:size'.",
    "ghost:": SIZE + "''",
    "ghost:0": SIZE + "0",
    "ghost:1.5": SIZE + "1.5",
    "ghost:none": SIZE + "None",
    "renorm:1,2,3,4": "This one is written 'renorm:r_max,d_max,warmup'.",
    "renorm:0.5": R_MAX + "0.5",
    "renorm:nan": R_MAX + "nan",
    "renorm:3,5,1e3": WARMUP + "1000.0",
    "masked:": FILL + "''",
    "masked:1,2": "This one is written 'masked:fill'.",
    "population:bacth": GRADIENT + "'bacth'",
    "blend": "This one is written 'blend:alpha'.",
    "blend:": ALPHA + "''",
    "batch:3": "This one is written 'batch'.",
    "batch:": "This one is written 'batch'.",
}


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_of_no_source_is_refused_with_how_it_is_written(text):
    with pytest.raises((ValueError, TypeError)) as caught:
        as_source(text)
    assert TEXTS[text] in str(caught.value)


@pytest.mark.parametrize(
    "given", [3, True, 2.5, Ghost, Source, ["ghost:3"], b"ghost:3", torch.nn.ReLU(), torch.zeros(2)]
)
def test_what_is_no_source_is_refused(given):
    with pytest.raises(
        TypeError, match=r"moments: expected a source of moments, such as Ghost\(32\), or its text, got"
    ):
        as_source(given)


@pytest.mark.parametrize("given", [3, Ghost, "gohst:2", "ghost", "", "batch:3"])
@pytest.mark.parametrize("size", [6, 0], ids=["batch", "empty"])
def test_a_call_with_no_source_is_refused_and_moves_nothing(given, size):
    mean, var = MEAN.clone(), VAR.clone()
    with pytest.raises((TypeError, ValueError), match="moments: expected"):
        batch_norm(X[:size], mean, var, training=True, moments=given)
    assert torch.equal(mean, MEAN)
    assert torch.equal(var, VAR)
