"""A page as tests look at it without a browser."""

from html.parser import HTMLParser


class Page(HTMLParser):
    """A page taken apart: its elements with their attributes, its scripts with their text, and the text to be read."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.scripts: list[tuple[dict[str, str], str]] = []
        self.style = self.words = self.inside = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs) -> None:
        self.inside = tag
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag == "script":
            self.scripts.append((dict(attrs), ""))

    def handle_endtag(self, tag) -> None:
        self.inside = ""

    def handle_data(self, data) -> None:
        if self.inside == "script":
            attributes, text = self.scripts.pop()
            self.scripts.append((attributes, text + data))
        elif self.inside == "style":
            self.style += data
        else:
            self.words += data

    @property
    def records(self) -> dict[str, str]:
        return {attributes["id"]: text for attributes, text in self.scripts if "data-record" in attributes}
