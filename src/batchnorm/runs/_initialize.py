"""How does a net start with somebody's weights, as far as they fit?"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from ..errors import InputError, Setting, Words
from ..files import in_short, one_line
from ..norms import is_norm
from ..records import Initialization
from ..transaction import all_or_nothing, all_steps, original, verb
from ._initial_file import Initial, read_initial
from ._initial_fit import Fitting, fit_to, own_tensors, rows_of, without_prefix
from ._safetensors import digest_of

FEW = 3


@verb
def initialize(model: nn.Module, init: Path | str) -> Initialization:
    """Give a net the weights that somebody trained, as far as they fit, in place.

    A tensor is taken if the net has one of its name, shape and kind of numbers. A layer is taken whole: where one of
    its tensors does not fit, all of them stay as the net was made, as those of a head for other classes. `module.`,
    `_orig_mod.` and `model.` are taken off the names where the net has no such. Where the net takes grey images and the
    weights are for three colours, those of the first convolution are summed, so that the net gives of a grey image what
    it would give of the same image in red, green and blue.

    All or nothing: whatever is raised, the net is as before.

    Args:
        model: any module; DistributedDataParallel, DataParallel and `torch.compile` are seen through.
        init: a run's folder, a file with a `state_dict` (of `torch.save`, or safetensors, also under an entry such as
            `"state_dict"` beside others), or `timm:NAME` or `torchvision:NAME` for the weights that these libraries
            have, from their own caches or the network.

    Returns:
        What was taken, and what not, and why; it can be printed.

    Raises:
        InputError: the weights cannot be read or fetched, none of them fits, or one that fits holds what is not finite,
            or a negative variance.

    Example:
        >>> import tempfile
        >>> path = f"{tempfile.mkdtemp()}/seven.pt"
        >>> torch.save(nn.Sequential(nn.Linear(2, 4), nn.Linear(4, 7)).state_dict(), path)
        >>> record = initialize(nn.Sequential(nn.Linear(2, 4), nn.Linear(4, 3)), path)
        >>> record.named("taken"), record.named("new")
        (('0.weight', '0.bias'), ('1.weight', '1.bias'))
    """
    return take_initial(model, read_initial(init))


def take_initial(model: nn.Module, initial: Initial, fitting_classes: tuple[str, ...] = ()) -> Initialization:
    """Give a net weights that have been read; see `initialize`.

    Args:
        model: the net.
        initial: the weights.
        fitting_classes: those that the net is to tell, if they are known.
    """
    net, _ = original(model)
    own = own_tensors(net)
    tensors, prefix = without_prefix(initial.tensors, own)
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    fitting = fit_to(net, tensors)
    _check(initial, net, own, fitting, shapes)
    with all_or_nothing() as undo:
        undo.add(*all_steps(net))
        left_out = _load(net, fitting, initial)
        rows = tuple(rows_of(own, shapes, fitting, left_out))
    kept = {name: fitting.tensors[name] for name in own if name in fitting.tensors}
    return Initialization(
        init=initial.init,
        found=initial.found,
        inside=initial.inside,
        prefix=prefix,
        sha256=digest_of(kept, {}),
        tensors=rows,
        notes=tuple(_notes(initial, fitting, fitting_classes)),
    )


def _load(net: nn.Module, fitting: Fitting, initial: Initial) -> set[str]:
    """Load what fits, by the net's own way, and return the names for which, or for whom, nothing was there."""
    try:
        missing, unexpected = net.load_state_dict(fitting.tensors, strict=False)
    except Exception as error:  # a net may have a way of its own to load
        raise InputError(
            f"{initial.found}: the net cannot load it ({in_short(error, 500)})", argument="init"
        ) from error
    return {*missing, *unexpected}


def _check(
    initial: Initial,
    net: nn.Module,
    own: dict[str, Tensor],
    fitting: Fitting,
    shapes: dict[str, tuple[int, ...]],
) -> None:
    """Raise unless something of the net would be trained further, and all of that is finite."""
    parameters = {name for name, _ in net.named_parameters(remove_duplicate=False)}
    if not any(name in parameters for name in fitting.tensors):
        raise _nothing_fits(initial, [*own], [*shapes], fitting)
    variances = {f"{name}.running_var".lstrip(".") for name, module in net.named_modules() if is_norm(module)}
    for name in (name for name in own if name in fitting.tensors):
        if why := _odd_values(fitting.tensors[name], own[name], is_variance=name in variances):
            raise InputError(
                f"{initial.found}: {name} holds values that are {why}: the file is damaged, or its training diverged",
                argument="init",
                cure="Take other weights.",
            )


def _odd_values(given: Tensor, own: Tensor, *, is_variance: bool) -> str | None:
    """Say what is wrong with the values of a tensor, as numbers of the net's type; None if nothing is."""
    if not given.is_floating_point():
        return None
    if not torch.isfinite(given).all():
        return "not finite"
    if not torch.isfinite(given.to(own.dtype)).all():
        return f"too large for the net's {own.dtype}"
    return "negative, and are variances" if is_variance and (given < 0).any() else None


def _nothing_fits(initial: Initial, own: Sequence[str], given: Sequence[str], fitting: Fitting) -> InputError:
    """Say how the names, or the shapes, of weights differ from those of the net, and which net they are of."""
    misfit = next(iter(fitting.misfits), None)
    why = f"{misfit}: {fitting.misfits[misfit]}" if misfit else f"it has {_listed(given)}, and the net {_listed(own)}"
    cure: Words = "Start with weights of a net that is built as this one."
    if initial.model is not None:
        cure = (f"They are of {initial.model}: train that net, with ", Setting("model", initial.model), ".")
    return InputError(f"{initial.found}: none of its weights fits the net ({why})", argument="init", cure=cure)


def _listed(names: Sequence[str]) -> str:
    few = ", ".join(one_line(name, 60) for name in names[:FEW])
    return f"{few} ... ({len(names):,} in all)" if len(names) > FEW else few or "nothing"


def _notes(initial: Initial, fitting: Fitting, classes: tuple[str, ...]) -> Iterator[str]:
    if classes and initial.classes and {*classes} != {*initial.classes} and not fitting.misfits:
        few = ", ".join(one_line(name, 40) for name in initial.classes[:FEW])
        yield f"the weights are for other classes ({few} ...): what tells them apart begins with those"
