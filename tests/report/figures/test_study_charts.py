"""Does each figure of a claim show the numbers of its runs: every seed, what diverged, what was never measured?"""

import json
from dataclasses import replace

import pytest

from batchnorm.errors import InputError
from batchnorm.records import StudyFigure
from batchnorm.report.figures import study_charts

DOTS = StudyFigure("dots", "accuracy")
HTML = "<b>bold</b> & 'quoted'"


def test_every_seed_is_a_dot(claim, run, rows) -> None:
    made = [run("a", seed, {"accuracy": 80.0 + seed}) for seed in range(6)]
    (chart,) = study_charts(claim({"a": {}}, DOTS), made)
    assert sorted(row["value"] for row in rows(chart.spec, "seed")) == [80, 81, 82, 83, 84, 85]


def test_runs_of_searches_are_no_dots(claim, run, rows) -> None:
    made = [run("a", 0, {"accuracy": 80.0}), run("a", 1000, {"accuracy": 90.0}, searching=True)]
    (chart,) = study_charts(claim({"a": {}}, DOTS), made)
    assert [row["seed"] for row in rows(chart.spec, "seed")] == [0]


def test_an_arm_has_its_mean_with_the_interval(claim, run, rows) -> None:
    made = [run("a", seed, {"accuracy": value}) for seed, value in enumerate((1.0, 2.0, 3.0))]
    (chart,) = study_charts(claim({"a": {}}, DOTS), made)
    mean = rows(chart.spec, "low")[0]
    assert (mean["value"], mean["low"], mean["high"]) == pytest.approx(
        (2, 2 - 4.302653 / 3**0.5, 2 + 4.302653 / 3**0.5), abs=1e-4
    )


def test_an_arm_that_diverged_has_no_interval(claim, run, rows) -> None:
    made = [run("a", 0, {"accuracy": 10.0}, status="diverged", reason="nan"), run("a", 1, {"accuracy": 80.0})]
    (chart,) = study_charts(claim({"a": {}}, DOTS), made)
    assert rows(chart.spec, "low") == []


def test_what_diverged_is_counted_by_arm(claim, run) -> None:
    made = [run("a", 0, {"accuracy": None}, status="diverged", reason="nan"), run("a", 1, {"accuracy": 80.0})]
    (chart,) = study_charts(claim({"a": {}}, DOTS), made)
    assert "Diverged: a (1 of 2 seeds)." in chart.notes


def test_an_arm_without_any_number_says_why(claim, run, rows) -> None:
    made = [run("a", 0, {"accuracy": 80.0}), run("lost", 0, {"accuracy": None}, status="diverged", reason="nan")]
    (chart,) = study_charts(claim({"a": {}, "lost": {}}, DOTS), made)
    assert [(row["arm"], row["said"]) for row in rows(chart.spec, "said")] == [("lost", "diverged")]


def test_a_value_that_was_never_reached_is_a_bound(claim, run, rows) -> None:
    made = [run("a", 0, {"steps": 500.0, "steps censored": 1.0}), run("a", 1, {"steps": 80.0, "steps censored": 0.0})]
    (chart,) = study_charts(claim({"a": {}}, StudyFigure("dots", "steps")), made)
    assert [row["ending"] for row in rows(chart.spec, "seed")] == ["at least", "done"]


def test_derived_arms_are_drawn_by_seed(claim, run, rows) -> None:
    derived = {"width": {"decades": (1.5, 2.5)}}
    (chart,) = study_charts(claim({"a": {}}, StudyFigure("dots", "decades"), derived=derived), [run("a", 0)])
    found = [(row["arm"], row["seed"], row["value"]) for row in rows(chart.spec, "seed")]
    assert found == [("width", 0, 1.5), ("width", 1, 2.5)]


def test_a_figure_shows_the_arms_that_it_names_in_its_order(claim, run) -> None:
    made = [run(name, 0, {"accuracy": 1.0}) for name in "abc"]
    (chart,) = study_charts(claim({"a": {}, "b": {}, "c": {}}, StudyFigure("dots", "accuracy", arms=("c", "a"))), made)
    assert [row[0].text for row in chart.numbers.cells] == ["c", "a"]


