from pathlib import Path

from batchnorm.functional import route_table

PAGE = Path(__file__).parents[2] / "docs" / "layers.md"


def test_the_page_has_the_table_of_routes_as_it_is():
    assert route_table() in PAGE.read_text(encoding="utf-8")
