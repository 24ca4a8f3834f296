"""What a reader meets who opens the page of a study: figures, values at the pointer, both themes, a phone, paper."""

import csv
import io
import json
from contextlib import ExitStack

import pytest
from axe_playwright_python.sync_playwright import Axe

from batchnorm.records import from_json
from batchnorm.report import run_page, study_page
from batchnorm.report.page._fitted import LARGEST

from .chromium import PHONE, WIDE, chromium, opened
from .made_up_run import made_up_run
from .made_up_study import made_up_study

DRAWN = "[...document.querySelectorAll('.canvas')].filter((one) => one.querySelector('svg path')).length"


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """The page of all twelve claims, with every kind of figure."""
    path = tmp_path_factory.mktemp("page") / "report.html"
    study_page(*made_up_study(), path)
    return path


@pytest.fixture(scope="module")
def reader(browser, large):
    """The page as it is open before a reader, once for every size and theme; whoever changes it, changes it back."""
    seen = {}
    with ExitStack() as stack:

        def read(size=WIDE, theme="light"):
            if (size, theme) not in seen:
                seen[size, theme] = stack.enter_context(opened(browser, large, size, theme))
            return seen[size, theme]

        yield read


everywhere = pytest.mark.parametrize(
    ("size", "theme"), [(size, theme) for size in (WIDE, PHONE) for theme in ("light", "dark")]
)


def test_a_page_opens_without_an_error_and_draws_its_figure(browser, tmp_path) -> None:
    study_page(*made_up_study(1), tmp_path / "report.html")
    with opened(browser, tmp_path / "report.html") as one:
        assert (one.said, one.asked, one.page.evaluate(DRAWN)) == ([], [], 1)


@pytest.mark.slow
def test_twelve_claims_with_all_that_draws_them_have_at_most_two_megabytes(large) -> None:
    assert large.stat().st_size <= LARGEST == 2_000_000


@pytest.mark.slow
@everywhere
def test_every_figure_is_drawn_without_an_error_or_a_request(reader, size, theme) -> None:
    one = reader(size, theme)
    assert (one.said, one.asked, one.page.evaluate(DRAWN)) == ([], [], 12)


@pytest.mark.slow
@pytest.mark.parametrize("size", [WIDE, PHONE])
def test_the_page_is_as_wide_as_the_screen(reader, size) -> None:
    assert reader(size).page.evaluate("document.documentElement.scrollWidth") == size[0]


@pytest.mark.slow
def test_the_first_screen_shows_the_table_of_all_claims(reader) -> None:
    box = reader().page.locator("table.claims").first.bounding_box()
    assert box["y"] + box["height"] <= WIDE[1]


@pytest.mark.slow
@everywhere
def test_axe_finds_nothing_serious(reader, size, theme) -> None:
    found = Axe().run(reader(size, theme).page).response["violations"]
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    assert [f"{one['id']}: {one['nodes'][0]['html']}" for one in serious] == []


@pytest.mark.slow
def test_the_values_of_a_point_stand_at_the_pointer(reader) -> None:
    page = reader().page
    page.locator("figure").first.locator(".mark-symbol path").first.hover()
    assert "batch norm" in page.locator(".tip").inner_text()


@pytest.mark.slow
def test_a_button_of_the_legend_hides_an_arm_by_keyboard_and_shows_it_again(reader) -> None:
    page = reader().page
    figure = page.locator("figure", has=page.locator(".legend")).first
    lines = f"document.querySelectorAll('#{figure.get_attribute('id')} .canvas .mark-line path').length"
    before = page.evaluate(lines)
    figure.locator(".legend button").first.focus()
    for expected in (before - 1, before):
        page.keyboard.press("Enter")
        page.wait_for_function(f"{lines} === {expected}")


@pytest.mark.slow
def test_the_other_theme_is_a_click_away_and_redraws_the_figures(browser, large) -> None:
    with opened(browser, large) as one:
        one.page.get_by_role("button", name="Switch between light and dark").click()
        one.page.wait_for_function(
            "[...document.querySelectorAll('.canvas')].every((one) => one.dataset.drawn === 'dark')"
        )
        assert one.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 28)"


@pytest.mark.slow
def test_a_page_read_in_the_dark_is_printed_with_light_figures(reader) -> None:
    page = reader(theme="dark").page
    page.wait_for_function("document.querySelectorAll('.on-paper svg').length === 12")
    page.emulate_media(media="print", color_scheme="dark")
    shown = [page.locator(f"{kind} >> visible=true").count() for kind in (".on-paper", ".canvas")]
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.emulate_media(media="screen", color_scheme="dark")
    assert (shown, paper) == ([12, 0], "rgb(255, 255, 255)")


def saved(page, button: str) -> bytes:
    """What a click on the first such button hands out."""
    with page.expect_download() as download:
        page.locator(button).first.click()
    return download.value.path().read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "begins"), [("svg", b"<svg"), ("png", b"\x89PNG")])
def test_a_figure_can_be_saved_as_a_picture(reader, kind, begins) -> None:
    assert saved(reader().page, f"[data-save={kind}]").startswith(begins)


@pytest.mark.slow
def test_the_numbers_of_a_figure_can_be_saved(reader) -> None:
    rows = [*csv.DictReader(io.StringIO(saved(reader().page, "[data-save=csv]").decode()))]
    assert {"batch norm", "layer norm <b>"} <= {value for row in rows for value in row.values()}


@pytest.mark.slow
def test_the_records_can_be_saved_and_are_the_studys(reader) -> None:
    held = json.loads(saved(reader().page, "[data-records]"))
    assert from_json(json.dumps(held["record-study"])) == made_up_study()[0]


@pytest.mark.slow
def test_every_run_is_a_row_once_somebody_asks(reader) -> None:
    page = reader().page
    page.locator("[data-runs] summary").first.click()
    page.wait_for_function("document.querySelectorAll('[data-runs] tbody tr').length === 24")


@pytest.mark.slow
def test_the_keyboard_follows_the_link_of_a_claim(reader) -> None:
    page = reader(PHONE).page
    link = page.locator("table.claims a").nth(2)
    link.focus()
    page.keyboard.press("Enter")
    page.wait_for_function("location.hash.length > 1")
    assert page.url.endswith(link.get_attribute("href"))


@pytest.mark.slow
def test_the_page_can_be_printed(reader) -> None:
    assert reader().page.pdf(format="A4")[:4] == b"%PDF"


@pytest.mark.slow
@everywhere
def test_the_page_of_a_run_draws_all_without_an_error_and_axe_finds_nothing_serious(
    browser, tmp_path, size, theme
) -> None:
    run_page(made_up_run(classes=("<b>shoe</b>", "shirt")), tmp_path / "run.html")
    with opened(browser, tmp_path / "run.html", size, theme) as one:
        assert (one.said, one.asked, one.page.evaluate(DRAWN)) == ([], [], 2)
        assert one.page.evaluate("document.documentElement.scrollWidth") == size[0]
        found = Axe().run(one.page).response["violations"]
        assert [each["id"] for each in found if each["impact"] in ("serious", "critical")] == []
