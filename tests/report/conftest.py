"""A benchmark with made-up numbers, of which the expected texts and bars can be worked out by hand."""

import matplotlib.figure
import pytest

from batchnorm.records import Benchmark, Conditions, Errors, LayerRow, StepRow, Timing

CONDITIONS = Conditions(
    versions={"batchnorm": "1.2.3", "python": "3.11.7", "torch": "2.13.0"},
    processor="A Processor",
    cpus=4,
    threads=2,
    cache_bytes=32 << 20,
    swept_bytes=64 << 20,
    method="in turn",
    warmup=3,
    rounds=9,
    load=0.25,
    allocators={"tuned": "keeps freed memory", "untuned": "as it starts"},
)


def timing(median: float) -> Timing:
    return Timing(median, 0.9 * median, 1.1 * median, 9)


def layer(family: str, shape: tuple[int, ...], memory_format: str, allocator: str, native: float) -> LayerRow:
    """A row in which a copy takes 3 ms, ours 10, native that many (untuned 3 more), the floor is 7 thirds of a copy."""
    arms = {"ours": timing(10.0), "native": timing(native + 3 * (allocator == "untuned")), "copy": timing(3.0)}
    return LayerRow(
        family=family,
        shape=shape,
        memory_format=memory_format,
        dtype="float32",
        activation="relu",
        route="fused",
        allocator=allocator,
        tensor_bytes=1000,
        floor_bytes=dict.fromkeys(("forward", "backward", "both", "evaluation"), 7000),
        streamed_bytes=dict.fromkeys(("forward", "backward", "both", "evaluation"), 5000),
        timings=dict.fromkeys(("forward", "backward", "both", "evaluation"), arms),
        errors={"ours": Errors(1e-6, 2e-6, 3e-6), "native": Errors(4e-6, 5e-6, 6e-6)},
        left_out={"compile": "there is no C++ compiler"},
    )


def step(allocator: str, scale: float) -> StepRow:
    medians = {"ours": (22.0, 20.0), "torch": (50.0, 30.0), "compile": (70.0, 60.0), "none": (26.0, 25.0)}
    timings = {
        f"{kind} {layout}": timing(scale * value)
        for kind, values in medians.items()
        for layout, value in zip(("nchw", "channels_last"), values, strict=True)
    }
    kept = {"ours": 3 << 20, "torch": 6 << 20, "none": 4 << 20}
    saved = {arm: kept[arm.split()[0]] for arm in timings if arm.split()[0] in kept}
    return StepRow("ConvBNNet", 128, (1, 28, 28), "auto", allocator, timings, saved, {})


@pytest.fixture
def benchmark() -> Benchmark:
    """Two shapes of one norm in both layouts and one of another, one net, both allocators."""
    layers = tuple(
        layer(family, shape, memory_format, allocator, native)
        for family, shape, memory_format, native in (
            ("bn+act", (32, 64, 112, 112), "nchw", 40.0),
            ("bn+act", (32, 64, 112, 112), "channels_last", 20.0),
            ("bn+act", (128, 16, 28, 28), "nchw", 10.0),
            ("bn+act", (128, 16, 28, 28), "channels_last", 20.0),
            ("bn+act+pool", (128, 32, 28, 28), "channels_last", 60.0),
        )
        for allocator in ("tuned", "untuned")
    )
    return Benchmark(CONDITIONS, layers, (step("tuned", 1.0), step("untuned", 2.0)))


@pytest.fixture
def figures(monkeypatch):
    """The figures that were written while the test ran."""
    written = []
    save = matplotlib.figure.Figure.savefig

    def keep(self, *args, **options):
        written.append(self)
        return save(self, *args, **options)

    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", keep)
    return written
