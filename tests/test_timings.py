"""Is a benchmark read back as it was written, and are its ratios those of its medians?"""

import json

import pytest

from batchnorm.errors import InputError
from batchnorm.timings import (
    Benchmark,
    Conditions,
    Errors,
    LayerRow,
    StepRow,
    Timing,
    benchmark_from_json,
    benchmark_to_json,
)

ARMS = {"ours": Timing(10.0, 9.5, 11.0, 7), "native": Timing(35.0, 34.0, 39.0, 7), "copy": Timing(4.0, 4.0, 4.0, 7)}
LAYER = LayerRow(
    family="bn+act",
    shape=(32, 64, 112, 112),
    memory_format="nchw",
    dtype="float32",
    activation="relu",
    route="fused",
    allocator="tuned",
    tensor_bytes=100,
    floor_bytes={"both": 700},
    streamed_bytes={"both": 500},
    timings={"both": ARMS},
    errors={"ours": Errors(1e-7, 2e-7, 3e-7)},
    left_out={"compile": "é, no compiler"},
)
STEP = StepRow(
    net="ConvBNNet",
    batch=128,
    image=(1, 28, 28),
    route="auto",
    allocator="untuned",
    timings={
        "ours nchw": Timing(20.0, 19.0, 21.0, 7),
        "ours channels_last": Timing(25.0, 24.0, 26.0, 7),
        "torch nchw": Timing(60.0, 59.0, 61.0, 7),
        "torch channels_last": Timing(50.0, 49.0, 51.0, 7),
    },
    saved_bytes={"ours nchw": 5},
    left_out={},
)
CONDITIONS = Conditions({"torch": "2.13.0"}, "a processor", 4, 2, 32, 64, "in turn", 3, 7, None, {"tuned": "keeps"})
BENCHMARK = Benchmark(CONDITIONS, (LAYER,), (STEP,))


def test_a_benchmark_is_read_back_as_it_was_written() -> None:
    assert benchmark_from_json(benchmark_to_json(BENCHMARK)) == BENCHMARK


def test_the_file_is_json_with_a_line_for_every_row() -> None:
    text = benchmark_to_json(BENCHMARK)
    data = json.loads(text)
    assert (data["record"], data["version"]) == ("Benchmark", 1)
    assert [json.loads(line.strip().rstrip(",")) for line in text.splitlines() if line.startswith("  {")] == [
        data["layers"][0],
        data["steps"][0],
    ]


def test_an_empty_benchmark_is_json_too() -> None:
    empty = Benchmark(CONDITIONS, (), ())
    assert benchmark_from_json(benchmark_to_json(empty)) == empty


def test_ratios_are_of_the_medians_and_absent_where_an_arm_is() -> None:
    assert LAYER.ratio("both", "native") == 3.5
    assert LAYER.ratio("both", "ours", "copy") == 2.5
    assert LAYER.ratio("both", "compile") is None


def test_the_floor_is_counted_in_copies_of_three_passes() -> None:
    assert LAYER.floor_copies("both") == 700 / 300
    assert LAYER.streamed_copies("both") == 500 / 300
    assert LAYER.over_floor("both") == pytest.approx(2.5 / (7 / 3), rel=1e-15)


def test_the_best_of_a_kind_is_its_faster_layout() -> None:
    assert (STEP.best("ours"), STEP.best("torch"), STEP.best("none")) == ("ours nchw", "torch channels_last", None)
    assert STEP.ratio(STEP.best("torch"), STEP.best("ours")) == 2.5
    assert STEP.ratio(STEP.best("none"), STEP.best("ours")) is None


def test_a_number_that_is_not_finite_is_no_json() -> None:
    row = LayerRow(
        **{name: getattr(LAYER, name) for name in LayerRow.__slots__} | {"floor_bytes": {"both": float("nan")}}
    )
    with pytest.raises(ValueError, match="not JSON compliant"):
        benchmark_to_json(Benchmark(CONDITIONS, (row,), ()))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "^expected the JSON of a benchmark: "),
        ("[1]", r"^expected the JSON of a benchmark, got '\[1\]'"),
        ('{"record": "TrainResult"}', "^expected the JSON of a benchmark, got"),
        ('{"record": "Benchmark", "version": 9}', "^this benchmark has version 9; .* reads version 1. Measure again"),
        ('{"record": "Benchmark", "version": 1}', "^a benchmark has other fields than this file: 'layers'"),
        (benchmark_to_json(BENCHMARK).replace('"median"', '"mean"'), "^a benchmark has other fields .*'mean'"),
        (benchmark_to_json(BENCHMARK).replace('"shape": [32, 64, 112, 112]', '"shape": 3'), "^a benchmark has other"),
    ],
)
def test_what_is_no_benchmark_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        benchmark_from_json(text)
