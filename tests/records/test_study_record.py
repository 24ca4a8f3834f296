"""What do records of a study keep of what they are given?"""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from batchnorm.errors import InputError, InputTypeError
from batchnorm.records import StudyArm, StudyRun, from_json, to_json
from batchnorm.records._plain import DEEPEST
from batchnorm.study._judged import judged
from tests.study.drawn import asked, claim_of, run_of, runs_of


def kept(**parts):
    return run_of("a", 0, 1.0, **parts)


def test_lists_become_tuples_so_that_a_run_equals_what_is_read_back() -> None:
    run = kept(options={"sizes": [1, [2, 3]]}, series={"loss": [0.5, math.inf]})
    assert (run.options, run.series) == ({"sizes": (1, (2, 3))}, {"loss": (0.5, None)})
    assert from_json(to_json(run), StudyRun) == run


@pytest.mark.parametrize("values", [np.array([0.5, 1.5]), torch.tensor([0.5, 1.5])])
def test_arrays_and_tensors_are_kept_as_their_numbers(values) -> None:
    assert kept(series={"loss": values}).series == {"loss": (0.5, 1.5)}


def test_a_value_that_is_not_finite_is_kept_as_missing() -> None:
    assert kept(values={"y": math.nan, "z": -math.inf}).values == {"x": 1.0, "y": None, "z": None}


def test_an_option_of_another_kind_is_refused_by_its_name() -> None:
    with pytest.raises(InputTypeError, match=r"options\['norm'\]: expected text, numbers, .* got an object"):
        kept(options={"norm": object()})


def test_lists_that_lie_in_too_many_others_are_refused() -> None:
    deep = []
    for _ in range(DEEPEST):
        deep = [deep]
    with pytest.raises(InputTypeError, match=r"series\['loss'\]: .* \(20 in one another at most\), got a list"):
        kept(series={"loss": deep})


def test_the_options_of_an_arm_are_kept_likewise() -> None:
    assert StudyArm("a", {"sizes": [1, 2]}).options == {"sizes": (1, 2)}


def test_a_claim_without_a_primary_comparison_is_told_to_be_none() -> None:
    answer = judged(claim_of(asked()), runs_of(a=[1, 2], b=[0, 0]), (0, 1))
    with pytest.raises(InputError, match=r"claim 'drawn'.* one that is primary"):
        _ = replace(answer, comparisons=()).headline
