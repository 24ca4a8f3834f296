"""What does a model compute in training mode if no batch moves its running statistics?"""

from collections.abc import Iterator

from torch import nn

from ...nn import Moved, Policy
from ...transaction import attributes, block
from ._laid import lay_on_all, norms_of


class _Never(Policy):
    """No batch counts."""

    lets_none = True

    def lets(self, moved: Moved) -> bool:
        return False


@block
def no_statistics_update(model: nn.Module) -> Iterator[None]:
    """Run a model in training mode inside a `with` block without moving any running statistics.

        mean, var = moments of the batch;  running_mean, running_var, num_batches_tracked stay

    For a forward whose batch is not to count: the second one of SAM, at weights that no step leads to; the generator's
    pass through a discriminator; a probe. Outputs and gradients are those of training. The model's modes are as the
    caller sets them, also inside the block.

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
        >>> import torch
        >>> norm = nn.BatchNorm1d(1)
        >>> with no_statistics_update(norm):
        ...     norm(torch.tensor([[0.0], [2.0]])).flatten()
        tensor([-1.0000,  1.0000], grad_fn=<...>)
        >>> norm.running_mean, norm.num_batches_tracked
        (tensor([0.]), tensor(0))
    """
    norms = norms_of(model, "no_statistics_update")
    with attributes() as change:
        lay_on_all(change, norms, _Never())
        yield
