"""A script: kill a command before each step that it takes on the disk, and see what the next command makes of it.

`python -m tests.slow.killed SCENARIO FOLDER` prints one line for each fault, and at the end how many kills there were.
Every command runs in a fork of this process, which has imported torch once and computed nothing.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import safetensors.torch
import torch  # noqa: F401 - before the first fork

import batchnorm.surgery  # noqa: F401 - as torch
from batchnorm.cli import _bench, main
from batchnorm.data import Download, _registry
from batchnorm.data._fashion_mnist import FASHION_MNIST
from batchnorm.records import Benchmark, from_json
from batchnorm.runs import RunFolder

SMALL = ["--epochs", "2", "--model-args", "width", "4", "--val-fraction", "0.97", "--threads", "1", "--quiet"]
RUN = Path("run")


def watch_steps(heard: Callable[[], None]) -> None:
    """Call `heard` before a file below the current folder is opened to be written, renamed or removed."""
    here = os.fsencode(Path.cwd().resolve())

    def hook(event: str, arguments: tuple) -> None:
        if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)):
            return
        if event in ("open", "os.rename", "os.remove", "os.mkdir") and not isinstance(arguments[0], int):
            path = os.fsencode(arguments[0])
            if (path if path.startswith(b"/") else here + b"/" + path).startswith(here):
                heard()

    sys.addaudithook(hook)


def forked(work: Callable[[], int]) -> int:
    """Do it in a fork and return its exit code, negative for a signal."""
    child = os.fork()
    if not child:
        code = 99
        try:
            with open("said", "w") as said, contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):  # noqa: PTH123
                try:
                    code = work()
                except BaseException:
                    traceback.print_exc(file=said)
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def call(*arguments: str) -> int:
    """Run a command to its end."""
    return forked(lambda: main(list(arguments)))


def call_and_kill(arguments: list[str], before_step: int) -> bool:
    """Run a command, kill it before that step, and say whether it came so far."""

    def work() -> int:
        left = before_step

        def heard() -> None:
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

        watch_steps(heard)
        return main(arguments)

    return forked(work) == -signal.SIGKILL


@dataclasses.dataclass
class Scenario:
    """What is killed, and what must hold.

    Attributes:
        command: that is killed.
        again: what a user does next, any of which must end well; the first whose condition holds.
        before: commands that make what is there at first.
        promised: yields faults, right after the kill and at the end.
        ended: yields faults at the end.
    """

    command: list[str]
    again: Callable[[], list[str]]
    before: list[list[str]]
    promised: Callable[[], Iterator[str]]
    ended: Callable[[], Iterator[str]]


def nothing() -> Iterator[str]:
    yield from ()


def training(*options: str) -> Scenario:
    """One that is killed, and goes on where it can."""
    command = ["train", *SMALL, *options, "--out", "run"]
    resume = ["train", "--resume", "run", "--quiet"]
    return Scenario(
        command,
        lambda: resume if (RUN / "config.toml").exists() else command,
        [],
        nothing,
        as_if_nobody_had_killed_it,
    )


def weights(path: Path) -> dict[str, bytes]:
    return {name: tensor.numpy().tobytes() for name, tensor in safetensors.torch.load_file(path).items()}


def as_if_nobody_had_killed_it() -> Iterator[str]:
    """The run has everything, with the same bits."""
    run, other = RunFolder.open(RUN), RunFolder.open(Path("../unkilled/run"))
    if (
        run.read_metrics()[-1].epoch != other.read_config().epochs
        or len(run.read_metrics()) != run.read_config().epochs
    ):
        yield f"metrics of {len(run.read_metrics())} epochs"
    if run.read_result().test_loss != other.read_result().test_loss:
        yield "another result"
    for file in (path for path in other.files if path.suffix == ".safetensors" and path.exists()):
        if weights(run.path / file.name) != weights(file):
            yield f"other bits in {file.name}"


def a_model_with_its_result_is_there() -> Iterator[str]:
    """Of the shorter training or of the longer one; the file that comes last may still be missing."""
    for place in ("template", "unkilled"):
        if weights(RUN / "model.safetensors") == weights(Path("..") / place / "run" / "model.safetensors"):
            if place == "template" and RunFolder.open(RUN).read_result().epochs != 2:
                yield "the result is not of the model"
            return
    yield "the model is of neither training"


def trained_statistics_are_there() -> Iterator[str]:
    trained = (Path("..") / "template" / "trained").read_bytes()
    folder = RunFolder(RUN)
    if not any(path.exists() and path.read_bytes() == trained for path in (folder.model, folder.former_model)):
        yield "the statistics of the training are lost"


def the_former_model_is_the_trained_one() -> Iterator[str]:
    if (RUN / "model.before-recalibration.safetensors").read_bytes() != Path("../template/trained").read_bytes():
        yield "the former model is not that of the training"


def whole(name: str) -> Callable[[], Iterator[str]]:
    """A file that was there is the old or the new one, and the run is as it was."""

    def faults() -> Iterator[str]:
        if Path(name).read_bytes() not in (
            Path("../template", name).read_bytes(),
            Path("../unkilled", name).read_bytes(),
        ):
            yield f"{name} is neither old nor new"
        for file in Path("../template/run").iterdir():
            if (RUN / file.name).read_bytes() != file.read_bytes():
                yield f"{file.name} of the run has changed"

    return faults


def to_a_file(name: str, *command: str) -> Scenario:
    return Scenario([*command, name], lambda: [*command, name], [FINISHED, [*command, name]], whole(name), nothing)


FINISHED = ["train", *SMALL, "--out", "run"]
RECALIBRATE = ["recalibrate", "run", "--quiet"]
FOLD = ["fold", "run", "--quiet", "--overwrite", "-o"]
WITH_ALL = ["--recalibrate", "average", "--fold"]
LONGER = ["train", "--resume", "run", "--epochs", "3", "--quiet"]
SCENARIOS = {
    "train": training(),
    "train and keep the best": training("--keep", "best"),
    "train for longer": Scenario(
        LONGER,
        lambda: LONGER,
        [["train", *SMALL, *WITH_ALL, "--out", "run"]],
        a_model_with_its_result_is_there,
        as_if_nobody_had_killed_it,
    ),
    "train with all": training(*WITH_ALL),
    "recalibrate": Scenario(
        RECALIBRATE,
        lambda: RECALIBRATE,
        [FINISHED],
        trained_statistics_are_there,
        the_former_model_is_the_trained_one,
    ),
    "recalibrate again": Scenario(
        [*RECALIBRATE, "--max-samples", "200"],
        lambda: RECALIBRATE,
        [FINISHED, RECALIBRATE],
        trained_statistics_are_there,
        the_former_model_is_the_trained_one,
    ),
    "recalibrate to a file": to_a_file("new.safetensors", *RECALIBRATE, "--split", "test", "--overwrite", "-o"),
    "fold": to_a_file("new.safetensors", *FOLD),
    "predict": to_a_file("sheet.png", "predict", "run", "--test-images", "4", "--sheet"),
    "evaluate": to_a_file("matrix.png", "evaluate", "run", "--png"),
    "wiring": to_a_file("net.svg", "wiring", "run", "-o"),
}
UNFOLD = ["unfold", "folded", "--overwrite", "-o", "new.safetensors"]
SCENARIOS["unfold"] = Scenario(
    UNFOLD, lambda: UNFOLD, [FINISHED, [*FOLD, "folded"], UNFOLD], whole("new.safetensors"), nothing
)
BENCH = ["bench", "--no-steps", "--quiet", "--json", "--out", "out"]


def both_files_of_a_benchmark_are_whole() -> Iterator[str]:
    if "layers" not in json.loads(Path("out/bench.json").read_text()):
        yield "no benchmark in bench.json"
    if not Path("out/bench.md").read_text().endswith("\n"):
        yield "half a page in bench.md"


SCENARIOS["bench"] = Scenario(BENCH, lambda: BENCH, [BENCH], both_files_of_a_benchmark_are_whole, nothing)
FETCH = ["data", "fetch", "images", "--to", ".", "--quiet"]
CONTENT = bytes(range(256)) * 1000


def the_download_is_whole() -> Iterator[str]:
    if [file.read_bytes() for file in Path("images").iterdir()] != [CONTENT]:
        yield "another file"


SCENARIOS["data fetch"] = Scenario(FETCH, lambda: FETCH, [], nothing, the_download_is_whole)


@contextlib.contextmanager
def offered_by_a_server() -> Iterator[None]:
    """Let a process of its own offer the data set `images`, one file, in the current folder."""
    Path("images.gz").write_bytes(CONTENT)
    command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        address = re.search(r"http://[\d.:]+/", server.stdout.readline())[0]
        download = Download(f"{address}images.gz", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
        info = dataclasses.replace(FASHION_MNIST.info, name="images", downloads=(download,))
        source = dataclasses.replace(FASHION_MNIST, info=info, folders=lambda: ())
        _registry._SOURCES = (*_registry.available(), source)
        os.environ["no_proxy"] = "*"
        try:
            yield
        finally:
            server.terminate()


def faults_of(scenario: Scenario) -> Iterator[str]:
    """Kill before the first step, before the second, and so on, until the command is faster."""
    os.mkdir("template")  # noqa: PTH102
    with contextlib.chdir("template"):
        for command in scenario.before:
            if call(*command):
                yield f"{command}: {Path('said').read_text()}"
            if command is FINISHED:
                shutil.copy(RUN / "model.safetensors", "trained")
    shutil.copytree("template", "unkilled")
    with contextlib.chdir("unkilled"):
        if call(*scenario.command):
            yield f"{scenario.command}: {Path('said').read_text()}"
    step, killed = 0, True
    while killed:
        step += 1
        shutil.copytree("template", "killed")
        with contextlib.chdir("killed"):
            killed = call_and_kill(scenario.command, step)
            yield from (f"step {step}, killed: {fault}" for fault in scenario.promised())
            command = scenario.again()
            if call(*command):
                yield f"step {step}, then {command}: {Path('said').read_text()}"
            else:
                ended = [*scenario.promised(), *scenario.ended()]
                ended += [f"{path} is left" for path in Path().rglob("*.part")]
                yield from (f"step {step}, at the end: {fault}" for fault in ended)
        shutil.rmtree("killed")
    yield f"{step - 1} kills"


if __name__ == "__main__":
    # What was measured once: here it is only written.
    measured = from_json((Path(__file__).parents[2] / "benchmarks/results/bench.json").read_text(), Benchmark)
    _bench.run_benchmark = lambda *_: measured
    os.chdir(sys.argv[2])
    with offered_by_a_server() if sys.argv[1] == "data fetch" else contextlib.nullcontext():
        for line in faults_of(SCENARIOS[sys.argv[1]]):
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
