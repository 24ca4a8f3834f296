"""How do the norms of a model become those of another class, in place?"""

from collections.abc import Sequence

import torch
from torch import nn

from ...calls import Call, Reader, check_device
from ...errors import InputError
from ...norms import Filter, select
from ...records import ConvertReport
from ...transaction import all_or_nothing, transaction, verb
from .._other_inputs import other_inputs
from ._asked import Asked, Target, asked
from ._each import converted, steps_of
from ._meant import is_convertible
from ._prove import Prover
from ._refuse import check_convertible, check_may_stop_training


@verb
def convert(
    model: nn.Module,
    to: Asked = None,
    *,
    filter_fn: Filter | None = None,
    example_inputs: object = None,
    **options: object,
) -> ConvertReport:
    """Convert."""
    target = asked(to, options)
    chosen = select(model, filter_fn, is_convertible)
    check_convertible(chosen, "convert")
    if target.idles is not None:
        check_may_stop_training(chosen, target.idles)
    examples = () if example_inputs is None else _examples(chosen.model, example_inputs, target)
    said: list[str] = []
    with torch.inference_mode(mode=False), torch.enable_grad(), all_or_nothing() as undo:
        for norm in chosen.norms.values():
            undo.add(*steps_of(norm))
        if not examples:
            done = [converted(name, norm, target) for name, norm in chosen.norms.items()]
            return ConvertReport("convert", tuple(done))
        with transaction(chosen.model, scripts=True) as change:
            change.evaluate()
            others, doubts = other_inputs(chosen.model, examples)
        prover = Prover(chosen.model, [*examples, *others], target, said)
        done, proof = prover.prove(chosen.norms)
    return ConvertReport("convert", tuple(done), (*doubts, *said), proof)


def _examples(model: nn.Module, given: object, target: Target) -> Sequence[Call]:
    """Read the examples by which it is to be proved that a model computes the same.

    Raises:
        InputError: it is not to compute the same.
    """
    if not target.modes:
        raise InputError(
            argument="example_inputs",
            expected="None, for what the norms become computes something else, and there is nothing to prove",
            got="examples",
            cure="Leave it out.",
        )
    examples = Reader(model, "convert").examples(given)
    check_device(examples, model, "convert")
    return examples
