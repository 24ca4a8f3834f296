"""Does every message of the package leave it to the reader how arguments are named? Asked of the syntax trees."""

import ast
import re
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "src" / "batchnorm"
FILES = sorted(PACKAGE.rglob("*.py"))
OPTION = re.compile(r"(?<![\w-])(?<!var\()--(?!arm-)[a-z][a-z-]*")
"""The variables of a page's style are written likewise: `var(--effect)`, `--arm-1`."""
PREFIX = re.compile(
    r"(recalibrate|fold|unfold|trace|transaction|fold_state|restore_fold|pair_of|tensor_of|average_models): "
)


def texts(tree):
    """Every text of a file that is no docstring, with its line."""
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    docs |= {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value, node.lineno


def places(found):
    """What a rule finds in the whole package, one line each."""
    return [
        f"{path.relative_to(PACKAGE)}:{line}: {said}"
        for path in FILES
        for said, line in found(path, ast.parse(path.read_text(encoding="utf-8")))
    ]


def options_in(path, tree):
    if path.relative_to(PACKAGE).parts[0] != "cli":
        yield from ((text, line) for text, line in texts(tree) if OPTION.search(text) and "pip install" not in text)


def cuts_of(path, tree):
    """Whether a message is looked into, cut or rewritten: `str(error).replace(...)`, also by way of a name."""
    said = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and is_message(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or node.attr not in {
            "removeprefix",
            "startswith",
            "endswith",
            "replace",
        }:
            continue
        if is_message(node.value) or (isinstance(node.value, ast.Name) and node.value.id in said):
            yield ast.unparse(node), node.lineno


def is_message(value):
    """Whether it is the text of an exception."""
    named = isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in {"str", "in_short"}
    return named and bool(value.args) and ast.unparse(value.args[0]) == "error"


def verbs_in(path, tree):
    yield from ((text, line) for text, line in texts(tree) if PREFIX.match(text))


def test_outside_of_the_command_line_nobody_speaks_of_an_option():
    assert places(options_in) == []


def test_nobody_cuts_or_rewrites_what_an_error_says():
    assert places(cuts_of) == []


def test_nobody_writes_the_verb_into_a_message():
    assert places(verbs_in) == []


RULES = {
    "an option": (options_in, 'raise InputError("pass --model")'),
    "a cut": (cuts_of, 'raise InputError(str(error).removeprefix("fold: "))'),
    "a look by way of a name": (cuts_of, 'said = str(error)\nif said.startswith("fold"):\n    raise error'),
    "a verb": (verbs_in, 'raise ValueError(f"recalibrate: expected {one}")'),
}


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_finds_what_it_forbids(rule):
    find, text = RULES[rule]
    assert len([*find(PACKAGE / "runs" / "_a.py", ast.parse(text))]) == 1


OF_PYTHON = {
    *("moments", "num_batches_tracked"),
    *("buffers", "example_inputs", "forward_fn", "fraction", "group", "images", "labels", "loader", "matrix", "mode"),
    *(
        "name",
        "pixels",
        "smallest",
        "strength",
        "histories",
        "record",
        "benchmark",
        "materialize",
        "metric",
        "target_fn",
        "loss_fn",
        "recalibrated",
        "train",
    ),
    *("gradient", "mask", "models", "net", "num_features", "options", "other", "text", "weights"),
    *("arms", "comparisons", "margin", "part", "scheme", "search", "sources", "study"),
    *("affine", "enabled", "filter_fn", "micro_batch", "process_group", "rank", "size", "statistics"),
}
"""Arguments of functions that no command lets anybody give."""


def named_in(tree):
    """The arguments that the faults and sentences of a file name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            for keyword in node.keywords:
                if keyword.arg == "argument" and isinstance(keyword.value, ast.Constant):
                    yield keyword.value.value
            if isinstance(node.func, ast.Name) and node.func.id == "Setting" and isinstance(node.args[0], ast.Constant):
                yield node.args[0].value


def options_of(kind):
    """The names of all options of a command, those of nested dataclasses included."""
    for one in fields(kind):
        inner = getattr(one.type, "__origin__", one.type)
        yield from options_of(inner) if is_dataclass(inner) else (one.name,)


def test_every_argument_that_is_named_is_an_option_or_is_known_to_be_none():
    from batchnorm.cli._main import COMMANDS, DATA_COMMANDS, STUDY_COMMANDS
    from batchnorm.cli._wording import NAMES

    known = {
        name
        for kind in (*COMMANDS.values(), *DATA_COMMANDS.values(), *STUDY_COMMANDS.values())
        for name in options_of(kind)
    }
    named = {name for path in FILES for name in named_in(ast.parse(path.read_text(encoding="utf-8"))) if name}
    assert named - known - NAMES.keys() - OF_PYTHON == set()
