"""What does every tool make of one net of the zoo? Run by `fold_zoo.py`, in a process of its own.

`python benchmarks/fold_net.py NET TOOL ...` prints a line of JSON for each tool as soon as it is known, so that what
was found is not lost where a tool takes the process with it.
"""

import argparse
import copy
import json
import time
import warnings
from typing import Any, NamedTuple

import torch
import zoo
from fold_tools import TOOLS, Folded, outcomes, told
from torch import Tensor, nn

from batchnorm import fold

BOUND_FLOAT32, BOUND_FLOAT64 = 1e-4, 1e-9
LONGEST = 200
"""Characters of a message."""


class Original(NamedTuple):
    """A net in one dtype, its inputs, and what it makes of them in float64."""

    model: nn.Module
    inputs: list[Tensor]
    expected: list[Any]

    def distance(self, model: Any) -> float:
        """Return how far the outputs of a model are from what they should be, on all inputs."""
        with torch.no_grad():
            found = [model(x) for x in self.inputs]
        return max(zoo.distance(*pair) for pair in zip(found, self.expected, strict=True))


def originals(name: str) -> tuple[Original, Original]:
    """Return the net in float32 and in float64."""
    model = zoo.lively(name)
    twin, inputs = copy.deepcopy(model).double(), [zoo.example(name, 0), zoo.example(name, 1)]
    with torch.no_grad():
        expected = [twin(x.double()) for x in inputs]
    return Original(model, inputs, expected), Original(twin, [x.double() for x in inputs], expected)


def measure_original(name: str, single: Original, double: Original) -> dict[str, Any]:
    """Return what the net is like before anything is done to it."""
    return {
        "net": name,
        "tool": "original",
        "float32": single.distance(single.model),
        "float64": double.distance(double.model),
        "influence": zoo.influence(single.model, single.inputs[0]),
        "modules": len(zoo.norms(single.model)),
        "parameters": sum(parameter.numel() for parameter in single.model.parameters()),
    }


def measure(name: str, tool: str, single: Original, double: Original) -> dict[str, Any]:
    """Return the row of one tool; what it raises is a row."""
    row: dict[str, Any] = {"net": name, "tool": tool}
    limit = max(BOUND_FLOAT32, 3 * single.distance(single.model))
    try:
        (folded, report), row["seconds"] = _timed(tool, single)
        x = single.inputs[0]
        before, after = TOOLS[tool].before(single.model, x), TOOLS[tool].after(folded, x)
        row |= {"norms": before.norms, "left": after.left(before), "before": before, "after": after}
        row |= {"float32": single.distance(folded), "limit": limit}
        row["float64"] = double.distance(_timed(tool, double)[0].model)
        row["wrong"] = row["float32"] > limit or row["float64"] > BOUND_FLOAT64
        if report is not None:
            row |= {**told(report), **_without_proof(single)}
    except Exception as error:  # whatever a tool raises is what is to be found out
        row["error"] = f"{type(error).__name__}: {error}".partition("\n")[0][:LONGEST]
    return row


def _timed(tool: str, original: Original) -> tuple[Folded, float]:
    model = copy.deepcopy(original.model)
    start = time.perf_counter()
    folded = TOOLS[tool].fold(model, original.inputs[0])
    return folded, time.perf_counter() - start


def _without_proof(original: Original) -> dict[str, Any]:
    """Return what ours does when it proves nothing, as the others do: the seconds, and the outcomes."""
    model = copy.deepcopy(original.model)
    start = time.perf_counter()
    report = fold(model, original.inputs[0], verify=False)
    return {"unproved_seconds": time.perf_counter() - start, "unproved_outcomes": outcomes(report)}


def main() -> None:
    """Print the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("net", choices=zoo.NETS, metavar="NET")
    parser.add_argument("tools", nargs="+", choices=["original", *TOOLS], metavar="TOOL")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    warnings.simplefilter("ignore")  # of tracers, and of what is to go from torch
    single, double = originals(given.net)
    for tool in given.tools:
        is_original = tool == "original"
        row = measure_original(given.net, single, double) if is_original else measure(given.net, tool, single, double)
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
