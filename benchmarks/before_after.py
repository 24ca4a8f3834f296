"""Has a change of this library made anything slower? Two checkouts, each with its own environment, timed in turn.

`python benchmarks/before_after.py --before PYTHON` names the interpreter of the environment in which the state before
is installed; the state after is the one that runs this script. A pair of processes, one of each, is given the
calls of all rows in turn (A B A B), then another pair: forward and backward in training, the forward in
evaluation, and whole training steps of the nets. Where in memory a process happens to have its tensors makes up to a
tenth of a time, so that a pair counts once: of each the median of the ratios before / after is taken, and of these the
median, and the 95 % interval of the mean of their logarithms. Above 1 is faster than before.
About a quarter of an hour.
"""

import argparse
import json
import math
import platform
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import mean, median
from typing import Any

import torch
from accuracy import processor
from t_interval import half_width

from batchnorm import functional, tune_allocator
from batchnorm.bench import NETS, LayerCase, Sweep, last_level_cache, layer_cases
from batchnorm.bench._operands import make_operands
from batchnorm.bench._step import Trainer

LAYOUTS = ("nchw", "channels_last")
FUNCTIONS = {"bn+act": "batch_norm", "bn+add+act": "batch_norm_add", "bn+act+pool": "batch_norm_pool"}
ALLOWED = 1.02
"""How much slower a row may be and still count as equal; `slower` in the page is a row whose interval is beyond."""


def layer_call(case: LayerCase, direction: str) -> Any:
    """What is timed of a layer: forward and backward in training, or a forward in evaluation."""
    o = make_operands(case).with_own_statistics()
    function = getattr(functional, FUNCTIONS[case.family])
    given = (o.x,) if o.residual is None else (o.x, o.residual)
    state = (o.running_mean, o.running_var, o.weight, o.bias)

    def train() -> None:
        y = function(*given, *state, True, activation="relu", route="fused")
        torch.autograd.grad(y, o.differentiable(), o.dy)

    def evaluate() -> None:
        with torch.no_grad():
            function(*given, *state, False, activation="relu", route="fused")

    return train if direction == "training" else evaluate


def serve() -> None:
    """What each of the two processes does: read what is to be timed, time a call, answer with milliseconds."""
    sweep, call, kept = Sweep(last_level_cache()), None, []
    for line in sys.stdin:
        asked = json.loads(line)
        if "threads" in asked:
            torch.set_num_threads(asked["threads"])
            tune_allocator()
            kept.append(torch.empty(asked["pad"], dtype=torch.uint8))  # so that no two processes have the same places
        elif "family" in asked:
            call = layer_call(LayerCase(asked["family"], tuple(asked["shape"]), asked["layout"]), asked["direction"])
            call()
        elif "net" in asked:
            call = Trainer(NETS[asked["net"]], "batchnorm", asked["layout"], "auto").step
            call()
        else:
            sweep()
            start = time.perf_counter()
            call()
            print(json.dumps(1000 * (time.perf_counter() - start)), flush=True)
            continue
        print("null", flush=True)


class Side:
    """One of the two states, in a process of its own."""

    def __init__(self, interpreter: str, stack: ExitStack) -> None:
        command = [interpreter, str(Path(__file__).resolve()), "--serve"]
        self.process = stack.enter_context(
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        )
        stack.callback(self.process.stdin.close)

    def ask(self, **what: Any) -> Any:
        """Send a line, and return the answer."""
        self.process.stdin.write(json.dumps(what) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline() or "null")


def rows() -> Iterator[tuple[str, dict[str, Any]]]:
    """What is timed, with its name."""
    for case in layer_cases():
        for direction in ("training", "evaluation"):
            name = f"{case.family} {'x'.join(map(str, case.shape))} {case.memory_format} {direction}"
            yield (
                name,
                {
                    "family": case.family,
                    "shape": case.shape,
                    "layout": case.memory_format,
                    "direction": direction,
                },
            )
    for number, net in enumerate(NETS):
        for layout in LAYOUTS:
            yield f"{net} {layout}", {"net": number, "layout": layout}


Times = list[tuple[float, float]]
"""Of both sides, round by round."""


def measure(before: Side, after: Side, what: dict[str, Any], rounds: int) -> Times:
    """The times of a pair, in turn, after two rounds that do not count."""
    for side in (before, after):
        side.ask(**what)
    return [(before.ask(call=1), after.ask(call=1)) for _ in range(rounds + 2)][2:]


def line_of(name: str, pairs: list[Times]) -> tuple[str, str]:
    """A line of the page, and whether the row is slower, equal or faster."""
    logs = [median(math.log(one / other) for one, other in times) for times in pairs]
    before, after = ([times[side] for pair in pairs for times in pair] for side in (0, 1))
    low, high = (math.exp(mean(logs) + sign * half_width(logs)) for sign in (-1, 1))
    verdict = "slower" if high < 1 / ALLOWED else "faster" if low > 1 else "equal"
    ratio = math.exp(median(logs))
    return (
        f"| {name} | {median(before):.3f} | {median(after):.3f} | {ratio:.2f} | {low:.2f} … {high:.2f} | {verdict} |",
        verdict,
    )


def main() -> None:
    """Print the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", help="interpreter of the environment of the state before")
    parser.add_argument("--rounds", type=int, default=7, help="timed calls of each process (default: 7)")
    parser.add_argument("--pairs", type=int, default=3, help="pairs of processes (default: 3)")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="torch's (default: torch's)")
    parser.add_argument("--only", default="", help="rows whose name contains this")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve()
        return
    if not options.before:
        parser.error("--before: name the interpreter of the environment of the state before")
    print(f"""\
# Before and after

{__doc__.split(chr(10) * 2)[1].replace(chr(10), " ")}

- machine: {processor()}, {options.threads} threads; torch {torch.__version__}, python {platform.python_version()}
- n = {options.pairs} pairs of processes, {options.rounds} calls of each after 2 for warming up; tuned allocator; caches
  swept before every call
- `slower`: the interval lies below {1 / ALLOWED:.2f}; `faster`: above 1

| what | before, ms | after, ms | before / after | 95 % interval | |
|---|--:|--:|--:|--:|---|""")
    chosen = {name: what for name, what in rows() if options.only in name}
    found: dict[str, list[Times]] = {name: [] for name in chosen}
    draw = random.Random(0)  # noqa: S311  # no secret
    for _ in range(options.pairs):  # one after the other: ten processes that keep what they free are too many
        with ExitStack() as stack:
            pair = [Side(interpreter, stack) for interpreter in (options.before, sys.executable)]
            for side in pair:
                side.ask(threads=options.threads, pad=draw.randrange(1 << 24))
            for name, what in chosen.items():
                found[name].append(measure(*pair, what, options.rounds))
    lines, verdicts = zip(*(line_of(name, pairs) for name, pairs in found.items()), strict=True)
    print("\n".join(lines))
    counts = ", ".join(f"{verdicts.count(kind)} {kind}" for kind in ("faster", "equal", "slower"))
    print(f"\n{len(verdicts)} rows: {counts}.")


if __name__ == "__main__":
    main()
