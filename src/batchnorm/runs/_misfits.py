"""What is wrong with the value of one option of a training, whatever the others are?"""

import json
from typing import Any, Literal, get_args, get_origin

from ..data import read_image_size
from ..errors import Fault, InputError, Setting, Words, did_you_mean
from ..functional import check_route
from ._frozen_names import FROZEN_NAMES, unfit_names
from ._known_names import unknown_name
from ._late_freezing import EXPECTED, unfit_freezing
from ._ranges import RANGES
from ._trainable_moments import unfit_moments

ModelArgument = int | float | bool | str
"""In this order the command line reads them: what is no number and no True or False is text."""


def misfit(name: str, hint: Any, value: object, model: str) -> Fault | None:
    """Return what is wrong with the value of one option; `None` if nothing is.

    Args:
        name: of the option.
        hint: its annotation.
        value: what it was given.
        model: the config's net.

    Example:
        >>> print(misfit("epochs", int, 0, "MLP").text())
        epochs: expected an integer of at least 1, got 0
    """
    fault = _misfit(name, hint, value)
    return fault or (unknown_name(name, value, model) if isinstance(value, str) else None)


def _misfit(name: str, hint: Any, value: Any) -> Fault | None:
    """Return what is wrong with the value of one option, or `None`."""
    from typeguard import CollectionCheckStrategy, TypeCheckError, check_type

    if value is None and type(None) in get_args(hint):
        return None
    choices = get_args(hint) if get_origin(hint) is Literal else ()
    kind = str if choices else hint
    try:
        # Python counts a bool as an int; an option that wants a number does not.
        if isinstance(value, bool) and kind is not bool:
            raise TypeCheckError("is a boolean")
        check_type(value, kind, collection_check_strategy=CollectionCheckStrategy.ALL_ITEMS)
    except TypeCheckError:
        wanted = RANGES[name][0] if name in RANGES else _IN_WORDS.get(name, getattr(kind, "__name__", kind))
        return Fault(argument=name, expected=str(wanted), got=f"{_shown(value)} ({type(value).__name__})")
    if isinstance(value, str) and len(value) > LONGEST:
        return Fault(argument=name, expected=f"at most {LONGEST} characters", got=str(len(value)))
    if not _is_text(value):
        return Fault(argument=name, expected="text that UTF-8 can hold, as a config file must", got=_shown(value))
    if choices and value not in choices:
        near = did_you_mean(value, choices)
        return Fault(argument=name, expected=f"one of {', '.join(choices)}", got=_shown(value), cure=near)
    if name in RANGES and not RANGES[name][1](value):
        return Fault(argument=name, expected=RANGES[name][0], got=_shown(value))
    if name == "route":
        return _unknown_route(value)
    if name == "moments":
        return unfit_moments(value)
    if name == "freeze_norms":
        return unfit_freezing(value)
    if name == "freeze":
        return unfit_names(value)
    if name == "init" and not value.strip():
        return Fault(argument="init", expected=_IN_WORDS["init"], got=_shown(value))
    if name == "image_size":
        return _unfit_size(value)
    return _unfit_arguments(value) if name == "model_args" else None


def _unfit_arguments(value: dict[str, ModelArgument]) -> Fault | None:
    """Return what is wrong with the arguments of a net, whatever the net."""
    for key in value:
        if key in RESERVED:
            return Fault(argument="model_args", problem=(f"{key} ", RESERVED[key][0]), cure=RESERVED[key][1])
    for key, given in value.items():
        if any(isinstance(word, str) and len(word) > LONGEST for word in (key, given)):
            return Fault(argument="model_args", expected=f"words of at most {LONGEST} characters", got=_shown(value))
        if isinstance(given, int | float) and not -(2**63) <= given < 2**63:
            return Fault(
                argument="model_args",
                expected=f"a finite number of at most 64 bits for {key}",
                got=_shown(given),
            )
    return None


def _shown(value: object) -> str:
    """Return a value as a message shows it, however long, large or deep it is."""
    try:
        said = repr(value)
    except (ValueError, RecursionError):  # more digits than Python writes, or too deep
        return f"a very large {type(value).__name__}"
    return said if len(said) <= 500 else f"{said[:500]} ..."


def _is_text(value: object) -> bool:
    """Whether all text in a value can be written down: an argument of the command line may be any bytes."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    except (ValueError, RecursionError):  # more digits than Python writes, or too deep: for the other questions
        return True
    return True


def _unknown_route(name: str) -> Fault | None:
    """Return what is wrong with the name of a route; which there are is for `functional` to say."""
    try:
        check_route(name)
    except InputError as error:
        return error.fault
    return None


def _unfit_size(value: int | str) -> Fault | None:
    """Return what is wrong with the size of images."""
    try:
        read_image_size(value)
    except InputError as error:
        return error.fault
    return None


LONGEST = 1000
"""Characters of a word."""
_IN_WORDS = {
    "model_args": "dict of names and values, such as {'width': 8}",
    "moments": "the text of a source of moments, such as 'ghost:32'",
    "freeze_norms": EXPECTED,
    "freeze": FROZEN_NAMES,
    "init": "a run's folder, a file with a state_dict, timm:NAME or torchvision:NAME",
}
_BY_THE_DATA = ("follows from the data", "Leave it out.")
_AN_OPTION = ("is an option of the training, not a further argument of the net", "Pass it as the option of that name.")
RESERVED: dict[str, tuple[Words, Words]] = {
    "name": (
        ("is the name of the model, which ", Setting("model"), " gives"),
        "Give your model's argument another name.",
    ),
    **dict.fromkeys(("num_classes", "in_channels", "image_size"), _BY_THE_DATA),
    **dict.fromkeys(("norm", "activation", "norm_place"), _AN_OPTION),
}
"""Arguments of nets that `model_args` cannot hold: why, and what to do."""
