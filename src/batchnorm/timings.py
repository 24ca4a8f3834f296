"""Plain data of a benchmark: what was timed, how, on which machine; written as JSON and read back.

Nothing here knows torch. Ratios are not stored: the methods below make them of the medians.
"""

import json
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from .errors import InputError
from .files import in_short, one_line, read_json

COPY_BYTES = 3
"""Bytes that a copy of one byte moves: it is read, its place is read before an ordinary store, and it is written."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds of one arm over `rounds` rounds: the median, and the quartiles below and above it."""

    median: float
    lower: float
    upper: float
    rounds: int


@dataclass(frozen=True, slots=True)
class Errors:
    """Largest absolute differences from float64: of output and input gradient in training, of evaluation's output."""

    output: float
    input_gradient: float
    evaluation: float


@dataclass(frozen=True, slots=True)
class LayerRow:
    """One norm with what follows it, on one tensor, in one state of the allocator.

    Attributes:
        family: "bn+act", "bn+add+act" or "bn+act+pool".
        shape: of the input.
        memory_format: "nchw" or "channels_last".
        dtype: of the input.
        activation: its name; "identity" for none.
        route: which of our routes the arm "ours" took.
        allocator: "tuned" or "untuned".
        tensor_bytes: of the input; "copy" copies as many.
        floor_bytes: for every direction, what the fused form must move at least, a store counted twice.
        streamed_bytes: the same, a store counted once: none can move less.
        timings: by direction ("forward", "backward", "both" in training, "evaluation") and arm ("ours", "native",
            "compile", "copy"); the arms of one direction ran in turn.
        errors: by arm.
        left_out: arms that were not timed, and why.
    """

    family: str
    shape: tuple[int, ...]
    memory_format: str
    dtype: str
    activation: str
    route: str
    allocator: str
    tensor_bytes: int
    floor_bytes: dict[str, int]
    streamed_bytes: dict[str, int]
    timings: dict[str, dict[str, Timing]]
    errors: dict[str, Errors]
    left_out: dict[str, str]

    def ratio(self, direction: str, arm: str, other: str = "ours") -> float | None:
        """Return how many times longer `arm` took than `other`; None where either was left out."""
        return _ratio(self.timings[direction], arm, other)

    def floor_copies(self, direction: str) -> float:
        """Return the least time that the bytes allow with ordinary stores, in copies of the input.

        Example:
            >>> names = ("nchw", "float32", "relu", "fused", "tuned")
            >>> row = LayerRow("bn+act", (2, 3, 4), *names, 96, {"both": 672}, {}, {}, {}, {})
            >>> round(row.floor_copies("both"), 2)
            2.33
        """
        return self.floor_bytes[direction] / (COPY_BYTES * self.tensor_bytes)

    def streamed_copies(self, direction: str) -> float:
        """Return the least time that the bytes allow if all is written past the caches, in copies of the input."""
        return self.streamed_bytes[direction] / (COPY_BYTES * self.tensor_bytes)

    def over_floor(self, direction: str) -> float | None:
        """Return how many times longer than `floor_copies` ours took: the copy's bandwidth over ours."""
        copies = self.ratio(direction, "ours", "copy")
        return None if copies is None else copies / self.floor_copies(direction)


