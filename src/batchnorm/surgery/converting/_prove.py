"""Does a model do what it did, now that its norms are others: outputs, gradients and buffers, in both modes?"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

import torch
from torch import nn

from ...calls import Call
from ...errors import RefusedError, Setting
from ...records import ConvertedNorm, ConvertProof
from ...transaction import rng_state, transaction
from .._culprits import put_back_culprits
from .._rounding import bound_of, rounding_between
from .._twin import float64_twin
from .._witness import FLOAT64_BOUND, Look, Witness
from ._asked import Target
from ._trial import Trial

_WORDS: dict[bool, Literal["evaluation", "training"]] = {False: "evaluation", True: "training"}
_WITHOUT = ("leave ", Setting("example_inputs"), " out")
_DIFFERS = "with it converted, outputs, gradients or buffers differed, or the model raised an error; it was put back"


class Prover:
    """Takes down what a model does, before its norms are converted, and compares afterwards.

    Everything is compared in float64, in a copy of the model whose norms are converted, too; in the model's own dtype
    it is outputs and buffers, for a gradient that is nearly 0 is nothing but rounding there.

    Args:
        model: the model itself, without wrappers.
        inputs: what it is called with.
        target: what its norms are to become.
        said: notes are appended.

    Raises:
        RuntimeError: it does not give the same twice.
        Exception: whatever it raises in evaluation.
    """

    def __init__(self, model: nn.Module, inputs: Sequence[Call], target: Target, said: list[str]) -> None:
        self._model, self._inputs, self._target, self._said = model, inputs, target, said
        self._rng = rng_state({tensor.device for tensor in (*model.parameters(), *model.buffers())})
        self._own = self._remembered(model, inputs, gradients=False)
        self._check_repeats()

    def prove(self, norms: Mapping[str, nn.Module]) -> tuple[list[ConvertedNorm], ConvertProof]:
        """Convert the norms, and put back those that make a difference."""
        blamed: list[str] = []
        fine, rounding = self._prove_in_float64([*norms], blamed)
        trial = Trial(self._model, norms, self._target)
        for witness, known in zip(self._own, rounding, strict=True):
            self._put_back(trial, witness, bound_of(known), blamed)
        trial.show(_active(trial, blamed))
        done = [_blamed(norm) if norm.name in blamed else norm for norm in trial.done]
        modes = tuple(_WORDS[bool(witness.look.training)] for witness in self._own)
        error = max(witness.last for witness in self._own)
        return done, ConvertProof(len(self._inputs), modes, error, fine, _dtype(self._model))

    def _remembered(self, model: nn.Module, inputs: Sequence[Call], *, gradients: bool) -> list[Witness]:
        """One witness for each mode in which the model is to do the same."""
        found = []
        for training in self._target.modes:
            both = gradients and True in self._target.modes
            witness = Witness(inputs, self._rng, Look(training, gradients=both, buffers=True), otherwise=_WITHOUT)
            try:
                witness.remember(model)
            except RefusedError:
                raise
            except Exception as error:
                if not training:
                    raise
                self._note(f"not compared in training, in which the model raises {type(error).__name__}: {error}")
                continue
            found.append(witness)
        return found

    def _prove_in_float64(self, names: list[str], blamed: list[str]) -> tuple[float | None, list[float | None]]:
        """Convert a copy; return how far it is from what it was, and the model in each mode from the copy before."""
        inputs = [example.in_dtype(torch.float64) for example in self._inputs]
        # A hook of the copy's may be a function that holds on to the model itself, and writes there.
        with transaction(self._model, scripts=True):
            try:
                twin = float64_twin(self._model)
                fine = self._remembered(twin, inputs, gradients=True)
            except Exception as error:  # a forward that makes float32 tensors of its own, for one
                self._note(f"not proved in float64, in which the model does not run ({type(error).__name__})")
                return None, [None for _ in self._own]
            if len(fine) != len(self._own):
                return None, [None for _ in self._own]
            pairs = zip(fine, self._own, strict=True)
            rounding: list[float | None] = [
                max(map(rounding_between, one.outputs, other.outputs), default=0.0) for one, other in pairs
            ]
            trial = Trial(twin, {name: _module(twin, name) for name in names}, self._target)
            for witness in fine:
                self._put_back(trial, witness, FLOAT64_BOUND, blamed)
            return max(witness.last for witness in fine), rounding

    def _put_back(self, trial: Trial, witness: Witness, bound: float, blamed: list[str]) -> None:
        def agrees(active: list[str]) -> bool:
            trial.show(active)
            return witness.distance(trial.model) <= bound

        put_back_culprits(lambda: _active(trial, blamed), agrees, blamed.append)

    def _check_repeats(self) -> None:
        apart = max((witness.repeats(self._model) for witness in self._own), default=0.0)
        if apart > 0:
            raise RefusedError(
                argument="model",
                expected="a model that gives the same output for the same input",
                got=f"one whose outputs differ by {apart:.1e} with the same random state, so nothing can be proved",
                cure=("Make it repeatable, or ", *_WITHOUT, "."),
            )

    def _note(self, note: str) -> None:
        if note not in self._said:
            self._said.append(note)


def _active(trial: Trial, blamed: list[str]) -> list[str]:
    return [norm.name for norm in trial.done if norm.outcome == "converted" and norm.name not in blamed]


def _blamed(norm: ConvertedNorm) -> ConvertedNorm:
    return replace(norm, becomes=norm.kind, outcome="left", reason=_DIFFERS, detail=None)


def _module(model: nn.Module, name: str) -> nn.Module:
    return model if name == "the model" else model.get_submodule(name)


def _dtype(model: nn.Module) -> str:
    tensors = (tensor for tensor in (*model.parameters(), *model.buffers()) if tensor.is_floating_point())
    return str(next((tensor.dtype for tensor in tensors), torch.float32)).removeprefix("torch.")
