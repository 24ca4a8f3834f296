"""Is every recipe one that `batchnorm train --config` takes?"""

from pathlib import Path

import pytest

from batchnorm.runs import read_config

RECIPES = sorted((Path(__file__).parents[1] / "recipes").glob("*.toml"))


def test_there_are_recipes() -> None:
    assert RECIPES


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_is_a_config(path: Path) -> None:
    assert read_config(path).epochs >= 1
