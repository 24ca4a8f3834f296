"""The model of a run with batch norms of another kind: the same weights, and a card that says so."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from torch import Tensor, nn

from ..errors import ForPython, InputError, InputTypeError, Setting, did_you_mean, its_type
from ..files import in_short, one_line, read_json, refused
from ..norms import is_norm
from ..records import ConvertedNorm, ConvertReport, RunConversion
from ._convert_checkpoint import CONVERTED
from ._equal_nets import proof_of
from ._evaluate import find_model_file
from ._model_file import ModelCard, load_model, refuse_folded
from ._new_file import check_new_file, nothing_written, refuse_pickle_name, write_new_file
from ._safetensors import DIGEST, read_safetensors, safetensors_bytes
from ._trainable_moments import unfit_moments

KINDS = ("batchnorm", "torch")
"""Norms that a card can name, and whose tensors have the same names."""


def convert_run(
    run: Path | str, to: str, *, model: str | None = None, out: Path | str | None, overwrite: bool = False
) -> RunConversion:
    """Write the model of a run to a new file, whose net is built with this library's batch norms, or with PyTorch's.

    The tensors keep their names and every bit. The net is built with either norm, and both have to give the same on
    random images, in evaluation and in training.

    Args:
        run: the run's folder, or a model file. It stays as it is.
        to: `"batchnorm"` or `"torch"`, as `norm` in `TrainConfig`.
        model: the own `package.module:function`, if the net is not one that a file may name; it takes `norm`.
        out: the file to write. `revert_run` makes of it what it was.
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
        near = did_you_mean(str(to), KINDS)
        raise InputError(argument="to", expected=f"{' or '.join(KINDS)} for the net of a run", got=repr(to), cure=near)
    file = _File.of(run, model, out, overwrite=overwrite)
    with nothing_written():
        if CONVERTED in file.metadata:
            cure = ("First get back what it was: ", _reverting(file.path), ".")
            raise InputError(f"{file.path}: it was converted already", cure=cure)
        before = {"norm": file.norm(), "moments": file.card.moments}
        moments = file.card.moments if to == "batchnorm" else "batch"  # torch's layers take no others
        return file.write("convert", to, moments, {CONVERTED: json.dumps(before)})


def revert_run(
    run: Path | str, *, model: str | None = None, out: Path | str | None, overwrite: bool = False
) -> RunConversion:
    """Write a model that `convert_run` wrote to a new file, with the norms that it had before.

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
    file = _File.of(run, model, out, overwrite=overwrite)
    with nothing_written():
        if CONVERTED not in file.metadata:
            raise InputError(
                f"{file.path}: it was not converted", cure=("Convert it: ", Setting("to", " or ".join(KINDS)), ".")
            )
        with refused(file.path, "what it says of its conversion is broken", "Use the file that was converted."):
            norm, moments = _former(file.metadata[CONVERTED])
        return file.write("revert", norm, moments, {})


@dataclass(frozen=True, slots=True)
class _File:
    """A model file, read, and where it goes."""

    run: str
    path: Path
    target: Path
    model: str | None
    net: nn.Module
    card: ModelCard
    tensors: dict[str, Tensor]
    metadata: dict[str, str]

    @classmethod
    def of(cls, run: Path | str, model: str | None, out: Path | str | None, *, overwrite: bool) -> "_File":
        """Read it, after a look at the arguments."""
        path = find_model_file(run)
        target = check_new_file(out, path, overwrite=overwrite)
        refuse_pickle_name(target)
        if isinstance(model, nn.Module):
            raise InputTypeError(
                argument="model",
                expected="'package.module:function', the name of what builds the net with either norm",
                got=its_type(model),
                cure="Convert the net itself: batchnorm.convert(net).",
            )
        net, card = load_model(path, model)
        refuse_folded(path, net)
        return cls(str(run), path, target, model, net, card, *read_safetensors(path))

    def norm(self) -> str:
        """The norm that its card names.

        Raises:
            InputError: that is not one of `KINDS`.
        """
        norm = self.card.arguments.get("norm", KINDS[0])
        if norm not in KINDS:
            said = one_line(str(norm), 40)
            raise InputError(f"{self.path}: its norm layers are {said!r}, neither this library's nor PyTorch's")
        return str(norm)

    def write(
        self, verb: Literal["convert", "revert"], norm: str, moments: str, about: dict[str, str]
    ) -> RunConversion:
        """Build the net with that norm, compare it with the present one, and write the file."""
        card = replace(self.card, arguments={**self.card.arguments, "norm": norm}, moments=moments)
        net = card.build(self.model).eval()
        try:
            net.load_state_dict(self.tensors)
        except RuntimeError as error:
            raise InputError(f"{self.path}: its weights do not fit the new net: {in_short(error, 500)}") from error
        norms = tuple(_rows(self.net, net, "converted" if verb == "convert" else "reverted"))
        if not norms:
            raise InputError(f"{self.path}: its net has no batch norm")
        is_same = moments == self.card.moments
        proof = proof_of(self.net, net, card, training=is_same)
        notes = () if is_same else (_other_moments(self.card.moments, moments),)
        kept = {key: value for key, value in self.metadata.items() if key not in (DIGEST, CONVERTED, "moments")}
        kept |= {"arguments": json.dumps(card.arguments), **about}
        if moments != "batch":
            kept["moments"] = moments
        digest = write_new_file(self.target, safetensors_bytes(self.tensors, kept))
        return RunConversion(self.run, ConvertReport(verb, norms, notes, proof), str(self.target), digest)


def _reverting(path: Path) -> ForPython:
    return ForPython(f"batchnorm.runs.revert_run({str(path)!r}, out=...)", otherwise=Setting("revert", True))


def _former(text: str) -> tuple[str, str]:
    """Read what a model was before, and believe none of it."""
    known = read_json(text)
    if not isinstance(known, dict) or known["norm"] not in KINDS or not isinstance(known["moments"], str):
        raise ValueError("expected a norm that a net can have, and moments")
    if fault := unfit_moments(known["moments"]):
        raise ValueError(fault.text())
    return known["norm"], known["moments"]


def _rows(before: nn.Module, after: nn.Module, outcome: Literal["converted", "reverted"]) -> Iterator[ConvertedNorm]:
    from ..surgery import named

    for name, norm in before.named_modules():
        if is_norm(norm):
            kinds = named(norm), named(after.get_submodule(name))
            yield ConvertedNorm(name, *kinds, "already" if kinds[0] == kinds[1] else outcome)


def _other_moments(before: str, after: str) -> str:
    return (
        f"trained further, it normalizes by the moments {after!r} instead of {before!r}; in evaluation that is the same"
    )
