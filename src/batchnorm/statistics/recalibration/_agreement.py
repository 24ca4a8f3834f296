"""Do all ranks begin with the same model and question, and end with the same statistics?"""

import torch

from ...errors import InputError, RefusedError
from ...measuring import Passes
from ...ranks import all_equal, all_hold
from ._outcome import Outcome
from ._state import State


def agree(passes: Passes, state: State, outcome: Outcome, question: object) -> None:
    """Let every rank begin with rank 0's statistics, if its own differ.

    Raises:
        InputError: the ranks have other norms, or other arguments.
    """
    if passes.ranks.size == 1:
        return
    norms = [(norm.name, norm.kind, len(norm.mean), str(norm.mean.dtype), norm.eps) for norm in passes.norms]
    if not all_hold(passes.ranks, repr((norms, question)).encode()):
        raise InputError(
            expected="the same model and the same arguments on every rank",
            got="different ones",
            cure="Only the loaders may differ: each rank reads its own share of the data.",
        )
    old = passes.ranks.gather(torch.cat([*state.old]))
    if not all_equal(old):
        outcome.note("the ranks had different statistics: those of rank 0 count as the old ones")
        state.start_from(old[0])


def prove_equal(passes: Passes, state: State, outcome: Outcome) -> None:
    """Compare what all ranks have written, bit for bit.

    Raises:
        RefusedError: it differs.
    """
    if passes.ranks.size == 1:
        return
    data = b"".join(
        buffer.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes()
        for index in outcome.written
        for buffer in (passes.norms[index].mean, passes.norms[index].var)
    )
    if not all_hold(passes.ranks, data):
        raise RefusedError(
            expected="the same statistics on every rank",
            got="different ones",
            cure="Do all of them run the same version of the model and of torch?",
        )