@dataclass(frozen=True, slots=True)
class StepRow:
    """Whole training steps (forward, loss, backward, SGD) of one net, in one state of the allocator.

    Attributes:
        net: its name.
        batch: images of a step.
        image: channels, height, width.
        route: the route of our layers in "ours".
        allocator: "tuned" or "untuned".
        timings: by kind and memory format, e.g. "ours channels_last"; kinds are "ours", "torch" (PyTorch's norms),
            "compile" (the same compiled) and "none" (the norms taken out). All ran in turn.
        saved_bytes: by the same names but the compiled, what a step keeps for backward: every storage once, the net's
            own state apart.
        left_out: kinds that were not timed, and why.
    """

    net: str
    batch: int
    image: tuple[int, ...]
    route: str
    allocator: str
    timings: dict[str, Timing]
    saved_bytes: dict[str, int]
    left_out: dict[str, str]

    def best(self, kind: str) -> str | None:
        """Return the faster of a kind's two arms; None where it was left out.

        Example:
            >>> timings = {"torch nchw": Timing(5.0, 4.9, 5.2, 7), "torch channels_last": Timing(4.0, 3.9, 4.4, 7)}
            >>> StepRow("net", 8, (1, 4, 4), "auto", "tuned", timings, {}, {}).best("torch")
            'torch channels_last'
        """
        arms = [arm for arm in self.timings if arm.split()[0] == kind]
        return min(arms, key=lambda arm: self.timings[arm].median, default=None)

    def ratio(self, arm: str | None, other: str | None) -> float | None:
        """Return how many times longer `arm` took than `other`; None where either was left out."""
        return _ratio(self.timings, arm, other)


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a benchmark ran on, and how.

    Attributes:
        versions: of batchnorm, python, torch, and of numba if it is there.
        processor: its name.
        cpus: how many the process may use.
        threads: torch's, in every arm.
        cache_bytes: the last-level cache of those processors.
        swept_bytes: the buffer that is read between any two calls, so that no tensor is in the cache.
        method: how a call is timed, in words.
        warmup: calls of every arm before the clock.
        rounds: timed calls of every arm.
        load: processes that wanted to run in the minute before, on average; None where that is not known.
        allocators: what "tuned" and "untuned" stand for on this machine.
    """

    versions: dict[str, str]
    processor: str
    cpus: int
    threads: int
    cache_bytes: int
    swept_bytes: int
    method: str
    warmup: int
    rounds: int
    load: float | None
    allocators: dict[str, str]


@dataclass(frozen=True, slots=True)
class Benchmark:
    """All that one `batchnorm bench` found."""

    VERSION: ClassVar[int] = 1

    conditions: Conditions
    layers: tuple[LayerRow, ...]
    steps: tuple[StepRow, ...]


def _ratio(timings: dict[str, Timing], arm: str | None, other: str | None) -> float | None:
    if arm is None or other is None or arm not in timings or other not in timings:
        return None
    return timings[arm].median / timings[other].median


def benchmark_to_dict(benchmark: Benchmark) -> dict[str, Any]:
    """Return `benchmark` as plain values that begin with the record's name and version."""
    return {"record": "Benchmark", "version": Benchmark.VERSION, **asdict(benchmark)}


def benchmark_to_json(benchmark: Benchmark) -> str:
    """Return `benchmark` as JSON, a line for every row, so that two results can be compared line by line.

    Raises:
        ValueError: a number is NaN or infinite.
    """
    data = benchmark_to_dict(benchmark)
    rows = {name: ",\n".join(f"  {_line(row)}" for row in data.pop(name)) for name in ("layers", "steps")}
    head = ",\n".join(f" {_line(name)}: {_line(value)}" for name, value in data.items())
    return "{\n" + head + "".join(f",\n {_line(name)}: [\n{text}\n ]" for name, text in rows.items()) + "\n}\n"


def _line(value: Any) -> str:
    return json.dumps(value, allow_nan=False, ensure_ascii=False)


def benchmark_from_json(text: str) -> Benchmark:
    """Read back what `benchmark_to_json` wrote.

    Raises:
        InputError: no JSON, another record or version, or other fields.
    """
    try:
        data = read_json(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"expected the JSON of a benchmark: {in_short(error)}") from None
    if not isinstance(data, dict) or data.get("record") != "Benchmark":
        raise InputError(f"expected the JSON of a benchmark, got {text[:80]!r}")
    if data.get("version") != Benchmark.VERSION:
        raise InputError(
            f"this benchmark has version {one_line(str(data.get('version')), 40)}; this batchnorm reads version "
            f"{Benchmark.VERSION}",
            cure="Measure again, or read it with the batchnorm that wrote it.",
        )
    try:
        layers, steps = tuple(map(layer_row, data["layers"])), tuple(map(step_row, data["steps"]))
        return Benchmark(Conditions(**data["conditions"]), layers, steps)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"a benchmark has other fields than this file: {one_line(str(error))}") from None


def layer_row(data: dict[str, Any]) -> LayerRow:
    """Make the row of plain values."""
    timings = {direction: _timings(arms) for direction, arms in data["timings"].items()}
    errors = {arm: Errors(**values) for arm, values in data["errors"].items()}
    return LayerRow(**{**data, "shape": tuple(data["shape"]), "timings": timings, "errors": errors})


def step_row(data: dict[str, Any]) -> StepRow:
    """Make the row of plain values."""
    return StepRow(**{**data, "image": tuple(data["image"]), "timings": _timings(data["timings"])})


def _timings(arms: dict[str, Any]) -> dict[str, Timing]:
    return {arm: Timing(**values) for arm, values in arms.items()}
