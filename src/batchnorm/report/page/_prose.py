"""How does a sentence of a claim become HTML: code in backticks, and papers as links?"""

import re
from html import escape

_CODE = re.compile(r"`([^`\n]+)`")
_ARXIV = re.compile(r"(?:arXiv[: ]\s*)?\b(\d{4}\.\d{5})\b")


def prose(text: str) -> str:
    """Return a text escaped, what stands in backticks as code, and the number of a paper on arXiv as a link to it.

    Example:
        >>> prose("`momentum` <b> (arXiv:1502.03167)")
        '<code>momentum</code> &lt;b&gt; (<a href="https://arxiv.org/abs/1502.03167">arXiv:1502.03167</a>)'
    """
    parts = _CODE.split(text)
    return "".join(f"<code>{escape(part)}</code>" if n % 2 else _linked(part) for n, part in enumerate(parts))


def _linked(text: str) -> str:
    return _ARXIV.sub(r'<a href="https://arxiv.org/abs/\1">arXiv:\1</a>', escape(text))
