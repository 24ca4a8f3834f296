"""How does a compiled model run so that its hooks are called?"""

import sys
from functools import partial
from typing import Any

import torch

from ._undo import Undo


def run_uncompiled(undo: Undo) -> None:
    """Let everything that `torch.compile` has made run as it was written, until the undo.

    Compiled code does not look for hooks that were registered after it was compiled. The stance holds for the
    process: whole models, `model.compile()`, compiled parts and compiled functions alike.
    """
    compiler: Any = sys.modules.get("torch._dynamo.eval_frame")
    if compiler is None:
        return  # nothing can be compiled yet, and the import takes seconds
    undo.add(partial(compiler._set_stance, compiler._stance))
    torch.compiler.set_stance("force_eager")
