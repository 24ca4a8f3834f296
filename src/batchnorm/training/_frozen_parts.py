"""Which parts of a net does a training leave as they are, and what becomes of the norms in them?"""

from collections.abc import Sequence

from torch import nn

from ..errors import InputError, did_you_mean
from ..norms import is_frozen, is_norm, own_parameters, without_statistics
from ..runs import FreezeRule, FrozenNames, TrainConfig
from ..transaction import original
from ._frozen_norms import FEW, ROOT, FrozenNorms, names_to_freeze


class FrozenParts:
    """Parts of a net that are not trained, and the norms in them, for the time of a training.

    Attributes:
        parameters: the names of those that are not trained.
        norms: the names of those in the frozen parts, whatever becomes of them.
        still: those of them whose running statistics stand still; None if there is none.
        mode: what becomes of the norms; see `TrainConfig.norm_mode`.
    """

    def __init__(self, parameters: Sequence[str], norms: Sequence[str], still: Sequence[str], mode: str) -> None:
        self.parameters, self.norms, self.mode = tuple(parameters), tuple(norms), mode
        self.still = FrozenNorms(tuple(still)) if still else None

    def take(self, net: nn.Module) -> None:
        """Let the parameters need no gradient, and have none."""
        for parameter in self._of(net):
            parameter.requires_grad_(False)
            parameter.grad = None

    def give_back(self, *nets: nn.Module) -> None:
        """Let them be trained again, in nets of the same structure: that they are not is a state of the training."""
        for net in nets:
            for parameter in self._of(net):
                parameter.requires_grad_(True)

    def numbers(self, net: nn.Module) -> int:
        """How many numbers of a net they are."""
        return sum(parameter.numel() for parameter in self._of(net))

    def _of(self, net: nn.Module) -> list[nn.Parameter]:
        named = dict(original(net)[0].named_parameters(remove_duplicate=False))
        return [named[name] for name in self.parameters]


def frozen_parts_of(net: nn.Module, config: TrainConfig) -> FrozenParts | None:
    """Return the parts that a training is to leave as they are; None if it is to train all of the net.

    A norm is in them if a pattern fits its name, or all of its parameters; of one of which it fits some, these are not
    trained, and it is as in any training otherwise. What has several names is meant by any of them.

    Raises:
        InputError: a pattern fits nothing, or nothing is left to be frozen.
    """
    if config.freeze is None:
        return None
    net, _ = original(net)
    parameters, modules = (dict(found(remove_duplicate=False)) for found in (net.named_parameters, net.named_modules))
    if unused := FrozenNames.of(config.freeze).without_use([*modules, *parameters]):
        raise _fits_nothing(unused, [*modules, *parameters])
    chosen, norms = _meant(net, config.freeze)
    mode = config.norm_mode
    trained_norms = {one for norm in norms for one in own_parameters(norm).values()} if mode in TRAINED else set()
    parts = FrozenParts(
        [name for name, one in net.named_parameters() if one in chosen - trained_norms and one.requires_grad],
        [name or ROOT for name, module in net.named_modules() if module in norms],
        still_from_the_start(net, config),
        mode,
    )
    trained = [name for name, one in net.named_parameters() if one.requires_grad and name not in parts.parameters]
    if not trained:
        raise _all_of_it(config.freeze, [*parameters][-1])
    if not parts.parameters and not parts.still:
        said = f"{config.freeze!r} fits nothing that would be trained, or move, without it"
        raise InputError(said, argument="freeze", cure="Leave it out, or name other parts.")
    return parts


def still_from_the_start(net: nn.Module, config: TrainConfig) -> tuple[str, ...]:
    """Name the norms in frozen parts whose statistics are to stand still in the first step, and do not already."""
    if config.freeze is None or config.norm_mode == "train":
        return ()
    net, _ = original(net)
    empty, (_, norms) = {*without_statistics(net)}, _meant(net, config.freeze)
    named = ((name or ROOT, module) for name, module in net.named_modules() if module in norms)
    return tuple(name for name, module in named if name not in empty and not is_frozen(module))


def frozen_at_first(net: nn.Module, config: TrainConfig) -> tuple[str, ...]:
    """Name the norms that are frozen in the first step already."""
    return tuple(dict.fromkeys(name for names in frozen_by_option(net, config).values() for name in names))


def frozen_by_option(net: nn.Module, config: TrainConfig) -> dict[str, tuple[str, ...]]:
    """Name the norms that are frozen in the first step already, by the options that say so."""
    text = config.freeze_norms
    early = text is not None and not FreezeRule.of(text).after
    return {
        "freeze_norms": names_to_freeze(net, str(text)) if early else (),
        "freeze": still_from_the_start(net, config),
    }


def _meant(net: nn.Module, text: str) -> tuple[set[nn.Parameter], set[nn.Module]]:
    """The parameters that patterns fit, and the norms that they fit by their names or by all of their parameters."""
    meant = FrozenNames.of(text)
    chosen = {parameter for name, parameter in net.named_parameters(remove_duplicate=False) if meant.mean(name)}
    norms = {
        module
        for name, module in net.named_modules(remove_duplicate=False)
        if is_norm(module) and (meant.mean(name or ROOT) or _is_among(module, chosen))
    }
    return chosen, norms


TRAINED = ("train", "affine-only")
"""In these modes weight and bias of the norms in frozen parts are trained."""


def _is_among(norm: nn.Module, chosen: set[nn.Parameter]) -> bool:
    """Whether a norm has parameters, and all of them are among these."""
    own = {*own_parameters(norm).values()}
    return bool(own) and own <= chosen


def _all_of_it(text: str, last: str) -> InputError:
    head = last.rpartition(".")[0] or last
    return InputError(
        f"{text!r} leaves nothing of the net to be trained", argument="freeze", cure=f"Leave out its head: '*,!{head}'."
    )


def _fits_nothing(pattern: str, names: Sequence[str]) -> InputError:
    known = [name for name in names if name]
    near = (
        did_you_mean(pattern.removeprefix("!"), known)
        or "'*' stands for any letters, and what a name fits is meant with all inside."
    )
    listed = ", ".join(known[:FEW]) + (f" ... ({len(known)} in all)" if len(known) > FEW else "")
    return InputError(
        argument="freeze", expected=f"patterns of the net's names: {listed}", got=repr(pattern), cure=near
    )
