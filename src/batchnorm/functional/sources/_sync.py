"""Synchronized batch norm: the moments of the batches of all processes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from ...errors import InputError, InputTypeError, RefusedError
from .._across import across
from .._moments import Moments
from ._source import BATCH, RUNNING, Source

_NORMS = count(1)
_NO_LAYERS = torch.zeros((), dtype=torch.int64)


@dataclass(frozen=True)
class Sync(Source):
    """In training the moments of all processes' batches together; in evaluation as batch norm.

        own = batch_moments(x);  count = sum of own.count over the processes
        mean = sum of own.count / count * own.mean
        var = sum of own.count / count * (own.var + (own.mean - mean)**2)

    So every process normalizes as if it had the whole batch, however unevenly that is divided; one whose batch is empty
    takes part, too. The running statistics see the same moments in all of them. The gradient of `x` is that of the sum
    of all processes' losses; `weight` and `bias` get the gradient of this process's share, which
    DistributedDataParallel averages: all as in `torch.nn.SyncBatchNorm`, on CPUs (gloo), too. Without a process group,
    or in one of a single process, it is batch norm.

    All processes must call the same norms in the same order, and go back through them alike. One that does not come
    ends the others by the timeout of the process group, which cannot be used after that.

    Args:
        group: a process group of `torch.distributed`; None for all processes.

    Raises:
        TypeError: `group` is no process group.
        ValueError: this process is not in it; in a call, all processes together have one value per channel.
        RuntimeError: in a call, another process does not come, or is in another norm.

    Example:
        >>> from batchnorm.functional import batch_norm
        >>> batch_norm(torch.tensor([[0.0], [2.0]]), None, None, training=True, moments=Sync()).flatten()
        tensor([-1.0000,  1.0000])
        >>> str(Sync())
        'sync'

    Source: Peng et al., "MegDet: A Large Mini-Batch Object Detector", 2018, section 3.3; Chan, Golub, LeVeque,
    "Updating formulae and a pairwise algorithm for computing sample variances", 1979.
    """

    group: dist.ProcessGroup | None = None
    mark: Tensor | None = field(default=None, init=False, repr=False, compare=False)
    """What tells the layers of this process apart, each of which keeps a source of its own; None where none asks. A
    tensor, for of a number compiled code would be made anew."""

    name = "sync"

    def __post_init__(self) -> None:
        if self.group is not None:
            _check_group(self.group)

    def at(self, *, training: bool) -> Source:
        """Batch norm where there is nobody to hear of; compiled code asks that when it runs, not when it is made."""
        if not training:
            return RUNNING
        later = torch.compiler.is_compiling() and not torch.compiler.is_exporting()
        return self if later or _is_shared(self.group) else BATCH

    def gathered(self, own: Moments) -> Moments:
        """The moments of all processes' values."""
        if torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]  # torch's gap
            raise RefusedError(
                argument="moments",
                problem="'sync' cannot be traced by torch.jit, which takes the size of one batch for all",
                cure="Trace the evaluation (model.eval()), or take torch.compile.",
            )
        group = "" if self.group is None else self.group.group_name
        return across(own, group, _NO_LAYERS if self.mark is None else self.mark)

    def of_layer(self) -> "Sync":
        """One that is told apart from those of other layers."""
        return _told_apart(type(self), self.group) if self.mark is None else self

    def __str__(self) -> str:
        return repr(self) if self.group is not None or type(self) is not Sync else self.name

    def __repr__(self) -> str:
        """The group by its ranks."""
        ranks = "" if self.group is None else f"group of ranks {_ranks(self.group)}"
        return f"{type(self).__name__}({ranks})"

    def __deepcopy__(self, memo: dict[int, Any]) -> "Sync":
        """In the same group, which cannot be copied; a copy of a layer is another norm."""
        return self if self.mark is None else _told_apart(type(self), self.group)

    def __reduce__(self) -> tuple[Callable[..., "Sync"], tuple[Any, ...]]:
        """Without a group of some processes, which is nothing that can be saved.

        Raises:
            TypeError: there is one.
        """
        if self.group is not None:
            raise InputTypeError(
                argument="moments",
                expected="Sync() without a group where it is pickled, for another process does not have that group",
                got=repr(self),
                cure="Save the state_dict, or set layer.process_group = None first, and the group again behind it.",
            )
        return (type(self), ()) if self.mark is None else (_told_apart, (type(self),))


def _told_apart(kind: type[Sync], group: dist.ProcessGroup | None = None) -> Sync:
    source = kind(group)
    object.__setattr__(source, "mark", torch.full((), next(_NORMS), dtype=torch.int64, device="cpu"))
    return source


def _check_group(group: object) -> None:
    expected = "a process group of torch.distributed that this process belongs to, or None for all processes"
    cure = "Make one by torch.distributed.new_group, and use it only in its own processes."
    if group is dist.GroupMember.NON_GROUP_MEMBER:
        got = "what new_group gives to a process that is not in the group"
        raise InputError(verb="Sync", argument="group", expected=expected, got=got, cure=cure)
    if not isinstance(group, dist.ProcessGroup):
        raise InputTypeError(verb="Sync", argument="group", expected=expected, got=repr(group)[:100], cure=cure)


def _is_shared(group: dist.ProcessGroup | None) -> bool:
    if group is not None:
        return group.size() > 1
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def _ranks(group: dist.ProcessGroup) -> str:
    try:
        return ", ".join(map(str, dist.get_process_group_ranks(group)))
    except (KeyError, ValueError, RuntimeError):  # it has been destroyed
        return "that are gone"
