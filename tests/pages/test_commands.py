"""Is every command on README and the docs one that the command line takes?"""

from pathlib import Path

import pytest

from batchnorm.cli._main import COMMANDS, read_arguments
from batchnorm.runs import RunFolder, TrainConfig

from .blocks import PAGES, ROOT, commands_of, mentions_of

TEXTS = {page: page.read_text(encoding="utf-8") for page in PAGES}


def parametrized(find) -> pytest.MarkDecorator:
    cases = sorted({(page.name, *words) for page, text in TEXTS.items() for words in find(text)})
    return pytest.mark.parametrize("words", [case[1:] for case in cases], ids=[" ".join(case) for case in cases])


@pytest.fixture(autouse=True)
def _where_the_files_are_that_options_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("recipes").symlink_to(ROOT / "recipes")
    with RunFolder(Path("runs/first")).created(TrainConfig(model="ConvBNNet")):
        pass


@parametrized(commands_of)
def test_a_command_is_read_without_a_mistake(words: tuple[str, ...]) -> None:
    if words[-1] == "--help":
        with pytest.raises(SystemExit, match=r"^0$"):
            read_arguments(list(words))
    else:
        assert read_arguments(list(words))


@parametrized(mentions_of)
def test_a_command_that_is_mentioned_exists_with_its_options(words: tuple[str, ...], capsys) -> None:
    assert words[0] in COMMANDS
    names = [word for word in words[:2] if not word.startswith("-")] if words[0] in ("data", "study") else words[:1]
    with pytest.raises(SystemExit, match=r"^0$"):
        read_arguments([*names, "--help"])
    said = capsys.readouterr().out
    assert [word for word in words if word.startswith("--") and word not in said] == []


def test_commands_are_found_in_blocks_and_without_their_comments() -> None:
    text = "batchnorm is a library\n\n    batchnorm evaluate x  # why\n    make demo\n\n```sh\nbatchnorm info\n```\n"
    assert commands_of(text) == [["info"], ["evaluate", "x"]]


def test_every_page_with_commands_is_read() -> None:
    assert {page.name for page, text in TEXTS.items() if commands_of(text)} >= {
        "README.md",
        "training.md",
        "folding.md",
    }


def test_an_option_that_is_misspelt_is_found(capsys) -> None:
    with pytest.raises(SystemExit, match=r"^2$"):
        read_arguments(commands_of("    batchnorm train --epoch 3\n")[0])
