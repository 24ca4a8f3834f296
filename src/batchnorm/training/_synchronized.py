"""Which norms normalize by the moments of all processes, for the time of a training, and which cannot?"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import nn

from ..errors import InputError, Setting
from ..functional import Batch, Source, Sync
from ..models import is_builtin
from ..norms import is_frozen, is_norm
from ..runs import TrainConfig


@contextmanager
def synchronized(net: nn.Module, config: TrainConfig) -> Iterator[None]:
    """Let the norms of a net normalize by all processes' batches together for the block, if the config says so.

    Layers of this package get another source of moments, others first become such layers, in place. What they were they
    are again when the block ends: it is a state of the training.

    Raises:
        InputError: there is no norm, or one that cannot be synchronized; the net is as before.
    """
    with ExitStack() as held:
        if config.sync_bn:
            for name, norm in _moving(net, config).items():
                held.enter_context(_by_all(name, norm))
        yield


@contextmanager
def tried_alone(net: nn.Module, config: TrainConfig) -> Iterator[None]:
    """Let torch's synchronized norms, which refuse a CPU, go by this process's batch, if `synchronized` is to come.

    A net that is tried is tried by each process for itself: one that cannot go on would keep the others waiting.
    """
    with ExitStack() as held:
        for norm in net.modules() if config.sync_bn else ():
            if isinstance(norm, nn.SyncBatchNorm) and not is_frozen(norm):
                held.enter_context(_alone(norm))
        yield


def _moving(net: nn.Module, config: TrainConfig) -> dict[str, nn.Module]:
    """The norms that are to be synchronized, by their names."""
    moving = {name or "the model": one for name, one in net.named_modules() if is_norm(one) and not is_frozen(one)}
    if not moving and any(map(is_norm, net.modules())):
        raise InputError(
            "every batch norm of the net is frozen, so that there is nothing to be synchronized",
            argument="sync_bn",
            cure="Leave it out.",
        )
    if not moving:
        raise InputError(
            f"the net has no batch norm to be synchronized (norm: {config.norm!r})"
            if is_builtin(config.model)
            else "the net has no batch norm to be synchronized",
            argument="sync_bn",
            cure="Leave it out.",
        )
    return moving


@contextmanager
def _by_all(name: str, norm: nn.Module) -> Iterator[None]:
    """Synchronize one norm for the block."""
    source = getattr(norm, "moments", None)
    if not isinstance(source, Source):
        with _converted(norm) as left:
            if left is not None:
                raise _cannot(name, left)
            yield
    elif isinstance(source, Batch):
        try:
            _set(norm, Sync())
            yield
        finally:
            _set(norm, source)
    elif isinstance(source, Sync):
        yield
    else:
        raise _cannot(name, f"it normalizes by {str(source)!r}")


@contextmanager
def _alone(norm: nn.Module) -> Iterator[None]:
    with _converted(norm) as left:
        if left is None:
            _set(norm, Batch())
        yield


def _set(layer: Any, source: Source) -> None:
    layer.moments = source


@contextmanager
def _converted(norm: nn.Module) -> Iterator[str | None]:
    """Make a synchronized layer of this package of a norm for the block, and say why it is left if it is."""
    from ..surgery import convert

    kind, group = type(norm), {name: value for name, value in vars(norm).items() if name == "process_group"}
    try:
        (made,) = convert(norm, "sync").norms
        yield str(made.reason) if made.outcome == "left" else None
    finally:
        _give_back(norm, kind, group)


def _give_back(norm: nn.Module, kind: type[nn.Module], group: Mapping[str, Any]) -> None:
    from ..surgery import convert, revert

    if type(norm) is kind:
        return
    revert(norm)
    if type(norm) is not kind:  # it had been converted before
        convert(norm, kind, **group)


def _cannot(name: str, why: str) -> InputError:
    return InputError(
        f"{name} cannot be synchronized: {why}",
        argument="sync_bn",
        cure=("Leave it out, freeze this norm (", Setting("freeze_norms", name), "), or replace it."),
    )
