"""Which norms normalize by the moments of all processes, for the time of a training, and which cannot?"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

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
    with ExitStack() as undo:
        if config.sync_bn:
            synchronize(net, config, undo.callback)
        yield


def synchronize(net: nn.Module, config: TrainConfig, undo: Callable[[Callable[[], object]], object]) -> None:
    """Synchronize the norms of a net, and tell `undo` what puts back each that has been changed.

    Raises:
        InputError: there is no norm, or one that cannot be synchronized.
    """
    moving = {name or "the model": one for name, one in net.named_modules() if is_norm(one) and not is_frozen(one)}
    if not moving:
        raise InputError(
            f"the net has no batch norm to be synchronized (norm: {config.norm!r})"
            if is_builtin(config.model)
            else "the net has no batch norm to be synchronized",
            argument="sync_bn",
            cure="Leave it out.",
        )
    for name, norm in moving.items():
        source = getattr(norm, "moments", None)
        if not isinstance(source, Source):
            _convert(name, norm, undo)
        elif isinstance(source, Batch):
            undo(partial(setattr, norm, "moments", source))
            norm.moments = Sync()
        elif not isinstance(source, Sync):
            raise _cannot(name, f"it normalizes by {str(source)!r}")


def _convert(name: str, norm: nn.Module, undo: Callable[[Callable[[], object]], object]) -> None:
    from ..surgery import convert

    kind = type(norm)
    undo(partial(_give_back, norm, kind))
    (made,) = convert(norm, moments="sync").norms
    if made.outcome == "left":
        raise _cannot(name, str(made.reason))


def _give_back(norm: nn.Module, kind: type[nn.Module]) -> None:
    from ..surgery import convert, revert

    if type(norm) is kind:
        return
    revert(norm)
    if type(norm) is not kind:  # it had been converted before
        convert(norm, kind)


def _cannot(name: str, why: str) -> InputError:
    return InputError(
        f"{name} cannot be synchronized: {why}",
        argument="sync_bn",
        cure=("Leave it out, freeze this norm (", Setting("freeze_norms", name), "), or replace it."),
    )
