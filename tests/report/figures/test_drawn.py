"""Does a chart become a picture: alone in a file, in both themes, with its legend, no name taken for markup?"""

import builtins
import copy
from xml.etree import ElementTree as ET

import pytest
import vl_convert
from PIL import Image

from batchnorm.records import StudyFigure
from batchnorm.report.figures import (
    chart_png,
    chart_svg,
    study_charts,
    vega_config,
    write_charts,
)
from batchnorm.report.figures._missing import needed

KINDS = {
    "dots": StudyFigure("dots", "accuracy"),
    "curves": StudyFigure("curves", "loss", log_y=True),
    "axis": StudyFigure("axis", "accuracy", x="lr", group="norm", log_x=True),
    "heatmap": StudyFigure("heatmap", "accuracy", x="lr", y="depth", group="norm"),
    "layers": StudyFigure("layers", "loss", group="norm"),
    "ridges": StudyFigure("ridges", "quantiles"),
}
HTML = "<b>bold</b> & 'quoted'"
ARMS = {"plain": {"norm": "none", "lr": 0.1, "depth": 5}, HTML: {"norm": HTML, "lr": 1.0, "depth": 20}}


@pytest.fixture(scope="module")
def charts(claim, run):
    """A chart of each kind, of two arms."""
    runs = [
        run(
            name,
            seed,
            {"accuracy": 80.0 + seed},
            options=options,
            series={"loss": [3.0, 2.0 + seed], "quantiles": [[-2, -1, 0, 1, 2]] * 3},
        )
        for name, options in ARMS.items()
        for seed in (0, 1)
    ]
    found = study_charts(claim(ARMS, *KINDS.values()), runs)
    return dict(zip(KINDS, found, strict=True))


@pytest.mark.parametrize(("kind", "theme"), [*zip(KINDS, ("light", "dark") * 3, strict=True)])
def test_every_kind_is_drawn_as_well_formed_svg(charts, kind, theme) -> None:
    root = ET.fromstring(chart_svg(charts[kind], theme))  # noqa: S314 # our own
    assert len(root.findall(".//{*}path")) > 5


@pytest.mark.parametrize("kind", KINDS)
def test_vega_lite_has_nothing_to_warn_of(charts, kind, capfd) -> None:
    vl_convert.vegalite_to_vega(charts[kind].spec, show_warnings=True)
    assert capfd.readouterr() == ("", "")


def test_a_picture_alone_has_title_and_legend(charts) -> None:
    texts = [text.text for text in ET.fromstring(chart_svg(charts["curves"])).iterfind(".//{*}text")]  # noqa: S314
    assert {"A made-up claim", "plain", HTML} <= set(texts)


def test_a_logarithmic_axis_of_less_than_a_decade_has_its_ticks_named(claim, run) -> None:
    made = [run("a", 0, {"growth": 71.7}, options={"layers": 5}), run("a", 1, {"growth": 90.6}, options={"layers": 50})]
    (chart,) = study_charts(claim({"a": {}}, StudyFigure("axis", "growth", x="layers", log_y=True)), made)
    texts = {text.text for text in ET.fromstring(chart_svg(chart)).iterfind(".//{*}text")}  # noqa: S314
    assert {"74", "80", "90"} <= texts


def test_panels_of_an_odd_number_have_axes_of_their_own(claim, run) -> None:
    made = [run(name, 0, series={"q": [[-2, -1, 0, 1, 2]] * 2}) for name in "abc"]
    (chart,) = study_charts(claim({"a": {}, "b": {}, "c": {}}, StudyFigure("ridges", "q", x_title="when")), made)
    texts = [text.text for text in ET.fromstring(chart_svg(chart)).iterfind(".//{*}text")]  # noqa: S314
    assert texts.count("when") == 3


def test_what_is_hidden_is_not_drawn(charts) -> None:
    def marks(hidden: list[str]) -> int:
        spec = copy.deepcopy(charts["curves"].spec)
        spec["params"][0]["value"] = hidden
        root = ET.fromstring(vl_convert.vegalite_to_svg(spec, config=vega_config("light")))  # noqa: S314
        return len(root.findall(".//{*}g[@class='mark-symbol role-mark layer_2_marks']/{*}path"))

    assert (marks([]), marks(["plain"]), marks(["plain", HTML])) == (4, 2, 0)


def test_a_dark_picture_has_dark_paper(charts, tmp_path) -> None:
    (tmp_path / "dark.png").write_bytes(chart_png(charts["dots"], "dark", scale=1))
    with Image.open(tmp_path / "dark.png") as picture:
        assert picture.convert("RGBA").getpixel((2, 2)) == (0x17, 0x19, 0x1D, 255)


def test_a_picture_is_as_wide_as_it_is_wanted(charts, tmp_path) -> None:
    (tmp_path / "small.png").write_bytes(chart_png(charts["dots"], width=328, scale=2))
    with Image.open(tmp_path / "small.png") as picture:
        assert picture.width == 656


def test_charts_are_written_as_pictures_and_numbers(charts, tmp_path) -> None:
    written = write_charts([charts["dots"]], tmp_path / "new" / "folder")
    assert [path.name for path in written] == ["made-up-1.svg", "made-up-1.png", "made-up-1.csv"]
    assert (tmp_path / "new" / "folder" / "made-up-1.csv").read_text().startswith("arm,seed,value")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colours_of_lines_can_be_seen_on_their_paper(theme) -> None:
    config = vega_config(theme)
    paper = {"light": "#ffffff", "dark": "#17191d"}[theme]
    assert min(contrast(colour, paper) for colour in config["range"]["category"]) >= 3


def contrast(one: str, other: str) -> float:
    """The contrast of two colours by WCAG 2.2, (L1 + 0.05) / (L2 + 0.05)."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(("module", "name"), [("altair", "altair"), ("vl_convert", "vl-convert")])
def test_what_is_not_installed_is_said_with_what_installs_it(module, name, monkeypatch) -> None:
    def missing(wanted: str, *_: object, **__: object) -> object:
        raise ImportError(f"No module named {wanted!r}")

    monkeypatch.setattr("batchnorm.report.figures._missing.import_module", missing)
    with pytest.raises(ImportError, match=rf"expected {name}, .* pip install 'batchnorm\[report\]'"):
        needed(module, name)


def test_the_room_opens_without_what_draws(monkeypatch) -> None:
    import importlib
    import sys

    real = builtins.__import__

    def without(name: str, *others: object) -> object:
        if name.partition(".")[0] in ("altair", "vl_convert", "scipy"):
            raise ImportError(name)
        return real(name, *others)

    for name in [name for name in sys.modules if name.startswith("batchnorm.report.figures")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without)
    assert importlib.import_module("batchnorm.report.figures").vega_config("light")
