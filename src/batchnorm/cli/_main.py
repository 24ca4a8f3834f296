"""`batchnorm COMMAND`: reads the arguments, runs the command, turns what went wrong into one message and a code.

Exit codes: 0 done; 1 a failure; 2 the caller's mistake; 130 interrupted.
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from importlib.metadata import version
from inspect import cleandoc
from operator import or_
from typing import Annotated, Any, Protocol

import tyro

from .. import __version__
from ..errors import FaultError, MistakeError
from ._arguments import ready
from ._bench import Bench
from ._data import Fetch, List
from ._evaluate import Evaluate
from ._fold import Fold, Unfold
from ._help import listing, plain_options
from ._info import Info
from ._predict import Predict
from ._recalibrate import Recalibrate
from ._streams import dependable_streams, warn
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
    """List or download image data sets."""


COMMANDS: dict[str, type] = {
    "train": Train,
    "evaluate": Evaluate,
    "recalibrate": Recalibrate,
    "fold": Fold,
    "unfold": Unfold,
    "predict": Predict,
    "wiring": Wiring,
    "info": Info,
    "data": Data,
    "bench": Bench,
    "warmup": Warmup,
}
DATA_COMMANDS: dict[str, type] = {"list": List, "fetch": Fetch}
ABOUT = """Train, evaluate and use image classifiers with batch normalization.

batchnorm --version shows the version."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    name = f"batchnorm {arguments[0]}" if arguments and arguments[0] in COMMANDS else "batchnorm"
    with dependable_streams():
        return _guarded(name, arguments)


def _guarded(name: str, arguments: list[str]) -> int:
    """Run, and turn what is raised into one message and the exit code."""
    try:
        code = _run(name, arguments)
        sys.stdout.flush()  # what fails here can still be told; at exit it could not
        return code
    except MistakeError as error:
        return _say(name, told(error), 2)
    except KeyboardInterrupt as interrupt:
        return _say(name, told(next(iter(interrupt.args), "")) or "interrupted", 130)
    except BrokenPipeError:
        return 1  # whoever read our output has gone (`| head`): nothing is left to say
    except (RuntimeError, OSError) as error:
        if isinstance(error, FaultError) and is_option(error.fault):
            return _say(name, told(error), 2)  # a limit that the user has set, such as too few rounds
        if os.environ.get("BATCHNORM_TRACEBACK"):
            raise
        return _say(name, f"{told(error)}\n(BATCHNORM_TRACEBACK=1 shows where)", 1)


def _run(name: str, arguments: list[str]) -> int:
    if arguments == ["--version"]:
        print(f"batchnorm {__version__}, torch {version('torch')}")
        return 0
    try:
        return read_arguments(arguments).run()
    except SystemExit as leave:
        if isinstance(leave.code, str):  # from a module of the caller's; Python would print it at exit
            return _say(name, leave.code, 1)
        return leave.code if isinstance(leave.code, int) else 2


def read_arguments(arguments: list[str]) -> Command:
    """Return the command that `arguments` ask for, with its options.

    Raises:
        SystemExit: help was asked for (0), or an option or a command is misspelt (2); the text is printed.
        InputError: a file that holds options cannot be used.
    """
    if arguments[:1] == ["data"]:
        return _read("batchnorm data", Data.__doc__ or "", DATA_COMMANDS, arguments[1:])
    return _read("batchnorm", ABOUT, COMMANDS, arguments)


def _read(prog: str, about: str, commands: dict[str, type], arguments: list[str]) -> Command:
    if not arguments or arguments[0] in ("-h", "--help"):
        print(listing(prog, about, commands))
        raise SystemExit(0)
    if arguments[0] not in commands:
        _refuse_unknown(prog, about, commands, arguments)
    name, kind = arguments[0], commands[arguments[0]]
    rest = ready(kind, arguments[1:])
    # The defaults of `train` may come from a file, which has to be read before the rest is.
    default = Train.with_defaults_from(rest) if kind is Train else tyro.MISSING_NONPROP
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


def _refuse_unknown(prog: str, about: str, commands: dict[str, type], arguments: list[str]) -> None:
    """Print the command that was nearly meant, and leave."""
    described: list[Any] = [
        Annotated[
            kind,
            tyro.conf.subcommand(name, description=cleandoc(kind.__doc__ or "").splitlines()[0]),
        ]
        for name, kind in commands.items()
    ]
    tyro.cli(reduce(or_, described), prog=prog, description=about, args=arguments)
    raise SystemExit(2)


def _say(name: str, what: object, code: int) -> int:
    warn(f"{name}: {what}")
    return code
