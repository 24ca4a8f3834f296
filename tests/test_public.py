"""Is what `dir` and `__all__` list what is public, documented, and nothing else?"""

import importlib.util
import inspect
import pydoc
import subprocess
import sys
from pathlib import Path

import pytest

import batchnorm

ROOT = Path(__file__).parents[1]
SPEC = importlib.util.spec_from_file_location("write_api", ROOT / "tools" / "write_api.py")
write_api = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(write_api)

ROOMS = [*write_api.rooms()]
VERBS = ["evaluate", "fit", "fold", "predict", "recalibrate", "trace", "tune_allocator", "unfold"]


def test_the_rooms_are_those_that_are_described_to_whoever_asks_for_help() -> None:
    names = [room.__name__.partition(".")[2] for room in ROOMS[1:]]
    assert {"data", "functional", "models", "nn", "records", "runs", "statistics", "surgery", "training"} <= {*names}
    assert [name for name in names if name not in batchnorm.__doc__] == []


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.__name__)
def test_dir_lists_what_all_lists_and_all_of_it_is_there(room) -> None:
    assert dir(room) == sorted(set(room.__all__))
    assert [name for name in room.__all__ if not hasattr(room, name)] == []


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.__name__)
def test_every_public_name_says_what_it_is(room) -> None:
    names = [name for name in room.__all__ if not inspect.ismodule(getattr(room, name))]
    assert [name for name in names if not write_api.about(room, name)] == []


def test_the_page_of_the_docs_lists_it_all() -> None:
    stale = "docs/api.md is stale: python tools/write_api.py"
    assert (ROOT / "docs" / "api.md").read_text(encoding="utf-8") == write_api.page(), stale


@pytest.mark.parametrize("verb", VERBS)
def test_help_names_the_verb_and_shows_its_signature(verb: str) -> None:
    text = pydoc.render_doc(batchnorm, renderer=pydoc.plaintext)
    assert verb in text.partition("PACKAGE CONTENTS")[0]
    assert f"    {verb}(" in text


def test_what_is_no_name_of_the_package_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'batchnorm' has no attribute 'recalibrat'"):
        batchnorm.recalibrat  # noqa: B018  # asking is the test


def test_the_package_lists_its_names_before_it_imports_torch() -> None:
    code = "import sys, batchnorm; assert 'recalibrate' in dir(batchnorm); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("module", ["batchnorm", "batchnorm.nn", "batchnorm.runs"])
def test_a_star_brings_the_public_names_and_nothing_else(module: str) -> None:
    found: dict[str, object] = {}
    exec(f"from {module} import *", found)  # noqa: S102  # there is no star in a function
    assert {*found} - {"__builtins__"} == {*importlib.import_module(module).__all__}
