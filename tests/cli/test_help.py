import io
import sys
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import get_type_hints

import pytest

from batchnorm.cli import _main
from batchnorm.cli._help import SWITCHED_OFF

COMMANDS = [
    *(
        ["train"],
        ["lr-find"],
        ["evaluate"],
        ["recalibrate"],
        ["predict"],
        ["info"],
        ["data", "list"],
        ["data", "fetch"],
    ),
    *(["data", "cache", "list"], ["data", "cache", "clear"]),
    *(["bench"], ["warmup"], ["fold"], ["unfold"], ["convert"], ["wiring"], ["plot"], ["report"]),
    *(["study", "run"], ["study", "list"]),
]
GROUPS = [list(group) for group in _main.GROUPS]
# A terminal over the whole height of a screen of 1,080 pixels has some 56 lines. A command with more options than that
# has a line for each.
SCREEN_LINES, SCREEN_COLUMNS = 56, 100


def kind_of(command: list[str]) -> type:
    """The dataclass of a command."""
    *group, name = command
    return _main.GROUPS[tuple(group)][name]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_fits_one_screen_and_has_an_example(batchnorm, monkeypatch, command: list[str]) -> None:
    monkeypatch.setenv("COLUMNS", str(SCREEN_COLUMNS))
    said = batchnorm(*command, "--help")
    lines = said.out.splitlines()
    assert said.code == 0
    assert len(lines) <= max(SCREEN_LINES, 10 + sum(" --" in line for line in lines))
    assert max(map(len, lines)) <= SCREEN_COLUMNS
    assert f"Example: batchnorm {' '.join(command)}" in said.out


@pytest.mark.parametrize("command", [*GROUPS, *COMMANDS], ids=" ".join)
def test_help_has_no_line_beyond_80_columns_and_no_row_without_words(monkeypatch, command: list[str]) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    # tyro draws its frame where the encoding has this very name, which pytest's own stream spells otherwise.
    with io.TextIOWrapper(io.BytesIO(), encoding="utf-8") as screen:
        monkeypatch.setattr(sys, "stdout", screen)
        assert _main.main([*command, "--help"]) == 0
        lines = screen.buffer.getvalue().decode().splitlines()
    assert max(map(len, lines)) <= 80
    assert any("│" in line for line in lines) == (command not in GROUPS)
    assert [line for line in lines if line.startswith("│") and not line.strip("│ ")] == []


def flags_that_are_on(kind: type) -> Iterator[str]:
    """The names of a command's boolean options that default to True, those of nested options too."""
    hints = get_type_hints(kind)
    for entry in fields(kind):
        if is_dataclass(hints[entry.name]):
            yield from flags_that_are_on(hints[entry.name])
        elif entry.default is True:
            yield entry.name


@pytest.mark.parametrize(
    ("command", "flag"),
    [(command, flag) for command in COMMANDS for flag in flags_that_are_on(kind_of(command))],
)
def test_the_help_of_a_switched_off_flag_says_what_it_does(batchnorm, monkeypatch, command, flag: str) -> None:
    monkeypatch.setenv("COLUMNS", str(SCREEN_COLUMNS))
    option = f"--no-{flag.replace('_', '-')}"
    (line,) = [line for line in batchnorm(*command, "--help").out.splitlines() if option in line]
    assert SWITCHED_OFF[flag] in " ".join(line.split())
    assert "True" not in line


def test_a_flag_that_a_file_switched_off_says_what_switching_it_on_does(batchnorm, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("COLUMNS", str(SCREEN_COLUMNS))
    (tmp_path / "c.toml").write_text("flip = false\n")
    said = batchnorm("train", "--config", "c.toml", "--help").out
    assert "--flip " in said
    assert SWITCHED_OFF["flip"] not in said


def test_the_help_names_every_route(batchnorm, monkeypatch) -> None:
    from batchnorm.functional import ROUTES

    monkeypatch.setenv("COLUMNS", str(SCREEN_COLUMNS))
    assert f"auto, {', '.join(ROUTES)} (default: auto)" in batchnorm("train", "--help").out


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_the_bare_command_lists_all_commands(batchnorm, arguments: list[str]) -> None:
    said = batchnorm(*arguments)
    assert said.code == 0
    assert all(command[0] in said.out for command in COMMANDS)


def test_the_version_is_said_with_torch_s(batchnorm) -> None:
    from importlib.metadata import version

    from batchnorm import __version__

    said = batchnorm("--version")
    assert (said.code, said.out) == (0, f"batchnorm {__version__}, torch {version('torch')}\n")
    assert "--version" in batchnorm("--help").out


@pytest.mark.parametrize("option", ["--config", "--resume"])
def test_an_option_without_its_value_is_one_message(batchnorm, option: str) -> None:
    said = batchnorm("train", option)
    assert said.code == 2
    assert said.err.count(option) == 1
    assert "usage:" not in said.err


def test_the_examples_in_the_help_texts_are_read_without_a_mistake() -> None:
    """Each example is parsed by the parser of its command (not run)."""
    from batchnorm.cli._main import read_arguments

    examples = [
        line.split("batchnorm ", 1)[1].split()
        for commands in _main.GROUPS.values()
        for kind in commands.values()
        for line in (kind.__doc__ or "").splitlines()
        if line.strip().startswith("Example:")
    ]
    assert len(examples) >= len(COMMANDS)
    for example in examples:
        assert read_arguments(example)


@pytest.mark.parametrize(
    ("arguments", "near"),
    [
        (["trian"], "train, lr-find, evaluate, recalibrate, fold, unfold, predict"),
        (["data", "lst"], "list, fetch"),
        (["data", "cache", "clea"], "clear"),
        (["train", "--epoch", "3"], "--epochs INT"),
        (["evaluate", "x", "--batchsize", "3"], "--batch-size"),
    ],
)
def test_a_misspelt_word_is_refused_and_the_near_one_named(
    batchnorm, monkeypatch, arguments: list[str], near: str
) -> None:
    monkeypatch.setenv("COLUMNS", str(SCREEN_COLUMNS))
    said = batchnorm(*arguments)
    assert said.code == 2
    assert near in said.err
    assert "Traceback" not in said.err