def test_a_logarithmic_axis_says_what_it_cannot_show(claim, run) -> None:
    made = [run("a", 0, {"accuracy": 0.0}), run("a", 1, {"accuracy": 1.0})]
    (chart,) = study_charts(claim({"a": {}}, StudyFigure("dots", "accuracy", log_y=True)), made)
    assert "1 value of 0 or less do not stand on a logarithmic axis." in chart.notes


def test_a_figure_of_nothing_is_left_out(claim, run) -> None:
    figures = (
        StudyFigure(kind, "never", x="lr", y="depth")
        for kind in ("dots", "curves", "axis", "heatmap", "layers", "ridges")
    )
    assert study_charts(claim({"a": {"lr": 1, "depth": 5}}, *figures), [run("a", 0, {"accuracy": 1.0})]) == ()


def test_the_name_of_a_chart_leads_nowhere(claim, run) -> None:
    elsewhere = replace(claim({"a": {}}, DOTS), id="../../elsewhere/claim")
    (chart,) = study_charts(elsewhere, [run("a", 0, {"accuracy": 1.0})])
    assert chart.name == "-elsewhere-claim-1"


def test_an_unknown_kind_is_refused_with_those_that_are_known(claim) -> None:
    with pytest.raises(InputError, match=r"figures: expected kinds among 'dots', .*, got 'pie'"):
        study_charts(claim({"a": {}}, StudyFigure("pie", "accuracy")), [])


def test_an_axis_has_the_mean_of_each_group_and_place(claim, run, rows) -> None:
    arms = {f"{norm} {lr}": {"norm": norm, "lr": lr} for norm in ("batch", "none") for lr in (0.1, 1.0)}
    made = [
        run(name, seed, {"accuracy": 10 * options["lr"] + seed}, options=options)
        for name, options in arms.items()
        for seed in (0, 1)
    ]
    (chart,) = study_charts(claim(arms, StudyFigure("axis", "accuracy", x="lr", group="norm", log_x=True)), made)
    assert [(row["arm"], row["x"], row["mean"]) for row in rows(chart.spec, "mean")] == [
        ("batch", 0.1, 1.5),
        ("batch", 1.0, 10.5),
        ("none", 0.1, 1.5),
        ("none", 1.0, 10.5),
    ]


def test_an_axis_takes_the_rate_that_a_search_has_found(claim, run, rows) -> None:
    made = [run("a", 0, {"accuracy": 1.0}, options={"lr": 0.3})]
    (chart,) = study_charts(claim({"a": {"lr": "own"}}, StudyFigure("axis", "accuracy", x="lr")), made)
    assert [row["x"] for row in rows(chart.spec, "seed")] == [0.3]


def test_what_diverged_without_a_number_stands_on_an_axis_all_the_same(claim, run, rows) -> None:
    arms = {"a": {"lr": 0.1}, "b": {"lr": 9.0}}
    made = [
        run("a", 0, {"accuracy": 1.0}, options=arms["a"]),
        run("b", 0, {}, options=arms["b"], status="diverged", reason="inf"),
    ]
    (chart,) = study_charts(claim(arms, StudyFigure("axis", "accuracy", x="lr")), made)
    assert [(row["x"], row["reason"]) for row in rows(chart.spec, "reason")] == [(9.0, "inf")]


def test_a_cell_of_a_map_is_the_mean_and_counts_what_diverged(claim, run, rows) -> None:
    options = {"init": 0.1, "depth": 5}
    made = [
        run("a", 0, {"accuracy": 20.0}, options=options),
        run("a", 1, {"accuracy": 40.0}, options=options),
        run("a", 2, {"accuracy": None}, options=options, status="diverged", reason="nan"),
    ]
    (chart,) = study_charts(claim({"a": options}, StudyFigure("heatmap", "accuracy", x="init", y="depth")), made)
    (cell,) = rows(chart.spec, "said")
    assert (cell["mean"], cell["diverged"], cell["said"]) == (30.0, 1, "30.0\n\N{MULTIPLICATION SIGN}1")


