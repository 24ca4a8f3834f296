"""Which arms were run by a value that no search has chosen, for it saw nothing to choose by?"""

from collections.abc import Sequence

from ..records import StudyArm, StudyRun
from ._arm import OWN, Arm
from ._claim import Claim


def searched_in_vain(claim: Claim, runs: Sequence[StudyRun]) -> dict[str, str]:
    """Return the arms none of whose searching runs gave the value that a search judges by, each with the reason.

    What they are run by is then the smallest of the grid, not their own best: nothing is to be concluded from it.
    """
    if claim.search is None:
        return {}
    option, value = claim.search.option, claim.search.value
    found = {}
    for arm in claim.arms:
        tried = [run for run in runs if run.searching and _is_tried_for(run, arm, option)]
        if tried and all(run.values.get(value) is None for run in tried):
            found[arm.name] = f"no run of the search for the {option} of {arm.name!r} gave {value!r}"
    return found


def _is_tried_for(run: StudyRun, arm: Arm, option: str) -> bool:
    """Whether a run was done to find the option of an arm; equal arms share the runs of a search."""
    if arm.options.get(option) != OWN:
        return False
    return {**run.options, option: OWN} == StudyArm(arm.name, dict(arm.options)).options
