"""A script: press Ctrl-C in a command at random moments, and see what it says and what it leaves.

`python -m tests.slow.interrupted SCENARIO FOLDER COUNT` prints one line for each fault, and at the end how many
interrupts there were.
"""

import contextlib
import json
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from batchnorm.__main__ import start

from .killed import FINISHED, FOLD, RECALIBRATE, SMALL, call

TRAIN = ["train", *SMALL, "--recalibrate", "exact", "--fold", "--out", "run"]
COMMANDS = {
    "train": (TRAIN, []),
    "recalibrate": ([*RECALIBRATE, "--method", "exact"], [FINISHED]),
    "fold": ([*FOLD, "new.safetensors"], [FINISHED]),
}


def call_and_interrupt(arguments: list[str], seconds: float) -> tuple[int, str]:
    """Run a command, interrupt it after so long, and return its exit code and what it wrote to the standard error."""
    child = os.fork()
    if not child:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        code = 130  # if the interrupt comes before the command begins
        with contextlib.suppress(KeyboardInterrupt):
            os.dup2(os.open("said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            sys.argv = ["batchnorm", *arguments]
            code = start()
        os._exit(code)
    time.sleep(seconds)
    os.kill(child, signal.SIGINT)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), Path("said").read_text()


def files() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path().rglob("*") if path.is_file() and path.name != "said"}


def faults_of_one(arguments: list[str], seconds: float) -> Iterator[str]:
    """Interrupt a command once, in a folder of its own."""
    before = files()
    code, said = call_and_interrupt(arguments, seconds)
    lines = [line for line in said.splitlines() if line.startswith(f"batchnorm {arguments[0]}: ")]
    if code not in (0, 130) or "Traceback" in said or "ignored" in said or (code == 130 and said and len(lines) != 1):
        yield f"exit code {code}: {said}"
    yield from (f"{name} is left" for name in files() if name.endswith(".part"))
    if arguments is not TRAIN and code == 130 and "nothing was written" in said and files() != before:
        yield f"nothing was written, it says, but {files().keys() ^ before.keys() or 'other bytes are there'}"
    if arguments is TRAIN and Path("run/config.toml").exists():
        again = call("train", "--resume", "run", "--quiet")
        if again or json.loads(Path("run/result.json").read_text())["folded"] is None:
            yield f"cannot go on: {Path('said').read_text()}"


def faults_of(name: str, count: int) -> Iterator[str]:
    arguments, commands = COMMANDS[name]
    os.mkdir("template")  # noqa: PTH102
    with contextlib.chdir("template"):
        for command in commands:
            call(*command)
    shutil.copytree("template", "whole")
    with contextlib.chdir("whole"):
        begin = time.monotonic()
        call(*arguments)
        longest = time.monotonic() - begin
    moments = random.Random(0)  # noqa: S311 - not for secrets
    for number in range(count):
        shutil.copytree("template", "interrupted")
        with contextlib.chdir("interrupted"):
            seconds = moments.uniform(0, longest)
            yield from (
                f"number {number}, after {seconds:.3f} s: {fault}" for fault in faults_of_one(arguments, seconds)
            )
        shutil.rmtree("interrupted")
    yield f"{count} interrupts"


if __name__ == "__main__":
    os.chdir(sys.argv[2])
    for line in faults_of(sys.argv[1], int(sys.argv[3])):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
