"""How do tests open a page in a real browser, and what do they hear of it?"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
WIDE, PHONE = (1400, 1000), (360, 740)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's browser, which has to be there: a page that nobody has opened is not tested."""
    assert CHROMIUM.exists(), f"expected {CHROMIUM}, which draws the pages in these tests: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Opened:
    """A page in the browser, what its console said, and what it asked for beyond itself."""

    page: Page
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


@contextmanager
def opened(browser: Browser, path: Path, size: tuple[int, int] = WIDE, theme: str = "light") -> Iterator[Opened]:
    """Open a file as a reader does, without a network, and wait until all its figures are drawn."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=theme, offline=True, accept_downloads=True
    )
    page = context.new_page()
    one = Opened(page)
    page.on("console", lambda message: one.said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: one.said.append(str(error)))
    page.on("request", lambda request: one.asked.append(request.url) if request.url != path.as_uri() else None)
    page.goto(path.as_uri())
    page.wait_for_function("document.documentElement.dataset.drawn === 'all'", timeout=60_000)
    yield one
    context.close()
