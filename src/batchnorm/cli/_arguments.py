"""What of the arguments is written otherwise than the parser reads it, or by a word that another program has for it?"""

from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass

from ..errors import InputError, Setting
from ..runs import near_option

_OTHERS = {
    "out": "dest destination o output output_dir outdir save save_dir save_path",
    "overwrite": "f force",
    "quiet": "q silent",
    "top": "k top_k topk",
    "split": "subset",
    "input": "input_shape input_size shape",
    "invert": "negate negative",
    "max_samples": "num_samples samples",
    "png": "figure picture plot",
    "svg": "figure picture plot",
}
_WORDS = {other: name for name, others in _OTHERS.items() for other in others.split()}
_PAIRS = "model_args"


def ready(kind: type, arguments: Sequence[str]) -> list[str]:
    """Return the arguments of a command as its parser reads them.

    Raises:
        InputError: an option is called by another program's word; a name of `--model-args` has no value.

    Example:
        >>> from batchnorm.cli._train import Train
        >>> ready(Train, ["--model-args", "width=8", "--lr", "0.1"])
        ['--model-args', 'width', '8', '--lr', '0.1']
        >>> ready(Train, ["--learning-rate", "0.1"])
        Traceback (most recent call last):
        batchnorm.errors.InputError: --learning-rate: there is no such option. Did you mean --lr?
    """
    options = frozenset(_options(kind))
    for argument in arguments:
        if argument.startswith("--"):
            _refuse_other_word(argument.partition("=")[0], options)
    return [*_in_pairs(arguments)] if _PAIRS in options else [*arguments]


def _options(kind: type) -> Iterator[str]:
    """The names of a command's options, with those that stand in a group."""
    for entry in fields(kind):
        yield entry.name.rstrip("_")
        if is_dataclass(entry.default_factory):
            yield from (inner.name for inner in fields(entry.default_factory))


def _refuse_other_word(given: str, options: frozenset[str]) -> None:
    """Leave misspelt names to the parser, which shows the near ones with their help; it does not know other words."""
    name = _named(given)
    if not name or name in options or name.removeprefix("no_") in options:
        return
    meant = _WORDS.get(name, "")
    cure = (
        f" Did you mean {_option(meant)}?"
        if meant in options
        else near_option(name, options, say=_option, misspelt=False)
    )
    if cure:
        raise InputError(f"{given}: there is no such option", cure=cure)


def _in_pairs(arguments: Sequence[str]) -> Iterator[str]:
    """Let `width=8` stand for `width 8` behind `--model-args`, and every name have a value."""
    inside, key = False, ""
    for argument in _apart(arguments):
        if argument.startswith("--"):
            _refuse_key_alone(key)
            inside, key = _named(argument) == _PAIRS, ""
            yield argument
        elif not inside or key:
            key = ""
            yield argument
        else:
            key, sign, value = argument.partition("=")
            if not key.isidentifier():
                raise InputError(argument=_PAIRS, expected="names and values, such as width 8", got=repr(argument))
            yield key
            if sign:
                key = ""
                yield value
    _refuse_key_alone(key)


def _apart(arguments: Sequence[str]) -> Iterator[str]:
    """Part `--model-args=width` into the option and what stands behind its sign; other options stay whole."""
    for argument in arguments:
        option, sign, first = argument.partition("=")
        if sign and argument.startswith("--") and _named(option) == _PAIRS:
            yield from (option, first) if first else (option,)
        else:
            yield argument


def _refuse_key_alone(key: str) -> None:
    if key:
        raise InputError(
            argument=_PAIRS,
            expected="names and values, such as width 8",
            got=f"{key!r} without a value",
            cure=("Write ", Setting(_PAIRS), f" {key} VALUE."),
        )


def _named(option: str) -> str:
    return option.lstrip("-").replace("-", "_")


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"
