"""How does batch norm go into the weights of a model's other layers?"""

from collections.abc import Iterator, Sequence

import torch
from torch import nn

from ...calls import Call, Reader, check_device
from ...records import FoldedNorm, FoldReport
from ...transaction import all_or_nothing, original, transaction, verb
from ...wiring import check_repeatable, not_varied, trace_examples
from .._other_inputs import other_inputs
from ._carry_out import carry_out, carry_out_and_prove
from ._keep import let_go, mark_fold
from ._make_plan import make_plan
from ._materialize import materialize as make_plain
from ._options import FoldOptions
from ._plan import Plan
from ._refuse import check_foldable

_MOST_NAMED = 4


@verb
def fold(
    model: nn.Module,
    example_inputs: object,
    *,
    verify: bool = True,
    materialize: bool = False,
    keep_originals: bool = True,
) -> FoldReport:
    """Fold every batch norm layer of a model into the weights of its neighbours, in place, wherever that is exact.

    after a product:   scale * (W x + b) + shift  =  (scale W) x + (scale b + shift)
    before a product:  W (scale x + shift) + b    =  (W scale) x + (b + W shift)

    with scale = weight / sqrt(running_var + eps) and shift = bias - running_mean * scale, computed in float64 and
    rounded once. Products are convolutions, transposed convolutions and linear layers of any class, and calls of
    `F.conv2d` and the like with a parameter. Between the norm layer and the product there may be anything that keeps
    the channels apart: views, padding that repeats, concatenation, shuffles, average pools. Which product belongs to
    which norm layer is not read from the code but observed while the model runs. A norm layer whose neighbours are not
    known for certain is not folded: it becomes a `ScaleShift`, one multiply-add for each element, or stays as it is,
    and the report gives the reason. What a norm layer does besides normalizing (an activation, a pool, a residual)
    stays in its place.

    All or nothing: whatever is raised, Ctrl-C included, the model is as it was. `unfold` gives back every bit. Modes,
    `requires_grad`, devices, memory formats and hooks stay.

    Args:
        model: in evaluation mode. `torch.compile` is seen through.
        example_inputs: what the model is called with: a tensor, a tuple of arguments, a dict of keyword arguments, a
            loader's batch, or a list of several examples, if the model does different things with different inputs
            (`batchnorm.calls.Reader` has the table).
        verify: compare the outputs before and after, on the examples and on random inputs like them, in float64 and
            in the model's dtype; a norm that makes a difference is put back.
        materialize: replace weights that are computed in each call (weight_norm, spectral_norm, parametrizations) by
            what they are now, so that norms can go into them.
        keep_originals: keep weights and norms as they were, for `unfold` and `save_folded`. They take as much memory as
            the model, also in a pickle of it; `drop_originals` lets go of them later.

    Returns:
        What became of each norm, and how far the outputs are from what they were.

    Raises:
        InputError: the model is in training mode, wrapped for several processes, or the examples lie on another device.
            It is a ValueError.
        InputTypeError: no module, or nothing that a model can be called with. It is a TypeError.
        RefusedError: the model does not give the same twice for the same input, or its weights are sharded. It is a
            RuntimeError.
        Exception: whatever the model raises with an example.

    Example:
        >>> from batchnorm import fold, unfold
        >>> net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU()).eval()
        >>> x = torch.randn(1, 1, 5, 5)
        >>> before = net(x)
        >>> report = fold(net, x)
        >>> report.outcome_of("1"), net[1]
        ('folded', Identity())
        >>> torch.allclose(net(x), before, atol=1e-6)
        True

    Source: Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-only
    inference", 2017, section 3.2 (folding); Ioffe and Szegedy, 2015, section 3.1 (the affine form in inference).
    """
    options = FoldOptions(verify, materialize)
    check_foldable(model)
    reader = Reader(original(model)[0], "fold")
    examples = reader.examples(example_inputs)
    check_device(examples, model, "fold")
    check_repeatable(examples, "fold")
    module, notes = original(model)
    with torch.inference_mode(mode=False), torch.no_grad():
        others, doubts = other_inputs(module, examples) if options.verify else ([], [])
        inputs = [*examples, *others]
        before = _count(module)
        with all_or_nothing() as undo:
            plain = make_plain(module, undo) if options.materialize else []
            wiring = trace_examples(module, tuple(inputs), "fold")
            with transaction(module, scripts=True):  # a forward is tried on its own here and there
                plan = make_plan(wiring)
            plan.plain, said = plain, [*notes, *doubts, *_options(reader, examples)]
            if wiring.draws:
                said.append("the model draws random numbers; before and after were compared with the same ones")
            if options.verify:
                proved = carry_out_and_prove(module, plan, inputs, said, undo)
            else:
                carry_out(module, plan, undo)
            mark_fold(module)
            if not keep_originals:
                let_go(module, undo)
            return FoldReport(
                norms=_norms(plan),
                loose=tuple(plan.loose),
                notes=tuple(said),
                proof=proved.proof if options.verify else None,
                parameters_before=before,
                parameters_after=_count(module),
                milliseconds_before=proved.before if options.verify else None,
                milliseconds_after=proved.after if options.verify else None,
            )


def _options(reader: Reader, examples: Sequence[Call]) -> Iterator[str]:
    """Say what else the examples have in common than their tensors: for that alone the model is folded."""
    places = [*not_varied(examples), *(f"no {name}" for name in reader.left_out(examples))]
    if places:
        more = f" and {len(places) - _MOST_NAMED} more" if len(places) > _MOST_NAMED else ""
        yield (
            f"folded for what the examples have in common: {', '.join(places[:_MOST_NAMED])}{more}; where the model is "
            "called with others, too, give a list of examples that has them"
        )


def _norms(plan: Plan) -> tuple[FoldedNorm, ...]:
    return tuple(
        FoldedNorm(change.norm, type(change.module).__name__, change.outcome, change.into, change.reason)
        for change in plan.changes
    )


def _count(model: nn.Module) -> int:
    """The numbers that a model holds: parameters, and real buffers such as statistics."""
    buffers = (buffer for buffer in model.buffers() if buffer.is_floating_point())
    return sum(tensor.numel() for tensor in (*model.parameters(), *buffers))
