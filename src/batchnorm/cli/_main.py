"""`batchnorm COMMAND`: reads the arguments, runs the command, turns what went wrong into one message and a code.

Exit codes: 0 done; 1 a failure; 2 the caller's mistake; 130 interrupted.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from inspect import cleandoc
from typing import Protocol

import tyro

from .. import __version__
from ..errors import FaultError, InputError, MistakeError, did_you_mean
from ..ranks import RankError
from ._arguments import ready
from ._bench import Bench
from ._cache import ClearCache, ListCache
from ._convert import Convert
from ._data import Fetch, List
from ._evaluate import Evaluate
from ._fold import Fold, Unfold
from ._help import listing, plain_options
from ._info import Info
from ._lr_find import LrFind
from ._notes import data_notes
from ._outcome import Outcome
from ._plot import Plot
from ._predict import Predict
from ._recalibrate import Recalibrate
from ._report import Report
from ._streams import dependable_streams
from ._study import ListClaims, RunStudy
from ._together import are_many, together
from ._train import Train
from ._warmup import Warmup
from ._wiring import Wiring
from ._wording import is_option, told


class Command(Protocol):
    """What every command is: a dataclass with its options as fields, whose docstring is its help, and a `run`."""

    def run(self) -> int:
        """Do it and return the exit code."""
        ...


@dataclass
class Data:
    """List or download image data sets, and see what is kept of decoded images."""


@dataclass
class Cache:
    """List or remove the decoded images that trainings on files of images have kept."""


@dataclass
class Study:
    """Measure which claims about batch norm hold, or list them."""


COMMANDS: dict[str, type] = {
    "train": Train,
    "lr-find": LrFind,
    "evaluate": Evaluate,
    "recalibrate": Recalibrate,
    "fold": Fold,
    "unfold": Unfold,
    "predict": Predict,
    "convert": Convert,
    "plot": Plot,
    "report": Report,
    "wiring": Wiring,
    "info": Info,
    "data": Data,
    "bench": Bench,
    "study": Study,
    "warmup": Warmup,
}
DATA_COMMANDS: dict[str, type] = {"list": List, "fetch": Fetch, "cache": Cache}
STUDY_COMMANDS: dict[str, type] = {"run": RunStudy, "list": ListClaims}
CACHE_COMMANDS: dict[str, type] = {"list": ListCache, "clear": ClearCache}
GROUPS: dict[tuple[str, ...], dict[str, type]] = {
    (): COMMANDS,
    ("data",): DATA_COMMANDS,
    ("data", "cache"): CACHE_COMMANDS,
    ("study",): STUDY_COMMANDS,
}
"""The commands, by the words that stand before them."""
ABOUT = """Train, evaluate and use image classifiers with batch normalization.

batchnorm --version shows the version."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    name = " ".join(("batchnorm", *_command(arguments)))
    command = arguments[0] if arguments else ""
    with dependable_streams():
        if are_many():
            return together(command, name, lambda: _outcome(arguments))
        return _outcome(arguments).say(name)


def _command(arguments: Sequence[str]) -> Sequence[str]:
    """Return the words that name the command."""
    group = _group(arguments)
    return [*group, *(word for word in arguments[len(group) : len(group) + 1] if word in GROUPS[group])]


def _group(arguments: Sequence[str]) -> tuple[str, ...]:
    """Return the words before the name of a command that has others beside it."""
    return max((group for group in GROUPS if tuple(arguments[: len(group)]) == group), key=len)


def _outcome(arguments: list[str]) -> Outcome:
    """Run, and turn what is raised into one message and the exit code."""
    try:
        code = _run(arguments)
        sys.stdout.flush()  # what fails here can still be told; at exit it could not
        return code if isinstance(code, Outcome) else Outcome(code)
    except MistakeError as error:
        return Outcome(2, told(error))
    except KeyboardInterrupt as interrupt:
        return Outcome(130, told(next(iter(interrupt.args), "")) or "interrupted")
    except BrokenPipeError:
        return Outcome(1)  # whoever read our output has gone (`| head`): nothing is left to say
    except (RuntimeError, OSError) as error:
        if isinstance(error, FaultError) and is_option(error.fault):
            return Outcome(2, told(error))  # a limit that the user has set, such as too few rounds
        if os.environ.get("BATCHNORM_TRACEBACK"):
            raise
        if isinstance(error, RankError):
            return Outcome(error.code, told(error), lost=True)
        return Outcome(1, f"{told(error)}\n(BATCHNORM_TRACEBACK=1 shows where)")


def _run(arguments: list[str]) -> Outcome | int:
    if arguments == ["--version"]:
        print(f"batchnorm {__version__}, torch {version('torch')}")
        return 0
    try:
        command = read_arguments(arguments)
        with data_notes():
            return command.run()
    except SystemExit as leave:
        if isinstance(leave.code, str):  # from a module of the caller's; Python would print it at exit
            return Outcome(1, leave.code)
        return leave.code if isinstance(leave.code, int) else 2


def read_arguments(arguments: list[str]) -> Command:
    """Return the command that `arguments` ask for, with its options.

    Raises:
        SystemExit: help was asked for (0), or an option is misspelt (2); the text is printed.
        InputError: there is no such command, or a file that holds options cannot be used.
    """
    group = _group(arguments)
    about = GROUPS[group[:-1]][group[-1]].__doc__ or "" if group else ABOUT
    return _read(" ".join(("batchnorm", *group)), about, GROUPS[group], arguments[len(group) :])


def _read(prog: str, about: str, commands: dict[str, type], arguments: list[str]) -> Command:
    if not arguments or arguments[0] in ("-h", "--help"):
        print(listing(prog, about, commands))
        raise SystemExit(0)
    if arguments[0] not in commands:
        raise _unknown(prog, arguments[0], commands)
    name, kind = arguments[0], commands[arguments[0]]
    rest = ready(kind, arguments[1:])
    # The options of a training may come from a file, which has to be read before the rest is.
    from_file = getattr(kind, "with_defaults_from", None)
    default = tyro.MISSING_NONPROP if from_file is None else from_file(rest)
    with plain_options():
        command: Command = tyro.cli(
            kind,
            prog=f"{prog} {name}",
            description=cleandoc(kind.__doc__ or ""),
            args=rest,
            default=default,
            config=(tyro.conf.FlagCreatePairsOff,),
        )
    return command


def _unknown(prog: str, name: str, commands: Mapping[str, type]) -> InputError:
    """Say that there is no such command, and name the one that was nearly meant."""
    near = did_you_mean(name, commands) or f"{prog} --help describes them."
    return InputError(f"there is no command {name!r}", expected=f"one of {', '.join(commands)}", cure=near)
