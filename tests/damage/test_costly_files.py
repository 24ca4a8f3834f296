"""Small files that would take gigabytes, minutes or for ever are refused before they do."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from .costly import COSTLY
from .kinds import KINDS

MEMORY = 2**28
"""Bytes that reading may take in addition to what the process has."""
SECONDS = 100
"""For all of them; what hangs does not come to an end."""

CHILD = """
import json, resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tests.damage.kinds import KINDS
pages = int(Path("/proc/self/statm").read_text().split()[0])
limit = pages * resource.getpagesize() + int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for line in sys.stdin:
    kind, path = json.loads(line)
    try:
        said = [KINDS[kind].read(Path(path)) is not None, ""]
    except BaseException as error:
        said = [type(error).__name__, str(error)]
    print(json.dumps(said), flush=True)
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory) -> dict[str, list[object]]:
    """What the reader of each file came to, in one process that can have little memory."""
    asked = []
    for number, (kind, make) in enumerate(COSTLY.values()):
        path = tmp_path_factory.mktemp("costly") / str(number) / KINDS[kind].name
        path.parent.mkdir()
        make(path)
        asked.append(json.dumps([kind, str(path)]) + "\n")
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", CHILD, str(root), str(MEMORY)],
        input="".join(asked), capture_output=True, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(COSTLY), done.stderr[-2000:]
    return dict(zip(COSTLY, answers, strict=True))


@pytest.mark.parametrize("case", COSTLY)
def test_a_small_file_that_would_cost_much_is_refused(case: str, said) -> None:
    kind, message = said[case]
    if "kernel" in case:
        assert kind is False  # it is compiled anew
    else:
        assert kind == "InputError", message
        assert len(message) < 1000
