"""Which norms' statistics stand still in a training, from which step on, and who holds them?"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from functools import partial

from torch import nn

from ..errors import InputError, RefusedError, did_you_mean, words_of
from ..functional import Source
from ..norms import held_parameters, is_frozen, is_norm, without_statistics
from ..runs import FreezeRule, TrainConfig
from ..statistics import freeze, unfreeze
from ..transaction import original

FEW = 4
ROOT = "the model"
"""The name of a norm that is the whole net."""
YOUNG = 0.01
"""A share of the statistics that does no harm."""


class FrozenNorms:
    """Norms whose running statistics stand still once so many of a training's steps are done; weight and bias do not.

    Attributes:
        names: theirs.
        since: steps that are done then; 0: they never move.
    """

    def __init__(self, names: tuple[str, ...], since: int = 0) -> None:
        self.names = names
        self.since = since
        self._held: list[tuple[nn.Module, set[nn.Module]]] = []

    def hold(self, *nets: nn.Module) -> None:
        """Freeze them in these nets, of the same structure, if they are not held there."""
        for net in nets:
            if all(net is not other for other, _ in self._held):
                # Their user may have frozen weight and bias, and unfreezing gives all back.
                affine = {module for module in net.modules() if is_norm(module) and held_parameters(module)}
                freeze(net, filter_fn=self._is_one)
                self._held.append((net, affine))

    @contextmanager
    def released_at_the_end(self) -> Iterator[None]:
        """Let them go where they are held when the block ends, however it does: it is a state of the training."""
        try:
            yield
        finally:
            while self._held:
                net, affine = self._held.pop()
                unfreeze(net, filter_fn=self._is_one)
                if affine:
                    freeze(net, statistics=False, affine=True, filter_fn=partial(_is_in, affine))

    def _is_one(self, _: nn.Module, name: str) -> bool:
        return name in self.names


def frozen_norms_of(net: nn.Module, config: TrainConfig, steps: int) -> FrozenNorms | None:
    """Return the norms that a training of so many steps is to freeze; `None` if it is to freeze none.

    Raises:
        InputError: there are none, or they would be frozen only when the training is done.
    """
    if config.freeze_norms is None:
        return None
    since = FreezeRule.of(config.freeze_norms).first_step(steps)
    if since >= steps:
        said = (
            f"{config.freeze_norms!r} would freeze nothing in this training, whose steps are done by then ({steps:,})"
        )
        raise InputError(said, argument="freeze_norms", cure="Leave it out, or name a smaller part.")
    return FrozenNorms(names_to_freeze(net, config.freeze_norms), since)


def names_to_freeze(net: nn.Module, text: str) -> tuple[str, ...]:
    """Name the norms that an option means, once each, but for those that are frozen already.

    Raises:
        InputError: there are none.
    """
    net, _ = original(net)  # the names are those that freezing gives: of what is inside a wrapper
    empty = {*without_statistics(net)}
    norms: dict[nn.Module, list[str]] = {
        module: [] for name, module in net.named_modules() if is_norm(module) and (name or ROOT) not in empty
    }
    for name, module in net.named_modules(remove_duplicate=False):
        if module in norms:
            norms[module].append(name or ROOT)
    if not norms:
        raise _nothing("the net has no batch norm that keeps running statistics")
    patterns = FreezeRule.of(text).patterns
    for pattern in patterns:
        if not any(_is_of(pattern, names) for names in norms.values()):
            raise _no_match(pattern, [names[0] for names in norms.values()])
    meant = [norm for norm, names in norms.items() if any(_is_of(pattern, names) for pattern in patterns)]
    moving = tuple(norms[norm][0] for norm in meant if not is_frozen(norm))
    if not moving:
        raise _nothing("these norms of the net are frozen already")
    return moving


def notes_on_freezing(net: nn.Module, frozen: FrozenNorms | None) -> Iterator[str]:
    """Yield what is to be told of norms that are frozen before their statistics have settled."""
    if frozen is None:
        return
    norms = (module for name, module in original(net)[0].named_modules() if (name or ROOT) in frozen.names)
    young = max((_share_of_the_beginning(norm, frozen.since) for norm in norms), default=0.0)
    if young > YOUNG:
        when = f"after {frozen.since:,} steps" if frozen.since else "in the first step"
        yield (
            f"the running statistics are young when they are frozen, {when}: up to {young:.0%} of each is what it "
            "began with (mean 0, variance 1 in a new net), so the net may train badly, or diverge"
        )


def _share_of_the_beginning(norm: nn.Module, steps: int) -> float:
    """How much of a norm's statistics will be what they were before its first batch."""
    counter, momentum = getattr(norm, "num_batches_tracked", None), getattr(norm, "momentum", None)
    source = getattr(norm, "moments", None)
    if counter is None or (isinstance(source, Source) and not source.at(training=True).tracks):
        return 0.0
    batches = int(counter) + steps
    return float(not batches) if momentum is None else float((1 - momentum) ** batches)


def freeze_trial(net: nn.Module, names: tuple[str, ...], option: str) -> None:
    """Freeze these norms, which an option names, in a net that is to be thrown away, or put back.

    Raises:
        InputError: they cannot be frozen.
    """
    if not names:
        return
    try:
        FrozenNorms(names).hold(net)
    except (InputError, RefusedError) as error:
        raise InputError(("these norms cannot be frozen: ", words_of(error)), argument=option) from error


def _is_in(norms: set[nn.Module], norm: nn.Module, _: str) -> bool:
    return norm in norms


def _is_of(pattern: str, names: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for name in names)


def _nothing(why: str) -> InputError:
    return InputError(f"{why}, so there is nothing to freeze", argument="freeze_norms", cure="Leave it out.")


def _no_match(pattern: str, names: Sequence[str]) -> InputError:
    inside = f"{pattern}.*"
    cure = f"Use {inside!r} for those inside it." if _is_of(inside, names) else did_you_mean(pattern, names)
    cure = cure or "Several are separated by commas; 'after:0.8' freezes all of them after 0.8 of the steps."
    listed = ", ".join(names[:FEW]) + (f" ... ({len(names)} in all)" if len(names) > FEW else "")
    return InputError(
        argument="freeze_norms", expected=f"patterns of norms' names: {listed}", got=repr(pattern), cure=cure
    )
