"""Do the pages say what the benchmark holds? In conftest's, ours takes 10 ms, a copy 3; the floor is 7/3."""

from dataclasses import replace

import pytest

from batchnorm.records import Benchmark, layer_table, step_table, summary_table, with_spread
from batchnorm.report import benchmark_page, speed_section
from batchnorm.tables import Table


def headings(table: Table) -> list[str]:
    return [column.heading for column in table.columns]


def lines(table: Table) -> list[tuple[str, ...]]:
    return [tuple(cell.text for cell in row) for row in table.cells]


def tuned(benchmark):
    return [row for row in benchmark.layers if row.allocator == "tuned"]


def test_a_line_has_milliseconds_with_quartiles_ratios_floor_and_errors(benchmark) -> None:
    table = layer_table(tuned(benchmark)[:1], "both", with_spread)
    line = dict(zip(headings(table), lines(table)[0], strict=True))
    assert line == {
        "norm": "BN+ReLU",
        "shape": "32x64x112x112",
        "layout": "NCHW",
        "ours, ms": "10.0 (9.00 … 11.0)",
        "native, ms": "40.0 (36.0 … 44.0)",
        "copy, ms": "3.00 (2.70 … 3.30)",
        "native / ours": "4.00",
        "ours / copy": "3.33",
        "floor / copy (streamed)": "2.33 (1.67)",  # 7000 and 5000 bytes against 3 passes over 1000
        "over the floor": "1.43",  # 10/3 over 7/3
        "error, ours / native": "1.0e-06 / 4.0e-06",
        "dx error, ours / native": "2.0e-06 / 5.0e-06",
    }


def test_evaluation_has_its_own_error_and_no_gradient(benchmark) -> None:
    table = layer_table(tuned(benchmark)[:1], "evaluation", with_spread)
    assert headings(table)[-1] == "error, ours / native"
    assert lines(table)[0][-1] == "3.0e-06 / 6.0e-06"


def test_an_arm_that_only_some_rows_have_is_a_dash_in_the_others(benchmark) -> None:
    first, second = tuned(benchmark)[:2]
    arms = first.timings["both"]
    compiled = replace(first, timings={"both": {**arms, "compile": arms["native"]}})
    table = layer_table([compiled, second], "both", with_spread)
    column = headings(table).index("compile, ms")
    assert [line[column] for line in lines(table)] == ["40.0 (36.0 … 44.0)", "–"]  # noqa: RUF001


def test_few_rows_show_every_direction_and_allocator(benchmark) -> None:
    one = tuple(row for row in benchmark.layers if row.shape == (32, 64, 112, 112))
    found = lines(Benchmark(benchmark.conditions, one, ()).table())
    assert [line[:3] for line in found[:5]] == [
        ("NCHW", "tuned", "forward"),
        ("NCHW", "tuned", "backward"),
        ("NCHW", "tuned", "both"),
        ("NCHW", "tuned", "evaluation"),
        ("NCHW", "untuned", "forward"),
    ]
    assert len(found) == 16
    assert found[0][3] == "10.0 ±1.0"


def test_the_summary_is_the_geometric_mean_over_the_shapes_with_both_ends(benchmark) -> None:
    found = {line[:2]: line[2:] for line in lines(summary_table(tuned(benchmark)))}
    # sqrt(4 * 1), sqrt(2 * 2), and of all four
    assert found["BN+ReLU", "NCHW"][:4] == ("2", "2.00", "1.00 at 128x16x28x28", "4.00 at 32x64x112x112")
    assert found["BN+ReLU", "channels_last"][:2] == ("2", "2.00")
    assert found["BN+ReLU", "both"][:2] == ("4", "2.00")
    assert found["BN+ReLU+pool", "channels_last"][:2] == ("1", "6.00")
    assert ("BN+ReLU+pool", "both") not in found  # it was measured in one


def test_a_step_s_line_has_both_layouts_the_ratio_to_ours_and_what_is_kept(benchmark) -> None:
    found = {line[1:3]: line[3:] for line in lines(step_table(benchmark.steps, with_spread))}
    assert found["tuned", "plain PyTorch"] == ("50.0 (45.0 … 55.0)", "30.0 (27.0 … 33.0)", "1.50", "6.0")
    assert found["tuned", "this library"][2:] == ("1.00", "3.0")
    assert found["untuned", "torch.compile of it"] == ("140 (126 … 154)", "120 (108 … 132)", "3.00", "–")  # noqa: RUF001


def test_the_page_names_conditions_every_direction_and_what_was_left_out(benchmark) -> None:
    page = benchmark_page(benchmark)
    assert "- versions: batchnorm 1.2.3, python 3.11.7, torch 2.13.0" in page
    assert (
        "A Processor, 4 processors, 2 threads in every arm, last-level cache 32.0 MiB; load before the start 0.25"
        in page
    )
    assert "n = 9 of every arm after 3 for warming up" in page
    assert "- method: in turn (64.0 MiB)" in page
    assert "- untuned allocator: as it starts" in page
    for title in ("Training, forward and backward", "Training, forward", "Training, backward", "Evaluation, forward"):
        for allocator in ("tuned", "untuned"):
            assert page.count(f"## {title}, {allocator} allocator\n") == 1
    assert page.endswith("## Left out\n\n- compile: there is no C++ compiler\n")


def test_a_net_is_compared_with_its_best_its_plainest_and_its_normless_form(benchmark) -> None:
    sentence = (
        "ConvBNNet with this library: 1.50 times as fast as plain PyTorch in its best layout (channels_last), "
        # 2 * 50 ms with the untuned allocator against 20
        "5.00 times as fast as PyTorch in NCHW with the allocator as it starts, "
        "0.80 times the step of the same net without norms. It keeps 50 % of plain PyTorch's bytes for backward."
    )
    assert sentence in benchmark_page(benchmark)


def test_the_readme_s_section_is_one_table_of_steps_with_its_conditions_and_links(benchmark) -> None:
    section = speed_section(benchmark, "docs/images/speed.svg")
    assert "Medians of 9 rounds in turn on a CPU (A Processor, 2 threads; python 3.11.7, torch 2.13.0)" in section
    assert "| BN+ReLU" not in section
    assert "](docs/images/speed.svg)" in section
    assert "](benchmarks/results/bench.md)" in section
    assert "| ConvBNNet, 128 images 1x28x28 | 20.0 | 30.0 | 60.0 | 25.0 |" in section


def test_a_benchmark_without_steps_or_without_layers_has_a_page_too(benchmark) -> None:
    layers, steps = replace(benchmark, steps=()), replace(benchmark, layers=())
    assert "Whole training steps" not in benchmark_page(layers)
    assert "|" not in speed_section(layers, "speed.svg")
    assert "In short" not in benchmark_page(steps)
    assert "speed.svg" not in speed_section(steps, "speed.svg")


def test_at_a_terminal_a_benchmark_fits_80_columns(benchmark) -> None:
    assert max(map(len, "\n".join(table.text(80) for table in benchmark.tables().values()).splitlines())) <= 80


@pytest.mark.parametrize("page", [benchmark_page, lambda benchmark: speed_section(benchmark, "speed.svg")])
def test_every_table_has_as_many_cells_in_every_line(benchmark, page) -> None:
    tables = [block.splitlines() for block in page(benchmark).split("\n\n") if block.startswith("|")]
    assert tables
    for table in tables:
        assert len({line.count("|") for line in table}) == 1
