"""Does a row come out whole: measured here, measured in a process of its own, or refused?"""

import subprocess
import sys

import pytest
import torch

from batchnorm.bench import DIRECTIONS, LayerCase, NetCase, Settings, measure_layer, measure_step, run_benchmark
from batchnorm.bench import _run as run_module
from batchnorm.errors import InputError
from batchnorm.records import Benchmark, LayerRow, from_json, to_json

QUICK = Settings(route="native", net_route="native", rounds=1, warmup=1, threads=1, compiled=False)


@pytest.mark.parametrize(
    "case",
    [
        LayerCase("bn+act", (4, 3, 6, 6), "nchw"),
        LayerCase("bn+add+act", (4, 3, 6, 6), "channels_last", "bfloat16"),
        LayerCase("bn+act+pool", (4, 3, 7, 6), "channels_last"),
        LayerCase("bn+act", (40, 3), "nchw", "float64", "identity"),
    ],
    ids=str,
)
def test_a_row_has_every_direction_arm_and_error(case: LayerCase) -> None:
    row = measure_layer(case, QUICK, "untuned")
    assert isinstance(row, LayerRow)
    assert tuple(row.timings) == DIRECTIONS
    for arms in row.timings.values():
        assert set(arms) == {"ours", "native", "copy"}
        assert all(timing.median > 0 and timing.rounds == 1 for timing in arms.values())
    assert row.errors["ours"] == row.errors["native"]  # the native route is that very operator
    assert row.left_out == {"compile": "it was not asked for"}
    assert row.tensor_bytes == torch.Size(case.shape).numel() * {"float64": 8, "float32": 4, "bfloat16": 2}[case.dtype]
    assert set(row.floor_bytes) == set(DIRECTIONS)


def test_a_measurement_leaves_the_threads_and_the_random_numbers_alone() -> None:
    threads, state = torch.get_num_threads(), torch.random.get_rng_state()
    measure_layer(LayerCase("bn+act", (4, 3)), QUICK)
    measure_step(NetCase("ConvBNNet", 2, 1, 8), QUICK)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.random.get_rng_state(), state)


def test_what_a_route_cannot_compute_is_refused_with_its_reason(monkeypatch) -> None:
    from batchnorm.bench import _contenders

    def picky(*args: object, **options: object) -> torch.Tensor:
        raise RuntimeError("batch_norm: no kernel for this")

    monkeypatch.setattr(_contenders, "batch_norm", picky)
    with pytest.raises(InputError, match=r"^the route 'native' does not compute bn\+act 4x3 .*no kernel for this"):
        measure_layer(LayerCase("bn+act", (4, 3)), QUICK)


def test_without_a_compiler_that_arm_is_left_out_and_the_row_says_why(monkeypatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    compiled = Settings(route="native", net_route="native", rounds=1, warmup=1, threads=1, compiled=True)
    reason = {"compile": "there is no C++ compiler (no-such-compiler; CXX names another)"}
    assert measure_layer(LayerCase("bn+act", (4, 3)), compiled).left_out == reason
    assert measure_step(NetCase("ConvBNNet", 2, 1, 8), compiled).left_out == reason


def test_what_torch_compile_raises_is_a_result_and_no_failure(monkeypatch) -> None:
    from batchnorm.bench import _layer

    def broken(case: LayerCase) -> object:
        def forward(*_: object) -> torch.Tensor:
            raise NotImplementedError("\nno such loop\nmore")

        return forward

    monkeypatch.setattr(_layer, "compiler_missing", lambda: None)
    monkeypatch.setattr(_layer, "compiled", broken)
    row = measure_layer(LayerCase("bn+act", (4, 3)), Settings("native", rounds=1, warmup=1))
    assert row.left_out == {"compile": "torch.compile failed: NotImplementedError: no such loop"}


def test_a_step_row_has_every_kind_in_both_layouts_and_what_each_keeps() -> None:
    row = measure_step(NetCase("ConvBNNet", 2, 1, 8), QUICK)
    arms = {f"{kind} {layout}" for kind in ("ours", "torch", "none") for layout in ("nchw", "channels_last")}
    assert set(row.timings) == set(row.saved_bytes) == arms
    assert row.image == (1, 8, 8)
    # Without norms less is kept than with PyTorch's, which keep their inputs.
    assert row.saved_bytes["none nchw"] < row.saved_bytes["torch nchw"]


def test_a_benchmark_measures_each_row_in_fresh_processes_and_can_be_read_back() -> None:
    told: list[tuple[int, int, str]] = []
    case = LayerCase("bn+act", (4, 3, 6, 6))
    benchmark = run_benchmark([case], [], QUICK, lambda *what: told.append(what))
    assert [(row.shape, row.allocator) for row in benchmark.layers] == [
        ((4, 3, 6, 6), name) for name in ("tuned", "untuned")
    ]
    assert told == [(0, 2, f"{case}, tuned"), (1, 2, f"{case}, untuned"), (2, 2, "")]
    assert benchmark.conditions.threads == 1
    assert benchmark.conditions.swept_bytes == 2 * benchmark.conditions.cache_bytes
    assert benchmark.conditions.versions["torch"] == torch.__version__
    assert set(benchmark.conditions.allocators) == {"tuned", "untuned"}
    assert from_json(to_json(benchmark, lines=True), Benchmark) == benchmark


def test_a_refusal_comes_back_from_the_other_process() -> None:
    # composed refuses nothing, native nothing that a case can be: so the settings are changed behind their check.
    settings = Settings(route="native", rounds=1, warmup=1)
    object.__setattr__(settings, "route", "gone")
    with pytest.raises(InputError, match="route: expected a known name, got 'gone'"):
        run_benchmark([LayerCase("bn+act", (4, 3))], [], settings)


def test_a_process_that_dies_is_named_with_its_last_words(monkeypatch) -> None:
    def died(*args: object, **options: object) -> "subprocess.CompletedProcess[str]":
        return subprocess.CompletedProcess([sys.executable], -9, "", "first words\nlast words\n")

    monkeypatch.setattr(run_module.subprocess, "run", died)
    message = (
        r"bn\+act 4x3 .*, tuned: the measuring process failed \(signal 9; was the memory too small\?\): last words"
    )
    with pytest.raises(RuntimeError, match=message) as caught:
        run_benchmark([LayerCase("bn+act", (4, 3))], [], QUICK)
    assert caught.value.__notes__ == ["first words\nlast words\n"]
