"""Which options of a training contradict each other, though each may be given?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..errors import Fault, Setting
from ._late_freezing import unfit_measurement
from ._trainable_moments import unfit_refresh

if TYPE_CHECKING:
    from ._config import TrainConfig


def contradictions(config: TrainConfig) -> Iterator[Fault]:
    """Yield what is wrong with options that are right each by itself."""
    if config.refresh is not None and (fault := unfit_refresh(config.moments)):
        yield fault
    if fault := unfit_measurement(config.freeze_norms or "", config.recalibrate, config.ema_buffers):
        yield fault
    if config.norm_mode != "frozen" and config.freeze is None:
        yield Fault(
            argument="norm_mode",
            problem=f"{config.norm_mode!r} says what becomes of the norms in what is frozen, and nothing is",
            cure=("Leave it out, or say what is: ", Setting("freeze", "layer1.*"), "."),
        )
    if config.ema_buffers != "average" and config.ema_decay == 0:
        yield Fault(
            argument="ema_buffers",
            problem=f"{config.ema_buffers!r} says what becomes of an average's statistics, and there is no average",
            cure=("Leave it out, or set ", Setting("ema_decay", 0.999), "."),
        )
    if config.keep == "best" and config.val_fraction == 0:
        yield Fault(
            argument="keep",
            problem="'best' is chosen by validation images, and none are held out",
            cure=("Leave it out, or set ", Setting("val_fraction", 0.05), "."),
        )
    if config.sync_bn and config.moments != "batch":
        yield Fault(
            argument="sync_bn",
            problem=f"it normalizes by the moments of all processes, and the moments are {config.moments!r}",
            cure=("Leave out ", Setting("sync_bn"), " or ", Setting("moments"), "."),
        )
    if config.sync_bn and config.bn_buffers != "rank0":
        yield Fault(
            argument="bn_buffers",
            problem=f"{config.bn_buffers!r} merges the statistics of norms that are not synchronized, and these are",
            cure=("Leave it out, or leave out ", Setting("sync_bn"), "."),
        )
