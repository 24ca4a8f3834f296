"""Which tools take batch norm out of a model, and how is each of them called and counted?"""

from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from norm_operators import Count, count_calls, count_nodes
from torch import Tensor, nn
from torch.ao.quantization import quantize_fx
from torch.fx.experimental import optimization

from batchnorm import fold
from batchnorm.records import FoldReport


class Folded(NamedTuple):
    """What is called as the model was, and what the tool says about it: ours alone says something."""

    model: Any
    report: FoldReport | None = None


class Tool(NamedTuple):
    """One way to fold.

    Attributes:
        fold: takes a model, which it may change, and an example.
        before: counts what runs when the model is called, as the tool sees it.
        after: counts what runs when that is called that the tool has made.
    """

    fold: Callable[[nn.Module, Tensor], Folded]
    before: Callable[[nn.Module, Tensor], Count]
    after: Callable[[Any, Tensor], Count]


def ours(model: nn.Module, x: Tensor) -> Folded:
    """Fold in place, with the proof."""
    report = fold(model, x)
    return Folded(model, report)


def by_fuse(model: nn.Module, _: Tensor) -> Folded:
    """Let torch.fx fold, after symbolic tracing."""
    return Folded(optimization.fuse(model))


def by_fuse_fx(model: nn.Module, _: Tensor) -> Folded:
    """Let the quantization tools fold, which is the first thing that they do."""
    return Folded(quantize_fx.fuse_fx(model))


def by_jit(model: nn.Module, x: Tensor) -> Folded:
    """Trace and freeze, without what is done for one kind of processor only."""
    return Folded(torch.jit.freeze(_traced(model, x)))


def _traced(model: nn.Module, x: Tensor) -> torch.jit.ScriptModule:
    # Not `strict`, which refuses a dict for an output; the check would trace everything a second time.
    return torch.jit.trace(model, x, strict=False, check_trace=False)


def _count_traced(model: nn.Module, x: Tensor) -> Count:
    return count_nodes(torch.jit.freeze(_traced(model, x), optimize_numerics=False).graph)


def _count_frozen(model: torch.jit.ScriptModule, _: Tensor) -> Count:
    return count_nodes(model.graph)


TOOLS = {
    "ours": Tool(ours, count_calls, count_calls),
    "fx fuse": Tool(by_fuse, count_calls, count_calls),
    "fuse_fx": Tool(by_fuse_fx, count_calls, count_calls),
    "jit freeze": Tool(by_jit, _count_traced, _count_frozen),
}


def outcomes(report: FoldReport) -> Counter[str]:
    """Return how many norms had each outcome."""
    return Counter(norm.outcome for norm in report.norms)


def told(report: FoldReport) -> dict[str, Any]:
    """Return what our report says, as plain values."""
    return {
        "outcomes": outcomes(report),
        "reasons": Counter(f"{norm.outcome}: {norm.reason}" for norm in report.norms if norm.reason is not None),
        "unexplained": [norm.name for norm in report.norms if norm.outcome != "folded" and norm.reason is None],
        "loose": list(report.loose),
        "notes": list(report.notes),
    }
