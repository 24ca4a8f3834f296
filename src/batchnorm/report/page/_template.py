"""How do values become one HTML file that needs nothing else, and in which no text becomes markup?"""

import gzip
import json
from base64 import b64encode
from collections.abc import Iterable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..figures import PALETTE, Chart, drawing_script, vega_config
from ._prose import prose

if TYPE_CHECKING:
    from jinja2 import Environment

_FOLDER = Path(__file__).parent / "templates"
_ARMS = len(PALETTE["light"])


def page_text(template: str, charts: Iterable[Chart], **values: Any) -> str:
    """Return a page as the text of an HTML file, all texts in it escaped.

    What draws the figures, how it all looks and the rules for the browser are in it: only our own script may run, and
    nothing is loaded from anywhere.

    Args:
        template: the name of a file beside `skeleton.html`.
        charts: the figures that stand in it.
        values: what else does.

    Raises:
        ImportError: what `batchnorm[report]` brings is not installed.
    """
    script = _read("page.js")
    return (
        _environment()
        .get_template(template)
        .render(
            policy=_policy(script),
            style=_safe(f"{_read('style.css')}:root {{ {_arm_colours()} }}"),
            drawing=_drawing(),
            figures=_packed(json.dumps({chart.name: chart.spec for chart in charts}, separators=(",", ":"))),
            script=_safe(script),
            themes={theme: vega_config(theme) for theme in ("light", "dark")},
            arms=_ARMS,
            **values,
        )
    )


def json_inside(value: Any) -> str:
    r"""Return a value as JSON that can stand inside a `<script>`, whatever its texts say.

    Example:
        >>> json_inside("</script>")
        '"\\u003c/script\\u003e"'
    """
    text = value if isinstance(value, _Written) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for letter in "<>&\u2028\u2029\ufeff":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    try:
        text.encode()
    except UnicodeEncodeError:  # half a pair of surrogates, such as in the name of a file that is not UTF-8
        text = json.dumps(json.loads(text)).replace("<", "\\u003c")
    return text


class _Written(str):
    """A text that is JSON already."""

    __slots__ = ()


def written_json(text: str) -> str:
    """Return JSON that a page is to hold as it is."""
    return _Written(text)


@cache
def _environment() -> "Environment":
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ImportError as error:
        raise ImportError(
            f"report: expected jinja2, which cannot be imported ({error}). Install it: pip install 'batchnorm[report]'"
        ) from error
    environment = Environment(
        autoescape=True,
        loader=FileSystemLoader(_FOLDER),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["json"] = lambda value: _safe(json_inside(value))
    environment.filters["picture"] = _safe
    environment.filters["prose"] = lambda text: _safe(prose(text))
    return environment


def _safe(text: str) -> Any:
    from markupsafe import Markup

    return Markup(text)  # noqa: S704  # our own files, or escaped where it was made


@cache
def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


@cache
def _drawing() -> str:
    """What draws: 0.4 MB of a page instead of 0.9."""
    return _packed(drawing_script())


def _packed(text: str) -> str:
    """A text as base64 of gzip, which the page unpacks; the same bytes each time."""
    return b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def _arm_colours() -> str:
    pairs = zip(PALETTE["light"], PALETTE["dark"], strict=True)
    return " ".join(f"--arm-{n}: light-dark({light}, {dark});" for n, (light, dark) in enumerate(pairs, 1))


def _policy(script: str) -> str:
    """Our script by its sum, which may unpack what draws and compile what figures compute; pictures made of figures."""
    digest = b64encode(sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}' 'unsafe-eval'; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
