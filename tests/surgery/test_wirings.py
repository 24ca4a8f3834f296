"""Every wiring of the corpus: folded where a rule is exact, right in any case, and given back bit for bit."""

import pytest

from .wirings import WIRINGS
from .wirings._outputs import distance
from .wirings._run import by_rule, is_right, with_proof

pytestmark = pytest.mark.usefixtures("one_thread")

ALWAYS = ("blind", "calls", "numbers")
"""Themes whose wirings the quick tests take one and all; of the others they take some, and the slow tests the rest."""


def every(step, names):
    """The wirings, those marked that only the slow tests take: each costs some milliseconds, and they are many."""
    return [
        name if name.startswith(ALWAYS) or place % step == 0 else pytest.param(name, marks=pytest.mark.slow)
        for place, name in enumerate(names)
    ]


with_rules_alone = pytest.mark.parametrize("name", every(3, [name for name, case in WIRINGS.items() if not case.blind]))
with_the_proof = pytest.mark.parametrize("name", every(20, WIRINGS))


def not_allowed(name, run):
    """The norms whose outcome is none of those that are allowed, and norms that nobody expected."""
    allowed = WIRINGS[name].expected
    found = {path: run.outcomes.get(path, "absent") for path in allowed} | run.outcomes
    return {} if run.refused else {path: got for path, got in found.items() if got not in allowed.get(path, ())}


@with_rules_alone
def test_the_rules_fold_what_is_exact_and_nothing_else(name):
    assert not_allowed(name, by_rule(name)) == {}


@with_rules_alone
def test_the_rules_alone_keep_the_outputs_in_float64(name):
    assert is_right(name, by_rule(name), exact=True)


@with_rules_alone
def test_unfold_gives_back_every_parameter_buffer_and_module_bit_for_bit(name):
    assert by_rule(name).not_given_back == []


@with_rules_alone
def test_unfold_gives_back_the_outputs_bit_for_bit(name):
    assert distance(by_rule(name).unfolded, by_rule(name).before) == 0


@with_rules_alone
def test_a_tensor_that_keeps_its_name_keeps_all_but_its_numbers(name):
    assert by_rule(name).other_flags == []


@with_rules_alone
def test_the_example_inputs_are_as_they_were(name):
    assert by_rule(name).example_kept


@with_the_proof
def test_the_proof_leaves_what_the_rules_have_folded(name):
    assert not_allowed(name, with_proof(name)) == {}


@with_the_proof
def test_a_proved_model_keeps_the_outputs_in_its_own_dtype(name):
    assert is_right(name, with_proof(name), exact=False)


@with_the_proof
def test_unfold_gives_back_a_proved_model_bit_for_bit(name):
    run = with_proof(name)
    assert run.not_given_back == []
    assert distance(run.unfolded, run.before) == 0


@with_the_proof
def test_a_proof_leaves_the_example_inputs_as_they_were(name):
    assert with_proof(name).example_kept
