"""How does a plan become a folded model, all or nothing, with a proof?"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median

import torch
from torch import nn

from ...calls import Call
from ...errors import RefusedError, Setting
from ...records import FoldProof
from ...transaction import Undo, rng_state, transaction
from .._culprits import put_back_culprits
from .._names import tensor_of
from .._operation import Operation
from .._rounding import bound_of, gives_finite, rounding_between
from .._twin import float64_twin
from .._witness import FLOAT64_BOUND, Witness
from ._actions_of import actions_of, operation_for, stash_of
from ._plan import Plan
from ._stash import set_stashes, stashes_of

_CALLS = 3
NOT_FINITE = "none of the model's outputs is finite, so that nothing could be proved"
"""Why the norms of such a model are left."""


@dataclass(frozen=True, slots=True)
class Proved:
    """The proof, and the milliseconds of a call before and after."""

    proof: FoldProof
    before: float
    after: float


def carry_out(model: nn.Module, plan: Plan, undo: Undo) -> Operation:
    """Make every change of a plan, and leave what `unfold` needs with the model."""
    operation = operation_for(model, plan)
    undo.add(partial(set_stashes, model, stashes_of(model)))
    undo.add(partial(operation.carry_out, ()))
    operation.carry_out(actions_of(operation, plan, plan.active))
    set_stashes(model, [*stashes_of(model), stash_of(operation, plan)])
    return operation


def carry_out_and_prove(model: nn.Module, plan: Plan, inputs: Sequence[Call], said: list[str], undo: Undo) -> Proved:
    """Prove the plan in float64, carry it out, prove it in the model's dtype; what differs is put back.

    Args:
        model: in evaluation mode.
        plan: norms whose change makes a difference are demoted in it.
        inputs: the first is timed, too.
        said: notes are appended.
        undo: hears how to go back.

    Raises:
        RuntimeError: the model does not give the same twice.
    """
    rng = rng_state({tensor.device for tensor in (*model.parameters(), *model.buffers())})
    own = Witness(inputs, rng)
    own.remember(model)
    _check_repeats(own.repeats(model))
    if all(leaf is None for output in own.outputs for leaf in output.leaves.values()):
        said.append(
            "the model returns nothing that could be compared: the proof is only of what it writes into its arguments"
        )
    if not gives_finite(own.outputs):
        plan.leave_all(NOT_FINITE)
    fine, rounding = _prove_in_float64(model, plan, own, said)
    own.exact = fine is None  # else it is known that only rounding can make a whole number another one
    before = _milliseconds(model, inputs[0])
    former = stashes_of(model)
    operation = carry_out(model, plan, undo)
    _put_back_culprits(plan, operation, own, bound_of(rounding), said)
    set_stashes(model, [*former, stash_of(operation, plan)])
    proof = FoldProof(len(inputs), fine, own.last, rounding, _dtype(model))
    return Proved(proof, before, _milliseconds(model, inputs[0]))


def _prove_in_float64(model: nn.Module, plan: Plan, own: Witness, said: list[str]) -> tuple[float | None, float | None]:
    """Fold a twin; return how far its outputs are from its own before, and the model's from the twin's."""
    fine = Witness([example.in_dtype(torch.float64) for example in own.examples], own.rng)
    # A hook of the twin's may be a function that holds on to the model itself, and writes there.
    with transaction(model, scripts=True):
        try:
            twin = float64_twin(model)
            fine.remember(twin)
        except Exception as error:  # a forward that makes float32 tensors of its own, for one
            said.append(f"not proved in float64, in which the model does not run ({type(error).__name__})")
            return None, None
        rounding = max(map(rounding_between, fine.outputs, own.outputs), default=0.0)
        operation = operation_for(twin, plan, partial(_double, model))
        _put_back_culprits(plan, operation, fine, FLOAT64_BOUND, said)
    return fine.last, rounding


def _double(model: nn.Module, name: str) -> torch.Tensor:
    return tensor_of(model, name).to(torch.float64)


def _put_back_culprits(plan: Plan, operation: Operation, witness: Witness, bound: float, said: list[str]) -> None:
    """Demote the norms whose change makes a difference; what is carried out at the end is the plan that is left."""

    def agrees(active: list[str]) -> bool:
        operation.carry_out(actions_of(operation, plan, active))
        return witness.distance(operation.model) <= bound

    def demote(norm: str) -> None:
        reason = f"with it {plan.of(norm).outcome}, the outputs differed or the model raised an error"
        said.append(f"{norm}: {reason}; it was put back")
        plan.demote(norm, reason)

    put_back_culprits(lambda: plan.active, agrees, demote)


def _check_repeats(apart: float) -> None:
    if apart > 0:
        raise RefusedError(
            argument="model",
            expected="a model that gives the same output for the same input",
            got=f"one whose outputs differ by {apart:.1e} with the same random state, so nothing can be proved",
            cure=("Make it repeatable, or pass ", Setting("verify", False), "."),
        )


def _milliseconds(model: nn.Module, example: Call) -> float:
    # Here and not above: it brings setuptools along, which costs every import of this package a quarter of a second.
    from torch.utils.benchmark import Timer

    names = {"example": example, "model": model}
    # Its default is one thread, whatever torch's is.
    timer = Timer("example.copied().run(model)", globals=names, num_threads=torch.get_num_threads())
    with transaction(model, scripts=True):
        # The median, computed here: its own is computed on the default device.
        return 1e3 * median(timer.timeit(1).times[0] for _ in range(_CALLS))


def _dtype(model: nn.Module) -> str:
    tensors = (tensor for tensor in (*model.parameters(), *model.buffers()) if tensor.is_floating_point())
    return str(next((tensor.dtype for tensor in tensors), torch.float32)).removeprefix("torch.")
