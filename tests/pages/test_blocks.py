"""Does every block of Python on README and the docs run when it is pasted, from the top of its page to the end?"""

import shlex
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from batchnorm.cli import main

from .blocks import PAGES, Block, blocks_of

BLOCKS = {page: blocks_of(page.read_text(encoding="utf-8")) for page in PAGES}


def pages_with(*, slow: bool) -> list[Path]:
    return [page for page in PAGES if any(("slow" in block.marks) == slow for block in to_run(page, slow=slow))]


def to_run(page: Path, *, slow: bool) -> list[Block]:
    left_out = {"not run"} if slow else {"not run", "slow"}
    return [block for block in BLOCKS[page] if not left_out & block.marks.keys()]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder to work in, whose modules can be imported; what a page sets for the process is put back."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    modules, threads = set(sys.modules), torch.get_num_threads()
    with torch.random.fork_rng():
        yield tmp_path
    torch.set_num_threads(threads)
    for name in set(sys.modules) - modules:
        if getattr(sys.modules[name], "__file__", None) == str(tmp_path / f"{name}.py"):
            del sys.modules[name]


def run(page: Path, blocks: list[Block], folder: Path) -> None:
    names: dict[str, object] = {"__name__": page.stem}
    for block in blocks:
        if name := block.marks.get("file"):
            (folder / name).write_text(block.code, encoding="utf-8")
        if command := block.marks.get("after"):
            assert main(shlex.split(command)[1:]) == 0
        code = compile("\n" * (block.line - 1) + block.code, page, "exec")  # a traceback has the page's lines
        with warnings.catch_warnings():
            if "warns" in block.marks:
                warnings.simplefilter("ignore")
            exec(code, names)  # noqa: S102  # our own page


@pytest.mark.parametrize("page", pages_with(slow=False), ids=lambda page: page.name)
def test_the_quick_blocks_of_a_page_run(page: Path, folder: Path) -> None:
    run(page, to_run(page, slow=False), folder)


@pytest.mark.slow
@pytest.mark.parametrize("page", pages_with(slow=True), ids=lambda page: page.name)
def test_all_blocks_of_a_page_with_slow_ones_run(page: Path, folder: Path) -> None:
    run(page, to_run(page, slow=True), folder)


def test_a_block_is_found_with_its_line_and_what_is_said_above_it() -> None:
    text = "a\n\n<!-- slow: a minute -->\n<!-- file: nets.py -->\n```python\nx = 1\n```\n\n```sh\nls\n```\n"
    assert blocks_of(text) == [Block(6, "x = 1\n", {"file": "nets.py", "slow": "a minute"})]


def test_a_block_that_fails_names_its_page_and_line(folder: Path) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        run(Path("page.md"), blocks_of("text\n\n```python\na = 1\na / 0\n```\n"), folder)
    last = caught.traceback[-1]
    assert (Path(last.path).name, last.lineno + 1) == ("page.md", 5)


def test_a_warning_is_an_error_unless_the_page_says_so(folder: Path) -> None:
    text = '```python\nimport warnings\nwarnings.warn("old", stacklevel=1)\n```\n'
    with pytest.raises(UserWarning, match="old"):
        run(Path("page.md"), blocks_of(text), folder)
    run(Path("page.md"), blocks_of(f"<!-- warns: it is old -->\n{text}"), folder)
