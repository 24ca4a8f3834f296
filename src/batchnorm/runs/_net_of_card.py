"""How is the net built that a model file describes, so that it costs no more memory than the file has numbers?"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ..errors import InputError
from ..files import in_short
from ..models import TooLargeError, at_most, file_may_name, is_builtin
from ._own_net import twin_of
from ._own_norm import norm_in_file

if TYPE_CHECKING:
    from ._model_file import ModelCard

_AGAIN = 4
"""How often a net of another library may make a number until it has all: heads are made anew, masks are not saved."""
_ALWAYS = 2**20


def net_of_card(
    path: Path, card: "ModelCard", model: nn.Module | str | None, tensors: Mapping[str, Tensor]
) -> nn.Module:
    """Build the net of a card in evaluation mode; one that the file may name has hardly more numbers than the file.

    Args:
        path: the file.
        card: what it says.
        model: the caller's own net or its name, if the file cannot name it.
        tensors: of the file.

    Raises:
        InputError: the net cannot be built, is larger than the file, or has to be named by its user.
    """
    # The mode first: a norm that has been folded away is out of reach of what comes later.
    if isinstance(model, nn.Module):
        twin = twin_of(model, tensors).eval()
        card.set_moments(twin)
        return twin
    try:
        norm_in_file(card.arguments.get("norm"))  # whether it may be used is for the reader to say, in his words
    except InputError as error:
        raise InputError((f"{path}: ", error.fault)) from None
    try:
        if not model or file_may_name(model):
            _check_size(card, model, sum(map(torch.numel, tensors.values())))
        return card.build(model).eval()
    except InputError as error:
        misfit = isinstance(error.__cause__, TooLargeError)
        if misfit:
            said = f"its weights do not fit {model or card.model}: {error.__cause__}"
            raise InputError(f"{path}: {said}") from error
        # What is wrong with the file's own arguments is told in its words; another net is for the reader to name.
        known = model is None and file_may_name(card.model)
        raise InputError((f"{path}: ", in_short(error, 500) if known else error.fault)) from error


def _check_size(card: "ModelCard", model: str | None, numbers: int) -> None:
    """Build a net by its sizes alone, which take no memory."""
    most = numbers if is_builtin(model or card.model) else _AGAIN * numbers + _ALWAYS
    try:
        with torch.device("meta"), at_most(most):
            card.build(model)
    except InputError as error:
        if not isinstance(error.__cause__, NotImplementedError):
            raise
        # It looks at its own numbers while it is made. A layer is counted before its memory is written to.
        with at_most(most):
            card.build(model)
