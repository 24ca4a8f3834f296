"""How far is each contender from float64?"""

from collections.abc import Mapping

import torch
from torch import Tensor

from ..records import Errors
from ._cases import LayerCase
from ._contenders import Forward
from ._operands import Operands, chunks, reference


def errors(case: LayerCase, operands: Operands, contenders: Mapping[str, Forward]) -> dict[str, Errors]:
    """Return the largest absolute differences from the formula in float64, by contender.

    The formula is worked out for some channels at a time: channels do not know of each other.
    """
    results = {name: _results(operands, forward) for name, forward in contenders.items()}
    largest = {name: [0.0, 0.0, 0.0] for name in contenders}
    for chunk in chunks(case):
        truth = _truth(case, operands.channels(chunk))
        for name, result in results.items():
            for number, (got, expected) in enumerate(zip(result, truth, strict=True)):
                difference = float((got[:, chunk].double() - expected).abs().max())
                # max() of Python would lose a NaN that stands second
                largest[name][number] = (
                    difference if difference != difference else max(largest[name][number], difference)
                )
    return {name: Errors(*(float(f"{value:.3g}") for value in values)) for name, values in largest.items()}


def _results(operands: Operands, forward: Forward) -> tuple[Tensor, Tensor, Tensor]:
    """Return the output and the input's gradient in training, and the output in evaluation."""
    output = forward(operands.with_own_statistics(), True)
    (gradient,) = torch.autograd.grad(output, operands.x, operands.dy)
    with torch.no_grad():
        evaluation = forward(operands.with_own_statistics(), False)
    return output.detach(), gradient, evaluation


def _truth(case: LayerCase, operands: Operands) -> tuple[Tensor, Tensor, Tensor]:
    x = operands.x.requires_grad_()
    output = reference(case, operands, training=True)
    (gradient,) = torch.autograd.grad(output, x, operands.dy)
    with torch.no_grad():
        evaluation = reference(case, operands, training=False)
    return output.detach(), gradient, evaluation
