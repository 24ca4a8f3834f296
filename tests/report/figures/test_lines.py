"""Is a line the mean of the seeds at each place, its band their range, and nothing left out in silence?"""

import numpy as np
import pytest

from batchnorm.report.figures._lines import MOST_PLACES, lines


def test_a_place_is_mean_and_range_over_seeds(claim, run) -> None:
    made = [run("a", seed, series={"loss": [3.0 + seed, 1.0 + 2 * seed], "step": [10, 20]}) for seed in (0, 1)]
    (line,) = lines(claim({"a": {}}), made, "loss", "step", log=False)
    assert [(place.x, place.mean, place.low, place.high, place.seeds) for place in line.places] == [
        (10, 3.5, 3.0, 4.0, 2),
        (20, 2.0, 1.0, 3.0, 2),
    ]


def test_without_an_axis_places_are_counted_from_1(claim, run) -> None:
    (line,) = lines(claim({"a": {}}), [run("a", 0, series={"gradient": [5, 6, 7]})], "gradient", None, log=False)
    assert [place.x for place in line.places] == [1, 2, 3]


def test_a_shorter_run_counts_as_far_as_it_goes(claim, run) -> None:
    made = [run("a", 0, series={"loss": [1, 2, 3]}), run("a", 1, series={"loss": [3]}, status="diverged")]
    (line,) = lines(claim({"a": {}}), made, "loss", None, log=False)
    assert [(place.mean, place.seeds) for place in line.places] == [(2, 2), (2, 1), (3, 1)]


def test_what_is_no_number_is_left_out_of_its_place(claim, run) -> None:
    made = [run("a", 0, series={"loss": [1.0, None]}), run("a", 1, series={"loss": [3.0, 5.0]})]
    (line,) = lines(claim({"a": {}}), made, "loss", None, log=False)
    assert [(place.mean, place.seeds) for place in line.places] == [(2, 2), (5, 1)]


def test_a_logarithmic_axis_counts_what_it_cannot_show(claim, run) -> None:
    (line,) = lines(claim({"a": {}}), [run("a", 0, series={"loss": [1.0, 0.0, -2.0, 4.0]})], "loss", None, log=True)
    assert ([place.mean for place in line.places], line.off) == ([1.0, 4.0], 2)


def test_a_long_series_is_drawn_by_means_of_neighbours(claim, run) -> None:
    values = np.random.default_rng(0).normal(size=4 * MOST_PLACES)
    made = [run("a", 0, series={"loss": values.tolist(), "step": [*range(len(values))]})]
    (line,) = lines(claim({"a": {}}), made, "loss", "step", log=False)
    assert [place.mean for place in line.places] == pytest.approx(values.reshape(-1, 4).mean(1), rel=1e-4)


def test_runs_of_searches_are_left_out(claim, run) -> None:
    made = [run("a", 0, series={"loss": [1]}), run("a", 1000, series={"loss": [9]}, searching=True)]
    (line,) = lines(claim({"a": {}}), made, "loss", None, log=False)
    assert line.places[0].mean == 1
