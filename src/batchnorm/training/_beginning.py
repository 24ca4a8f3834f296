"""What does a new training begin with: its effective options, its data, its net and its weights?"""

import contextlib
from collections.abc import Iterator
from dataclasses import replace

from torch import nn

from ..data import Source
from ..progress import Watcher, training_shown
from ..ranks import Ranks, on, one_per_machine_first
from ..runs import StopRequest, TrainConfig, name_of, settled_init, torch_settings
from ._course import Course
from ._data_given import as_read, given_data, heard
from ._for_all import initial_for_all
from ._preparation import in_hand, prepared
from ._settled_model import settled_model


@contextlib.contextmanager
def begun(
    given: TrainConfig,
    ranks: Ranks,
    stop: StopRequest,
    watcher: Watcher | None,
    *,
    model: nn.Module | str | None,
    source: Source | str | None,
    progress: bool,
) -> Iterator[Course]:
    """Give a training that stands before its first step, in torch's settings for it, and with no folder yet.

    Args:
        given: the caller's options; those of the job are the effective ones.
        ranks: the processes that train together, each of which calls this.
        stop: who asks the training to stop.
        watcher: the caller's.
        model: an own net, or its name, instead of `given.model`.
        source: own data, or their name, instead of `given.data`.
        progress: show a bar.

    Raises:
        InputError: the data or the net cannot be used.
        RankError: another process failed, or cannot be reached.
    """
    with one_per_machine_first(ranks):
        found, called = given_data(given, source)
    init = None if given.init is None else settled_init(given.init)
    config = as_read(replace(given, model=name_of(model) or given.model, data=called, init=init), found)
    with torch_settings(config) as device, contextlib.ExitStack() as held:
        told = held.enter_context(training_shown(watcher, progress=progress and ranks.first))
        with ranks.telling(), ranks.reaching():
            on(ranks, device)
            objects = in_hand(model=model, source=source)
            initial = initial_for_all(ranks, config.init)
            config = settled_model(config, found, initial)
            with stop.nothing_to_save():
                job = held.enter_context(
                    prepared(config, device, model, heard(found, told, stop), ranks, objects=objects, initial=initial)
                )
        yield Course(job, None, stop, told)
