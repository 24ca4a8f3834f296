"""What if a batch holds an infinity, or NaN? It passes, and leaves no trace in the running statistics."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from ...nn import Moved, Policy
from ...transaction import attributes, block
from ._laid import lay_on_all, norms_of


class _IfFinite(Policy):
    """A batch counts if what it has made of the statistics is finite."""

    def lets(self, moved: Moved) -> Tensor:
        return torch.isfinite(moved.mean).all() & torch.isfinite(moved.var).all()


@block
def skip_nonfinite(model: nn.Module) -> Iterator[None]:
    """Keep infinities and NaN out of the running statistics inside a `with` block.

        finite = isfinite(batch mean).all() and isfinite(batch var).all()
        running_mean, running_var, num_batches_tracked = moved if finite else as before

    One overflow in mixed precision is enough to fill the running statistics with NaN for good: the gradient scaler
    skips the step of the optimizer, and nobody the update of the statistics. Inside the block each norm decides for
    itself, by `torch.where`; nothing is read back from the device. A norm whose batch is finite moves as usual, to the
    bit.

    An overflow in the backward is not seen: when it comes, the statistics have moved, by a forward that was finite.

    Forwards that activation checkpointing runs again move nothing while the block lasts; where `backward()` comes
    behind it, norms that are not of this library need `checkpoint_safe`. Blocks may stand in each other, in any order,
    and end by an exception. A copy of the model that is made inside is an ordinary one. What `torch.compile` has made
    of the model is compiled anew for the block, once.

    Args:
        model: any module with batch norm; the modules that are its children when the block begins are meant.

    Raises:
        InputTypeError: no module.
        InputError: it has no batch norm that keeps running statistics.
        RefusedError: a lazy norm has seen no batch yet; one is of an exported graph, which does not call it.

    Example:
        >>> norm = nn.BatchNorm1d(1)
        >>> with skip_nonfinite(norm):
        ...     _ = norm(torch.tensor([[0.0], [float("inf")]]))
        ...     _ = norm(torch.tensor([[0.0], [2.0]]))
        >>> norm.running_mean, norm.num_batches_tracked
        (tensor([0.1000]), tensor(1))

    Source: https://github.com/pytorch/pytorch/issues/90342
    """
    norms = norms_of(model, "skip_nonfinite")
    with attributes() as change:
        lay_on_all(change, norms, _IfFinite())
        yield
