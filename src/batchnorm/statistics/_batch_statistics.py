"""What does a model compute when every batch norm takes the batch's own statistics?"""

from collections.abc import Iterator

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parameter import is_lazy

from ..transaction import attributes, block


@block
def use_batch_statistics(model: nn.Module) -> Iterator[None]:
    """Let every batch norm normalize by its own batch inside the block, and update nothing.

    The output is that of training mode for the norms (every subclass of PyTorch's `_BatchNorm`,
    frozen ones too) and that of evaluation mode for all the rest: dropout is off. No buffer is
    touched, no `num_batches_tracked` counts. When the block ends, by whatever is raised, every
    module has its `training` and every norm its `track_running_stats` back. Two modes that differ
    on the same images show statistics that do not fit: the train/eval gap.

    The model is switched by its own `eval()`; the norms' flags are set on the norms themselves and not by
    `train()`, which a frozen one may answer in its own way. They are the model's: do not run it from another
    thread meanwhile.

    Args:
        model: any module; the ones that are its children when the block begins are meant.

    Raises:
        RuntimeError: a lazy norm that has not seen a batch yet has no channels.

    Example:
        >>> import torch
        >>> norm = nn.BatchNorm1d(1).eval()
        >>> x = torch.tensor([[0.0], [2.0]])
        >>> norm(x).flatten()
        tensor([0.0000, 2.0000], grad_fn=<...>)
        >>> with use_batch_statistics(norm):
        ...     norm(x).flatten()
        tensor([-1.0000,  1.0000], grad_fn=<...>)
        >>> norm.training, norm.num_batches_tracked
        (False, tensor(0))
    """
    _check_materialized(model)
    modules = list(model.modules())
    with attributes() as change:
        change.evaluate(model)
        for module in modules:
            if isinstance(module, _BatchNorm):
                change.set(module, "training", True)
                # The one state of torch's layer that reads the batch alone although there are buffers.
                change.set(module, "track_running_stats", False)
        yield


def _check_materialized(model: nn.Module) -> None:
    for name, module in model.named_modules():
        tensors = (*module.parameters(recurse=False), *module.buffers(recurse=False))
        if isinstance(module, _BatchNorm) and any(is_lazy(tensor) for tensor in tensors):
            raise RuntimeError(
                f"use_batch_statistics: expected norms that know their channels, got "
                f"{name or 'the model'} ({type(module).__name__}), which has seen no batch yet. "
                "Run one batch through the model first."
            )
