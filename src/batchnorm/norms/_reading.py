"""Which numbers does a norm normalize: its first argument, along which axis, or what its operator is given?"""

from ._find import Norm, are_stock
from ._look import Seen
from ._normalizers import BY_OPERATOR


class UnknownError(Exception):
    """Nobody knows what a norm normalizes; the reason is what it says."""


def reading_of(norm: Norm, trained: Seen, evaluated: Seen, *, alone: bool) -> int | str:
    """The axis of the channels in the norm's first argument, or `BY_OPERATOR`.

    Args:
        norm: the norm.
        trained: what was seen of it in a training forward.
        evaluated: and in one in evaluation, which a norm with a forward of torch's or ours can do without.
        alone: whether no other process runs the same, so that what it stores is of what it is given here.

    Raises:
        UnknownError: neither is right.
    """
    if trained.exchanged or evaluated.exchanged:
        raise UnknownError(
            "it is called with running statistics that are not its own: torch.func.functional_call gives them, or its "
            "own train() exchanges them"
        )
    if trained.transformed or evaluated.transformed:
        raise UnknownError(
            "it is called inside a transform of torch.func, where its input is that of several calls at once"
        )
    if not (trained.fits and evaluated.fits):
        raise UnknownError(f"a {norm.kind} does not hold one mean and one variance for each channel that it normalizes")
    if are_stock([norm]):
        return BY_OPERATOR if trained.elsewhere or evaluated.elsewhere else 1
    return _reading_of_own(norm, trained, evaluated, alone=alone)


def _reading_of_own(norm: Norm, trained: Seen, evaluated: Seen, *, alone: bool) -> int | str:
    """How a norm reads whose forward is somebody's own."""
    what = f"what a {norm.kind} normalizes is not known"
    stores = alone and trained.moved
    if not trained.calls and not evaluated.calls:
        raise UnknownError(f"{what}: it was not called with the first batch, or one process has none")
    if stores and trained.stored.axis is None and not trained.stored.by_operator:
        raise UnknownError(f"what a {norm.kind} stores in training are not the moments of its input")
    reads: int | str
    if evaluated.operators:
        if evaluated.silent:
            raise UnknownError(f"{what}: in some calls an operator normalizes by its statistics, in others none does")
        # Also where it was given the very tensor: with other data it may be another.
        reads, as_stored = BY_OPERATOR, not trained.operators or trained.values == evaluated.values
    else:
        reads = _axis_of_own(norm, trained, evaluated, what)
        as_stored = trained.stored.axis == reads
    if stores and not as_stored:
        raise UnknownError(
            f"a {norm.kind} normalizes other numbers in evaluation than those whose moments it stores in training"
        )
    return reads


def _axis_of_own(norm: Norm, trained: Seen, evaluated: Seen, what: str) -> int:
    if evaluated.foreign:
        raise UnknownError(f"a {norm.kind} normalizes by a copy of its statistics, or by other ones")
    if max(trained.tensors, evaluated.tensors) > 1:
        raise UnknownError(f"{what}: it takes more than one tensor, such as a mask")
    if evaluated.normalizes is None:
        raise UnknownError(f"{what}: in evaluation it does something other than normalize by its statistics")
    return evaluated.normalizes
