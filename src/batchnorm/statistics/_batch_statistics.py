"""What does a model compute when every batch norm takes the batch's own statistics?"""

from collections.abc import Callable, Iterable, Iterator

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..errors import InputTypeError
from ..norms import find_norms, is_norm, is_stock, run_alone
from ..transaction import Attributes, attributes, block


@block
def use_batch_statistics(model: nn.Module) -> Iterator[None]:
    """Normalize by the statistics of each batch inside a `with` block, and update no running statistics.

    Use it to see how much the running statistics matter: if the outputs on the same images differ much from those of
    evaluation mode, the running statistics do not fit the model (the train/eval gap).

    Inside the block, norm layers compute what they compute in training mode (frozen ones too, except for a class that
    knows nothing of batches, such as torchvision's FrozenBatchNorm2d; layers whose `moments` read running statistics
    then, such as `Renorm` and `Population`, go by the batch alone, and synchronized ones by the batch of their process,
    for an evaluation may be one process's alone), and everything else is in evaluation mode: dropout is off. No buffer
    changes, not even `num_batches_tracked`. When the block ends, even by an exception, every
    module has its `training` and every norm layer its `track_running_stats` back.

    An evaluation function of your own may call `model.eval()` or `model.train()` inside the block: the norm layers stay
    as they are, all else follows. What needs the running statistics (`recalibrate`, `fold`, `evaluate`) is
    refused there.

    The model is switched by its own `eval()`. The flags of the norm layers are set directly and not by `train()`, which
    a frozen one may override. They belong to the model: do not run it from another thread in the meantime.

    Args:
        model: any module; the ones that are its children when the block begins are meant.

    Raises:
        InputTypeError: no module.
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
    if not isinstance(model, nn.Module):
        raise InputTypeError(
            verb="use_batch_statistics", argument="model", expected="a torch.nn.Module", got=type(model).__name__
        )
    find_norms(model, "use_batch_statistics")  # a lazy one is named before anything begins
    norms = [module for module in model.modules() if is_norm(module)]
    own = [module for module in norms if not isinstance(module, _BatchNorm) or not is_stock(module)]
    with attributes() as change:
        change.afterwards(_copies(own))
        change.evaluate(model)
        for module in norms:
            change.keep_in_training(module)
            run_alone(change, module)
            if module not in own:
                # The one state of torch's layer that reads the batch alone although there are buffers.
                change.set(module, "track_running_stats", False)
        for module in own:
            _put_back_after_each_forward(module, change)
        yield


def _put_back_after_each_forward(norm: nn.Module, change: Attributes) -> None:
    """Give a norm that moves its statistics in a way of its own the former ones back, call by call."""
    waiting: list[Callable[[], None]] = []
    before = norm.register_forward_pre_hook(lambda module, args: waiting.append(_copies([module])))
    change.afterwards(before.remove)
    after = norm.register_forward_hook(lambda module, args, output: waiting.pop()(), always_call=True)
    change.afterwards(after.remove)


def _copies(norms: Iterable[nn.Module]) -> Callable[[], None]:
    """Copy the buffers of norms, and return what writes the copies back.

    By way of `.data`: no mode has to be set, which an interrupt could leave set, and a graph that keeps the buffers for
    its backward, which by batch statistics does not read them, stays valid.
    """
    saved = [(buffer, buffer.data.clone()) for norm in norms for buffer in norm.buffers()]

    def put_back() -> None:
        for buffer, copy in saved:
            buffer.data.copy_(copy)

    return put_back
