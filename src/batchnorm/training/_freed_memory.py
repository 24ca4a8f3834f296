"""Is memory that a step has freed kept for the next one?"""

import torch

from ..allocator import tune_allocator
from ..errors import Sentence, Setting
from ..progress import Watcher
from ..runs import TrainConfig


def keep_freed_memory(config: TrainConfig, device: torch.device, watcher: Watcher) -> None:
    """Tune the process' allocator, unless `config` says no: one way, see `batchnorm.tune_allocator`.

    Where it has no effect, the user hears of it only if memory then goes back to the kernel at every step and something
    can be done about it: not on another system, and not where another malloc does its own keeping.
    """
    if not config.tune_allocator or device.type != "cpu":
        return
    tuning = tune_allocator()
    if tuning.cause in ("libc", "refused"):
        off = Setting("tune_allocator", False)
        watcher.note(Sentence(f"{tuning} Steps may be slower for it; ", off, " leaves it and this note out"))
