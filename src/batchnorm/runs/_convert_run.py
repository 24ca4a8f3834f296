"""The model of a run with batch norms of another kind: the same weights, and a card that says so."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from torch import nn

from ..errors import InputError, Setting, did_you_mean
from ..files import read_json, refused
from ..records import ConvertReport, RunConversion
from ._convert_checkpoint import CONVERTED
from ._evaluate import find_model_file
from ._model_file import ModelCard, load_model, refuse_folded
from ._new_file import check_new_file, nothing_written, refuse_pickle_name, write_new_file
from ._safetensors import DIGEST, read_safetensors, safetensors_bytes

KINDS = ("batchnorm", "torch")
"""Norms of nets that a card can name, and whose tensors have the same names."""
_IMAGES = 4
_ROUNDING = 1e-9
"""By how much outputs may differ in float64, as a share of the largest."""


def convert_run(
    run: Path | str, to: str, *, model: str | None = None, out: Path | str | None, overwrite: bool = False
) -> RunConversion:
    """Write the model of a run to a new file, whose net is built with this library's batch norms, or with PyTorch's.

    The tensors keep their names and every bit. Both nets are run on random images, and have to give the same.

    Args:
        run: the run's folder, or a model file. It stays as it is.
        to: `"batchnorm"` or `"torch"`, as `norm` in `TrainConfig`.
        model: the own `package.module:function`, if the net is not one that a file may name; it takes `norm`.
        out: the file to write.
        overwrite: allow that a file at `out` is replaced.

    Raises:
        InputError: the run or an argument cannot be used, or its net has norms of another kind, or is folded.
        RefusedError: the nets do not give the same.
        OSError: the file cannot be written.

    Example:
        >>> import tempfile
        >>> from batchnorm.runs import TrainConfig, load_run
        >>> from batchnorm.training import fit
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = fit(TrainConfig(epochs=1, val_fraction=0.97, model_args={"width": 4}), out=folder / "run")
        >>> said = convert_run(folder / "run", "torch", out=folder / "torch.safetensors")
        >>> load_run(folder / "torch.safetensors")[0].bn1
        BatchNorm2d(4, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
    """
    if to not in KINDS:
        raise InputError(
            argument="to",
            expected=f"one of {', '.join(KINDS)}, which the net of a run can have",
            got=repr(to),
            cure=did_you_mean(str(to), KINDS),
        )
    path = find_model_file(run)
    target = _target(out, path, overwrite=overwrite)
    with nothing_written():
        net, card, metadata = _read(path, model)
        if CONVERTED in metadata:
            raise InputError(
                f"{path}: it was converted already", cure=("First get back what it was: ", _reverting(path))
            )
        before = {"norm": _norm_of(path, card), "moments": card.moments}
        # Layers of torch know no moments but the batch's.
        moments = card.moments if to == "batchnorm" else "batch"
        notes = () if moments == card.moments else (_forgets(card.moments),)
        new = replace(card, arguments={**card.arguments, "norm": to}, moments=moments)
        about = _about(metadata, new) | {CONVERTED: json.dumps(before)}
        return _write(run, path, target, ConvertReport("convert", (), notes), (net, card), new, model, about)


def revert_run(
    run: Path | str, *, model: str | None = None, out: Path | str | None, overwrite: bool = False
) -> RunConversion:
    """Write a model that `convert_run` wrote with the norms that it had before.

    Args:
        run: the model file.
        model: as there.
        out: the file to write.
        overwrite: allow that a file at `out` is replaced.

    Raises:
        InputError: it was not converted, or an argument cannot be used.
        RefusedError: the nets do not give the same.
        OSError: the file cannot be written.
    """
    path = find_model_file(run)
    target = _target(out, path, overwrite=overwrite)
    with nothing_written():
        net, card, metadata = _read(path, model)
        if CONVERTED not in metadata:
            raise InputError(
                f"{path}: it was not converted", cure=("Convert it: ", Setting("to", " or ".join(KINDS)), ".")
            )
        with refused(path, "what it says of its conversion is broken", "Use the file that was converted."):
            norm, moments = _former(metadata[CONVERTED])
        new = replace(card, arguments={**card.arguments, "norm": norm}, moments=moments)
        about = {key: value for key, value in _about(metadata, new).items() if key != CONVERTED}
        return _write(run, path, target, ConvertReport("revert", ()), (net, card), new, model, about)


def _target(out: Path | str | None, path: Path, *, overwrite: bool) -> Path:
    target = check_new_file(out, path, overwrite=overwrite)
    refuse_pickle_name(target)
    return target


def _read(path: Path, model: str | None) -> tuple[nn.Module, ModelCard, dict[str, str]]:
    if isinstance(model, nn.Module):
        raise InputTypeError(
            argument="model",
            expected="'package.module:function', the name of the function that builds the net with either norm",
            got=its_type(model),
            cure="Convert the net itself: batchnorm.convert(net).",
        )
    net, card = load_model(path, model)
    refuse_folded(path, net)
    return net, card, read_safetensors(path)[1]


def _norm_of(path: Path, card: ModelCard) -> str:
    """The norm that a card names, if it is one of the two."""
    norm = card.arguments.get("norm", KINDS[0])
    if norm not in KINDS:
        raise InputError(
            f"{path}: its net has norm={one_line(str(norm), 40)!r}, and no batch norm of this library or of PyTorch"
        )
    return str(norm)


def _former(text: str) -> tuple[str, str]:
    """Read what a model was before, and believe none of it."""
    known = read_json(text)
    if not isinstance(known, dict) or known["norm"] not in KINDS:
        raise ValueError("expected a norm that a net can have")
    if fault := unfit_moments(known["moments"]):
        raise ValueError(fault.text())
    return known["norm"], known["moments"]


def _about(metadata: Mapping[str, str], card: ModelCard) -> dict[str, str]:
    """The metadata of the new file: those of the old one but for what differs in the card."""
    about = {key: value for key, value in metadata.items() if key not in (DIGEST, "moments")}
    about["arguments"] = json.dumps(card.arguments)
    return about if card.moments == "batch" else {**about, "moments": card.moments}


def _write(
    run: Path | str,
    path: Path,
    target: Path,
    report: ConvertReport,
    old: tuple[nn.Module, ModelCard],
    card: ModelCard,
    model: str | None,
    metadata: Mapping[str, str],
) -> RunConversion:
    """Build the new net, compare both, and write the file."""
    tensors, _ = read_safetensors(path)
    net = card.build(model).eval()
    try:
        net.load_state_dict(tensors)
    except RuntimeError as error:
        raise InputError(f"{path}: its weights do not fit the new net: {in_short(error, 500)}") from error
    proof = _compared(old[0], net, card, training=card.moments == old[1].moments)
    norms = tuple(_rows(old[0], net, "converted" if report.verb == "convert" else "reverted"))
    if not norms:
        raise InputError(f"{path}: its net has no batch norm")
    digest = write_new_file(target, safetensors_bytes(tensors, metadata))
    return RunConversion(str(run), replace(report, norms=norms, proof=proof), str(target), digest)
