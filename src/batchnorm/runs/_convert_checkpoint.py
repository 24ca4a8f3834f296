"""A checkpoint whose batch norms are of another kind: a state_dict in, a file out that a net of such layers loads."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from torch import Tensor, nn

from ..errors import ForPython, InputError, Setting
from ..files import refused
from ..records import ConvertedNorm, ConvertReport, RunConversion
from ._checkpoint_net import built_for
from ._checkpoint_norms import THE_MODEL, convert_tensors, kind_in, layer_named, norms_in
from ._converted_file import CONVERTED, known_of, tensors_before, undoing
from ._new_file import check_new_file, nothing_written, refuse_other_name, write_new_file
from ._safetensors import PICKLES
from ._state_dict import read_state_dict, state_dict_bytes, take_off_wrappers

_MOST_NAMED = 3


def convert_checkpoint(
    path: Path | str, to: str, *, model: str | None = None, out: Path | str | None, overwrite: bool = False
) -> RunConversion:
    """Give the batch norms in a `state_dict` the tensors that layers of another kind have, and write it to a new file.

    Which tensors are a batch norm's is seen from their names: those of a module with `running_mean` and `running_var`.
    All others keep their names and every bit; prefixes of wrappers (`module.`, `_orig_mod.`) are taken off.

    | `to` | the tensors of each norm |
    |---|---|
    | `"batchnorm"`, `"torch"`, `"sync"`, `"ghost"` | of a batch norm; where `num_batches_tracked` is missing, it is 0 |
    | `"frozen"` | of `FrozenBatchNorm2d`: without `num_batches_tracked`, with `weight` and `bias` in any case |
    | `"group"` | `weight` and `bias` |
    | `"identity"` | none |

    Args:
        path: what `torch.save(net.state_dict(), path)` wrote, or a safetensors file.
        to: what the norms become, by its name in `batchnorm.convert`.
        model: the net that is to load the new file, to see that it does: the own `package.module:function` that builds
            it, without arguments, or `timm:NAME` or `torchvision:NAME`. Norms that it has as they are in the file stay.
        out: the file to write: safetensors, from which `revert_checkpoint` makes what was there, or, where its name
            ends as those of `torch.save` do, a pickle that `torch.load(weights_only=True)` reads.
        overwrite: allow that a file at `out` is replaced.

    Raises:
        InputError: the file has no batch norm, the net cannot be built or does not take what would be written, or an
            argument cannot be used.
        OSError: the file cannot be written.

    Example:
        >>> import tempfile, torch
        >>> from batchnorm.runs import convert_checkpoint
        >>> folder = Path(tempfile.mkdtemp())
        >>> frozen = {f"1.{name}": torch.ones(8) for name in ("weight", "bias", "running_mean", "running_var")}
        >>> torch.save(frozen, folder / "frozen.pt")
        >>> said = convert_checkpoint(folder / "frozen.pt", "torch", out=folder / "net.pt")
        >>> said.report.named("converted"), list(torch.load(folder / "net.pt"))[-1]
        (('1',), '1.num_batches_tracked')
    """
    layer, path = layer_named(to), Path(path)
    target = check_new_file(out, path, overwrite=overwrite)
    refuse_other_name(target)
    with nothing_written():
        tensors, metadata = read_state_dict(path)
        _refuse_converted(path, metadata)
        net = None
        if model is None:
            taken = take_off_wrappers(tensors, ())
        else:
            net, taken = built_for(model, tensors)
        if not norms_in(tensors):
            raise InputError(f"{path}: it holds no batch norm (no running_mean beside a running_var)")
        left = {} if net is None else _as_the_net_has_them(net, tensors)
        new, norms = convert_tensors(tensors, layer, left)
        if net is not None:
            _check_fits(path, str(model), net, new)
        notes = (f"every name in {path} begins with {taken!r}, of a wrapper; it was taken off",) if taken else ()
        if taken or new.keys() != tensors.keys():
            metadata = {**metadata, CONVERTED: json.dumps(undoing(to, taken, tensors, new))}
        content = state_dict_bytes(target, path, new, metadata)
    digest = write_new_file(target, content)
    return RunConversion(str(path), ConvertReport("convert", norms, notes), str(target), digest)


def revert_checkpoint(path: Path | str, *, out: Path | str | None, overwrite: bool = False) -> RunConversion:
    """Write the tensors that `convert_checkpoint` was given to a new file, bit for bit, under their names.

    Args:
        path: a safetensors file that `convert_checkpoint` wrote.
        out: the file to write, as there.
        overwrite: allow that a file at `out` is replaced.

    Raises:
        InputError: the file says nothing of a conversion, or what it was has tensors that the file does not hold.
        OSError: the file cannot be written.
    """
    path = Path(path)
    target = check_new_file(out, path, overwrite=overwrite)
    refuse_other_name(target)
    with nothing_written():
        tensors, metadata = read_state_dict(path)
        if CONVERTED not in metadata:
            only = f"; files of torch.save ({', '.join(PICKLES[:2])}) never do" if path.suffix in PICKLES else ""
            raise InputError(
                f"{path}: it does not say what it was before a conversion{only}",
                cure=("Convert it once more: ", Setting("to", "torch"), "."),
            )
        with refused(path, "what it says of its conversion is broken", "Use the file that was converted."):
            prefix, added, counters, lost = known_of(metadata[CONVERTED], tensors)
        if lost:
            raise InputError(
                f"{path}: tensors of its batch norms are not in it any more: {_few(lost)}",
                cure="Use the file that was converted.",
            )
        new = tensors_before(tensors, prefix, added, counters)
        about = {key: value for key, value in metadata.items() if key != CONVERTED}
        content = state_dict_bytes(target, path, new, about)
    norms = tuple(_reverted(prefix, tensors, new))
    return RunConversion(str(path), ConvertReport("revert", norms), str(target), write_new_file(target, content))


def _refuse_converted(path: Path, metadata: Mapping[str, str]) -> None:
    if CONVERTED in metadata:
        raise InputError(
            f"{path}: it was converted already",
            cure=(
                "First get back what it was: ",
                ForPython(
                    f"batchnorm.runs.revert_checkpoint({str(path)!r}, out=...)", otherwise=(Setting("revert", True),)
                ),
                ".",
            ),
        )


def _as_the_net_has_them(net: nn.Module, tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """Norms that a net has with the very tensors of the file, and what to say of them."""
    theirs = _by_path(net.state_dict())
    return {
        path: f"the net has a {type(net.get_submodule(path)).__name__} there"
        for path, own in norms_in(tensors).items()
        if theirs.get(path) == {*own}
    }


def _by_path(names: Mapping[str, object]) -> dict[str, set[str]]:
    held: dict[str, set[str]] = {}
    for name in names:
        path, _, last = name.rpartition(".")
        held.setdefault(path, set()).add(last)
    return held


def _check_fits(path: Path, model: str, net: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Raise unless a net loads just these tensors."""
    wanted = net.state_dict()
    found = {
        "it lacks": [name for name in wanted if name not in tensors],
        "it would hold what the net has not": [name for name in tensors if name not in wanted],
        "of another shape are": [
            name for name in wanted if name in tensors and wanted[name].shape != tensors[name].shape
        ],
    }
    said = "; ".join(f"{what} {_few(names)}" for what, names in found.items() if names)
    if said:
        raise InputError(f"{path}: what would be written does not fit the net of {model}: {said}", argument="model")


def _few(names: list[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def _reverted(prefix: str, after: Mapping[str, Tensor], before: Mapping[str, Tensor]) -> Iterator[ConvertedNorm]:
    former = norms_in({name.removeprefix(prefix): tensor for name, tensor in before.items()})
    for path, own in norms_in(after).items():
        kinds = kind_in(own), kind_in(former[path])
        yield ConvertedNorm(path or THE_MODEL, *kinds, "already" if own.keys() == former[path].keys() else "reverted")
