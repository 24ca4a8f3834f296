"""Which learning rate should a training have? Asked before it, of the same options."""

from contextlib import AbstractContextManager, nullcontext

from torch import nn

from ..data import Source
from ..progress import Watcher
from ..records import LRRangeTest
from ..runs import TrainConfig, check_options
from ..transaction import rng_state, same_rng, transaction
from ._beginning import begun
from ._given import check_given, tells_options
from ._lr_range_options import LRRangeOptions
from ._range_test import range_test
from ._together import training_together

DEFAULTS = LRRangeOptions()


@tells_options
def find_lr(
    config: TrainConfig | None = None,
    *,
    model: nn.Module | str | None = None,
    source: Source | str | None = None,
    options: LRRangeOptions = DEFAULTS,
    watcher: Watcher | None = None,
    progress: bool = False,
) -> LRRangeTest:
    """Suggest a learning rate for a training, by a range test: the loss is watched while the rate rises (Smith 2015).

        lr_i       = lr_min * (lr_max / lr_min) ** (i / (steps - 1))
        smoothed_i = mean of loss_0 ... loss_i, weighted by 0.95 ** (i - j)
        fallen     = first lr at which smoothed has fallen by 95 % of all that it falls
        suggestion = fallen / 2

    The steps are those with which `fit(config)` begins, but for the rate. They go on until the smoothed loss has risen
    by four times what it fell. `config.lr`, its schedule and what comes at the end of a training have no part in it.
    Nothing is written, and nothing is left in a given `model`, nor in any random state.

    `fit(TrainConfig(lr="auto"))` takes the suggestion. `lr_range_test` is for a loop of your own.

    Args:
        config: the options of the training; `TrainConfig()` if left out.
        model: an own net, or its `package.module:function`, instead of `config.model`.
        source: own data, or their `package.module:source`, instead of `config.data`.
        options: between which rates, and in how many steps.
        watcher: hears of every step.
        progress: show a bar on a terminal or in a notebook.

    Raises:
        InputError: something that was given cannot be used.
        TrainingInterrupted: SIGINT or SIGTERM came.
        RefusedError: another process failed, or was lost.

    Example:
        >>> small = TrainConfig(val_fraction=0.9, model_args={"width": 4})
        >>> found = find_lr(small, options=LRRangeOptions(1e-4, 10.0, steps=50))
        >>> 1e-3 < found.suggestion < 1
        True
    """
    check_given(config=config, model=model, watcher=watcher)
    check_options(options, LRRangeOptions)
    given = config or TrainConfig()
    with (
        training_together() as (ranks, stop),
        same_rng(rng_state()),
        _as_it_was(model),
        begun(given, ranks, stop, watcher, model=model, source=source, progress=progress) as course,
    ):
        return range_test(course, options)


def _as_it_was(model: nn.Module | str | None) -> AbstractContextManager[object]:
    """Put a caller's net back where it was, in the layout, and with the layers' settings, that it had."""
    return transaction(model, scripts=True) if isinstance(model, nn.Module) else nullcontext()
