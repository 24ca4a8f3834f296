"""Does the small picture of an effect stand where its numbers are, and say the same in words?"""

import re
from xml.etree import ElementTree as ET

import pytest

from batchnorm.report.figures import effect_svg
from batchnorm.report.figures._effect import effect_words


def places(svg: str) -> dict[str, list[float]]:
    """Where marks stand, in pixels from the left: dots, the diamond, the shaded region and the line of no effect."""
    root = ET.fromstring(svg)  # noqa: S314 # our own
    marks = root.findall(".//{*}path[@transform]")
    at = [
        (mark.get("fill"), float(re.match(r"translate\(([-\d.e]+)", mark.get("transform")).group(1))) for mark in marks
    ]
    shaded = next(path for path in root.iterfind(".//{*}path") if "--margin" in path.get("fill", ""))
    start, wide = (float(one) for one in re.match(r"M([-\d.e]+),0h([-\d.e]+)v", shaded.get("d")).groups())
    none = next(line for line in root.iterfind(".//{*}line") if "--faint" in line.get("stroke", ""))
    return {
        "dots": [x for fill, x in at if fill == "currentColor"],
        "effect": [x for fill, x in at if "--effect" in fill],
        "region": [start, start + wide],
        "none": [float(re.match(r"translate\(([-\d.e]+)", none.get("transform")).group(1))],
    }


def test_marks_stand_on_one_axis(claim, comparison) -> None:
    one = comparison(effect=3.0, interval=(2.0, 4.0), effects=(2.5, 3.5), margin=1.0)
    found = places(effect_svg(claim({"a": {}}, comparison=one)))
    # The axis reaches from 0 (no effect) to 4, with 0.06 of that at either end, over 160 pixels.
    x = [160 * (value + 0.24) / 4.48 for value in (2.5, 3.5, 3.0, 1.0, 0.0)]
    assert [*found["dots"], *found["effect"], found["region"][0], *found["none"]] == pytest.approx(x, abs=0.51)


def test_ratios_stand_on_a_logarithmic_axis(claim, comparison) -> None:
    one = comparison(scale="ratio", effect=4.0, interval=(2.0, 8.0), effects=(2.0, 8.0), margin=2.0)
    found = places(effect_svg(claim({"a": {}}, comparison=one)))
    assert found["effect"][0] == pytest.approx(sum(found["dots"]) / 2, abs=0.1)


@pytest.mark.parametrize(
    ("rule", "shaded"),
    [("greater", (1.0, 2.12)), ("less", (-2.12, -1.0)), ("equivalent", (-1.0, 1.0)), ("not worse", (-1.0, 2.12))],
)
def test_what_the_rule_asks_for_is_shaded(claim, comparison, rule, shaded) -> None:
    one = comparison(rule=rule, effect=0.0, interval=(-2.0, 2.0), effects=(-1.0, 1.0))
    low, high = (-2.24, 2.24)
    expected = [160 * (min(max(end, low), high) - low) / (high - low) for end in shaded]
    expected = [0.0 if shaded[0] == -2.12 else expected[0], 160.0 if shaded[1] == 2.12 else expected[1]]
    assert places(effect_svg(claim({"a": {}}, comparison=one)))["region"] == pytest.approx(expected, abs=0.1)


def test_an_effect_that_is_not_there_is_said(claim, comparison) -> None:
    one = comparison(effect=None, interval=None, effects=(None, None), problem="no seed has both arms")
    svg = effect_svg(claim({"a": {}}, comparison=one))
    assert "There is no effect to be shown: no seed has both arms." in svg


def test_words_are_escaped(claim, comparison) -> None:
    one = comparison(question="Is <script> & 'more' better?")
    svg = effect_svg(claim({"a": {}}, comparison=one))
    assert ET.fromstring(svg).get("aria-label").startswith("Is <script> & 'more' better? Effect 3 points")  # noqa: S314


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"rule": "greater", "margin": 1.5, "scale": "ratio"}, "asked for more than 1.5"),
        ({"rule": "less", "margin": 2.0, "scale": "ratio"}, "asked for less than 0.5"),
        ({"rule": "equivalent", "margin": 1.0}, "asked for -1 to 1"),
        ({"rule": "not worse", "margin": 0.5}, "asked for more than -0.5"),
    ],
)
def test_the_rule_is_said_in_the_unit(comparison, given, said) -> None:
    assert said in effect_words(comparison(**given))
