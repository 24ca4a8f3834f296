"""How do tests start the command line by torchrun, find its processes, and read what they said?"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node"]
SMALL = ["--model-args", "width", "4", "--val-fraction", "0.9"]


class Launched:
    """A command that torchrun runs in several processes."""

    def __init__(self, processes: int, arguments: list[str], **environment: str) -> None:
        self.agent = subprocess.Popen(
            [*TORCHRUN, str(processes), "-m", "batchnorm", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
            start_new_session=True,
        )
        self.workers: dict[int, int] = {}

    def find_workers(self) -> dict[int, int]:
        """Return the processes by their ranks."""
        children = Path(f"/proc/{self.agent.pid}/task/{self.agent.pid}/children").read_text().split()
        for child in children:
            environment = Path(f"/proc/{child}/environ").read_text().split("\0")
            ranks = [one.partition("=")[2] for one in environment if one.startswith("RANK=")]
            self.workers.update({int(rank): int(child) for rank in ranks})
        return self.workers

    def seconds_until_gone(self, limit: float = 90.0) -> float:
        """Wait until no worker runs any more, and return how long that took."""
        start = time.monotonic()
        while any(map(is_running, self.workers.values())):
            assert time.monotonic() - start < limit, "a worker still runs"
            time.sleep(0.02)
        return time.monotonic() - start

    def end(self) -> tuple[str, list[str]]:
        """Wait for the agent; return the standard output, and what of the standard error is ours."""
        out, err = self.agent.communicate(timeout=120)
        self.errors = err
        return out, [line for line in err.splitlines() if line.startswith("batchnorm ") and "FAILED" not in line]


def is_running(pid: int) -> bool:
    """Whether a process runs, and is not merely waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@contextmanager
def torchrun(processes: int, *arguments: str, **environment: str) -> Iterator[Launched]:
    """Start a command in several processes, none of which outlives the block."""
    launched = Launched(processes, [*arguments], **environment)
    try:
        yield launched
    finally:
        for pid in [launched.agent.pid, *launched.workers.values()]:
            if is_running(pid):
                os.kill(pid, signal.SIGKILL)
        launched.agent.communicate()


def wait_for(path: Path, limit: float = 120.0) -> None:
    """Wait until a file is there."""
    start = time.monotonic()
    while not path.exists():
        assert time.monotonic() - start < limit, f"{path} did not come"
        time.sleep(0.02)
