"""How does a compiled model run so that its hooks are called?"""

import sys
from collections.abc import Callable
from typing import Any

import torch

from ._undo import Undo


def run_uncompiled(undo: Undo) -> None:
    """Let everything that `torch.compile` has made run as it was written, until the undo.

    Compiled code does not look for hooks that were registered after it was compiled. The stance holds for the
    process: whole models, `model.compile()`, compiled parts and compiled functions alike.
    """
    if "torch._dynamo" not in sys.modules:
        return  # nothing can be compiled yet, and the import takes seconds
    stances: list[Any] = []
    undo.add(_leave(stances))
    stances.append(torch.compiler.set_stance("force_eager"))


def _leave(stances: list[Any]) -> Callable[[], None]:
    def put_back() -> None:
        for stance in stances:
            stance.__exit__(None, None, None)

    return put_back
