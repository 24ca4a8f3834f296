"""Who competes? Ours, the same written with PyTorch's calls, and that compiled."""

import os
import shutil
import sys
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from ..functional import activate, batch_norm, batch_norm_add, batch_norm_pool
from ._cases import LayerCase
from ._operands import EPS, MOMENTUM, Operands

Forward = Callable[[Operands, bool], Tensor]
"""Operands, and whether in training, to the output."""


def ours(case: LayerCase, route: str) -> Forward:
    """Return our function of the family, by that route."""
    kernel = {"bn+act": batch_norm, "bn+add+act": batch_norm_add, "bn+act+pool": batch_norm_pool}[case.family]

    def forward(o: Operands, training: bool) -> Tensor:  # noqa: FBT001  # torch's habit
        given = (o.x,) if o.residual is None else (o.x, o.residual)
        state = (o.running_mean, o.running_var, o.weight, o.bias, training, MOMENTUM, EPS)
        out: Tensor = kernel(*given, *state, activation=case.activation_name, route=route)  # type: ignore[operator]
        return out

    return forward


def native(case: LayerCase) -> Forward:
    """Return the family as one writes it in PyTorch: a call for every step."""
    pooled = case.family == "bn+act+pool"

    def forward(o: Operands, training: bool) -> Tensor:  # noqa: FBT001  # torch's habit
        y = F.batch_norm(o.x, o.running_mean, o.running_var, o.weight, o.bias, training, MOMENTUM, EPS)
        if o.residual is not None:
            y = y + o.residual
        y = activate(y, case.activation_name)  # torch's function of that name
        return F.max_pool2d(y, 2) if pooled else y

    return forward


def compiled(case: LayerCase) -> Forward:
    """Return `native` under torch.compile; it compiles when it is first called."""
    forward: Forward = torch.compile(native(case), fullgraph=True, dynamic=False)
    return forward


def compiler_missing() -> str | None:
    """Return why torch.compile cannot make code for the CPU here; None if a C++ compiler is there."""
    name = os.environ.get("CXX") or ("clang++" if sys.platform == "darwin" else "g++")
    return None if shutil.which(name) else f"there is no C++ compiler ({name}; CXX names another)"


def failure(error: Exception) -> str:
    """Return one line about what torch.compile raised: that a competitor cannot start is a result, too."""
    first = next((line for line in str(error).splitlines() if line.strip()), "")
    return f"torch.compile failed: {type(error).__name__}: {first.strip()[:120]}"
