"""What does a dispatch mode of this package have in common with no other?"""

from torch.utils._python_dispatch import TorchDispatchMode


class OperatorMode(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's
    """A dispatch mode that also sees higher-order operators, and that brings no compiler into the process.

    Torch wraps the `__torch_dispatch__` of every mode so that its compiler leaves it alone, and imports the compiler at
    the first operator. That takes a second; and where a process group is up already, `torch.distributed.nn`, which is
    imported on the way, keeps the group as a default argument: `destroy_process_group()` then ends no thread of it, and
    a gloo thread that is still at work when Python ends aborts the process. A model runs uncompiled under our modes.
    """

    supports_higher_order_operators = True

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False
