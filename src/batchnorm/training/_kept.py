"""Of which epoch is the net that a training ships: the last one, or the best by its validation images?"""

from collections.abc import Sequence

from torch import nn

from ..errors import InputError, Setting
from ..records import EpochRecord
from ..runs import TrainConfig
from ..transaction import copied
from ._course import Course
from ._job import Job
from ._shipped import as_shipped


def best_epoch(history: Sequence[EpochRecord]) -> EpochRecord:
    """Return the epoch of the highest validation accuracy; of several that of the lowest loss, then the first.

    Example:
        >>> epochs = [(1, 0.5, 0.8), (2, 0.4, 0.9), (3, 0.3, 0.9), (4, 0.3, 0.9), (5, 0.2, 0.7)]
        >>> best_epoch([EpochRecord(n, 79, 0.5, 0.8, loss, right, 0.1, 3.0, 1e3) for n, loss, right in epochs]).epoch
        3
    """
    # Who comes here has validation images, and so has each of its epochs.
    return max(history, key=lambda epoch: (epoch.val_accuracy or 0.0, -(epoch.val_loss or 0.0)))


def place_to_keep(net: nn.Module, config: TrainConfig, validated: int) -> nn.Module | None:
    """Return a copy of a net, which takes up the best epoch's weights; `None` if the last epoch is shipped.

    Args:
        net: which is to be trained.
        config: the options.
        validated: how many validation images there are.

    Raises:
        InputError: there are none to choose by, or the net cannot be copied.
    """
    if config.keep == "last":
        return None
    if not validated:
        raise InputError(
            (
                "the best epoch is chosen by validation images, and ",
                Setting("val_fraction", config.val_fraction),
                " holds no image out",
            ),
            argument="keep",
            cure="Hold more out.",
        )
    return copied(net)


def keep_if_best(job: Job) -> None:
    """Keep weights and buffers of the net to ship if the epoch that has just been validated is the best so far.

    Raises:
        RankError: another process failed, or cannot be reached.
    """
    if job.kept is not None and best_epoch(job.history) is job.history[-1]:
        with as_shipped(job) as net:
            job.kept.load_state_dict(net.state_dict())


def net_to_save(job: Job, shipped: nn.Module) -> nn.Module:
    """Return what the file of the model holds meanwhile: the best epoch's net, once there is one."""
    return job.kept if job.kept is not None and job.history else shipped


def take_kept(course: Course) -> None:
    """Ship the net of the best epoch from here on, where it is kept, and say which one it is."""
    job = course.job
    if job.kept is None:
        return
    job.final = job.kept
    job.freeze_if_due()  # a recalibration is to find it as it has been trained
    best = shipped_epoch(job)
    course.watcher.note(
        f"the model of epoch {best.epoch} of {len(job.history)} is kept, the best by validation "
        f"(accuracy {best.val_accuracy:.4f})"
    )


def shipped_epoch(job: Job) -> EpochRecord:
    """Return what the epoch has come to whose net is shipped at the end."""
    return job.history[-1] if job.kept is None else best_epoch(job.history)
