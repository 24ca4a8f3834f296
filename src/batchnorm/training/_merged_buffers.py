"""Which buffers does a net have that several processes have trained, each by statistics of its own?"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from ..norms import find_norms
from ..statistics import average_models

Buffers = Mapping[str, Tensor]


def merged_buffers(net: nn.Module, given: Sequence[Buffers]) -> dict[str, Tensor]:
    """Return the buffers of all processes as those of one: what norms keep is merged, all others are the first one's.

    With n processes, each of which counts the same:

    running_mean  mean = sum_i mean_i / n
    running_var   var = sum_i (var_i + (mean_i - mean)^2) / n
    counter       the largest

    Args:
        net: whose buffers they are.
        given: those of each process, by their names.

    Example:
        >>> ones = torch.ones(1)
        >>> given = [{"running_mean": mean * ones, "running_var": ones} for mean in (0.0, 4.0)]
        >>> merged_buffers(nn.BatchNorm1d(1), [{**one, "num_batches_tracked": torch.tensor(3)} for one in given])
        {'running_mean': tensor([2.]), 'running_var': tensor([5.]), 'num_batches_tracked': tensor(3)}
    """
    names = [name for name in statistics_of(net) if any(not _same(one[name], given[0][name]) for one in given[1:])]
    # A variance needs the means beside it.
    wanted = {other for name in names for other in _beside(name, given[0])}
    if not wanted:
        return dict(given[0])
    return {**given[0], **average_models([{name: one[name] for name in wanted} for one in given])}


def statistics_of(net: nn.Module) -> list[str]:
    """Name the buffers that norms keep of batches: mean, variance and counter."""
    norms = {module for norm in find_norms(net, "train") for module in norm.modules}
    kept = {id(buffer) for module in norms for buffer in module.buffers(recurse=False)}
    return [name for name, buffer in net.named_buffers() if id(buffer) in kept]


def _beside(name: str, among: Buffers) -> list[str]:
    norm = name.rpartition(".")[0]
    return [other for other in among if other.rpartition(".")[0] == norm]


def _same(one: Tensor, other: Tensor) -> bool:
    return torch.equal(one, other)
