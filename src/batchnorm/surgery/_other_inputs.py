"""On what else than the caller's examples can a model be tried?"""

import operator
from collections.abc import Sequence

from torch import nn

from ..calls import Call
from ..transaction import transaction
from ._vary import varied

_SEED = 0


def other_inputs(model: nn.Module, examples: Sequence[Call]) -> tuple[list[Call], list[str]]:
    """Random inputs like the examples, as far as the model takes them, and a note for each that has none."""
    found, notes = [], []
    for example in examples:
        other = _other_input(model, example)
        if isinstance(other, str):
            notes.append(f"{other}; only the example itself was compared")
        else:
            found.append(other)
    return found, notes


def _other_input(model: nn.Module, example: Call) -> Call | str:
    problem = "no tensor of the example could be varied"
    for whole in (True, False):
        other = varied(example, _SEED, whole=whole)
        if all(map(operator.is_, other.tensors, example.tensors)):
            continue
        try:
            with transaction(model, scripts=True):
                other.copied().run(model)
        except Exception as error:  # random numbers are no data of the user's: a model may refuse them
            problem = f"the model takes no random data like the example's ({type(error).__name__})"
        else:
            return other
    return problem