def test_a_map_orders_numbers_by_their_size(claim, run) -> None:
    arms = {str(scale): {"init": scale, "depth": 5} for scale in (10, 0.1, 1)}
    made = [run(name, 0, {"accuracy": 1.0}, options=options) for name, options in arms.items()]
    (chart,) = study_charts(claim(arms, StudyFigure("heatmap", "accuracy", x="init", y="depth")), made)
    assert chart.spec["layer"][0]["encoding"]["x"]["sort"] == ["0.1", "1", "10"]


@pytest.mark.parametrize(
    "figure", [StudyFigure("axis", "accuracy", x="lr"), StudyFigure("heatmap", "accuracy", x="lr", y="depth")]
)
def test_arms_that_share_a_place_are_told_of(claim, run, figure) -> None:
    arms = {f"{norm}": {"norm": norm, "lr": 1.0, "depth": 5} for norm in ("batch", "none")}
    made = [run(name, 0, {"accuracy": 1.0}, options=options) for name, options in arms.items()]
    (chart,) = study_charts(claim(arms, figure), made)
    assert "Some means are over several arms, which differ in other options." in chart.notes


def test_panels_call_lines_by_what_differs_in_them(claim, run) -> None:
    arms = {f"{act} {depth}": {"act": act, "depth": depth} for act in ("relu", "tanh") for depth in (5, 20)}
    made = [run(name, 0, options=options, series={"gradient": [1, 2]}) for name, options in arms.items()]
    (chart,) = study_charts(claim(arms, StudyFigure("layers", "gradient", group="act")), made)
    assert chart.legend == ("depth 5", "depth 20")


def test_ridges_are_the_means_of_the_seeds_quantiles(claim, run, rows) -> None:
    made = [run("a", seed, series={"q": [[-2 - seed, -1, 0 + seed, 1, 2]], "step": [7]}) for seed in (0, 2)]
    (chart,) = study_charts(claim({"a": {}}, StudyFigure("ridges", "q", x="step")), made)
    (row,) = rows(chart.spec, "q50")
    assert [row[name] for name in ("x", "q5", "q25", "q50", "q75", "q95")] == [7, -3, -1, 1, 1, 2]


@pytest.mark.parametrize("kind", ["curves", "layers"])
def test_arms_can_be_hidden(claim, run, kind) -> None:
    made = [run(name, 0, series={"loss": [1, 2]}) for name in "ab"]
    (chart,) = study_charts(claim({"a": {}, "b": {}}, StudyFigure(kind, "loss")), made)
    assert chart.legend == ("a", "b")
    assert {"name": "hidden", "value": []} in chart.spec["params"]


def test_a_name_with_markup_is_data(claim, run, rows) -> None:
    made = [run(HTML, 0, {"accuracy": 1.0})]
    (chart,) = study_charts(claim({HTML: {}}, DOTS), made)
    assert [row["arm"] for row in rows(chart.spec, "seed")] == [HTML]


def test_a_figure_of_long_curves_is_small(claim, run) -> None:
    made = [run(f"arm {n}", seed, series={"loss": [0.123456789 + n] * 3000}) for n in range(4) for seed in (0, 1)]
    (chart,) = study_charts(claim({f"arm {n}": {} for n in range(4)}, StudyFigure("curves", "loss")), made)
    assert len(json.dumps(chart.spec)) < 80_000


def test_numbers_of_a_figure_are_its_rows(claim, run) -> None:
    made = [run("a", 3, {"accuracy": 80.125})]
    (chart,) = study_charts(claim({"a": {}}, DOTS), made)
    assert chart.numbers.csv().split() == ["arm,seed,value,ending,reason", "a,3,80.125,done,"]
