"""A wiring folded and unfolded once: everything that its tests look at."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from torch import Tensor, nn

import batchnorm

from . import WIRINGS
from ._case import Case
from ._outputs import Values, copied, distance, in_float64, leaves, mapped, outputs
from ._picture import flags, picture


@dataclass(frozen=True)
class Run:
    """What was before, after folding, and after the inverse."""

    outcomes: dict[str, str]
    refused: bool
    before: list[Values]
    folded: list[Values]
    unfolded: list[Values]
    not_given_back: list[str]
    """Parameters, buffers and modules that the inverse has not made what they were."""
    other_flags: list[str]
    """Parameters and buffers that folding has made something else than other numbers."""
    example_kept: bool


@cache
def by_rule(name: str) -> Run:
    """Folded without the proof, which would put back what is wrong; in float64 where the model allows it."""
    case = WIRINGS[name]
    if not case.twin:
        return _run(case, case.make(), case.example, case.further, verify=False)
    return _run(case, case.make().double(), in_float64(case.example), in_float64(case.further), verify=False)


@cache
def with_proof(name: str) -> Run:
    """Folded in the model's own dtype, and proved."""
    case = WIRINGS[name]
    return _run(case, case.make(), case.example, case.further, verify=True)


def is_right(name: str, run: Run, *, exact: bool) -> bool:
    """Whether folding has kept the outputs: within 1e-9 in float64, within the dtype's own error elsewhere."""
    error, case = distance(run.folded, run.before), WIRINGS[name]
    if exact and case.twin:
        return error <= 1e-9
    return error <= case.bound or (case.twin and error <= 3 * _own_error(case))


def _own_error(case: Case) -> float:
    """How far the model's outputs are from those of its twin in float64, without any folding."""
    calls = [*case.examples(), *case.further]
    exact = outputs(case.make().double(), in_float64(calls), case.observe)
    rounded = outputs(case.make(), calls, case.observe)
    return distance([_numbers(values) for values in rounded], [_numbers(values) for values in exact])


def _numbers(values: Values) -> Values:
    return {place: value for place, value in values.items() if isinstance(value, Tensor)}


def _run(case: Case, model: nn.Module, example: Any, further: tuple[Any, ...], *, verify: bool) -> Run:
    calls = [*(example if isinstance(example, list) else [example]), *further]
    before, as_made, kinds = outputs(model, calls, case.observe), picture(model), flags(model)
    given = mapped(copied, example)
    refused, outcomes = False, {}
    try:
        report = batchnorm.fold(model, given, verify=verify, **dict(case.options))
        outcomes = {norm.name: norm.outcome for norm in report.norms}
    except (ValueError, TypeError, RuntimeError) as error:
        if case.refusal is None or not re.search(case.refusal, str(error)):
            raise
        refused = True
    folded, after = outputs(model, calls, case.observe), flags(model)
    if not refused:
        batchnorm.unfold(model)
    again = picture(model)
    return Run(
        outcomes=outcomes,
        refused=refused,
        before=before,
        folded=folded,
        unfolded=outputs(model, calls, case.observe),
        not_given_back=[key for key in as_made.keys() | again.keys() if as_made.get(key) != again.get(key)],
        other_flags=[key for key in kinds.keys() & after.keys() if kinds[key] != after[key]],
        example_kept=distance([dict(leaves(given, ""))], [dict(leaves(example, ""))]) == 0,
    )
