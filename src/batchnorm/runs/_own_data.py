"""Which data are meant, and do they keep what a data set promises? Nothing is imported because a file says so."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import data
from ..data import (
    DatasetInfo,
    FolderSource,
    ImageOptions,
    Source,
    Split,
    SplitName,
    data_path,
    open_source,
    reads_as_path,
)
from ..errors import ForPython, InputError, InputTypeError, Setting, its_type
from ..files import one_line
from ..models import described, own_code
from ._known_names import unknown_data

ANY_SOURCE = "package.module:source"
_MEMBERS = ("info", "locate", "load")


def source_of(
    given: Source | str, argument: str = "data", options: ImageOptions | None = None, split: Path | None = None
) -> Source:
    """Return the data set that a caller means: by name, path or `package.module:source`, or the object itself.

    What is a caller's own is checked, now and when it is loaded.

    Args:
        given: what he gave; never what stood in a file, for a name with a colon is imported.
        argument: by which.
        options: how files at a path are read.
        split: which of a folder's images belong where, as a run keeps it.

    Raises:
        InputError: there is no such set, or it does not keep what `data.Source` promises.
        InputTypeError: it is no data set.

    Example:
        >>> source_of("fashion-mnist-mini").info.in_channels
        1
        >>> source_of([1, 2], "source")
        Traceback (most recent call last):
        batchnorm.errors.InputTypeError: source: expected a data set with info, locate and load, got a list. ...
    """
    if isinstance(given, os.PathLike):
        given = str(data_path(given))
    if not isinstance(given, str):
        return _checked(given, argument)
    if data_path(given) is None:
        if ":" in given:
            return _imported(given, argument)
        if fault := unknown_data(argument, given):
            raise InputError.of(fault)
        return data.get(given)
    return open_source(given, options, split=split)


def source_in_file(
    name: str, *, typed: str = ANY_SOURCE, options: ImageOptions | None = None, split: Path | None = None
) -> Source:
    """Return the data set that a file names, if it is one of this package, or files at a path.

    Args:
        name: what the file says.
        typed: what the caller would have to type to get it.
        options: how files at a path are read.
        split: which of a folder's images belong where, as a run keeps it.

    Raises:
        InputError: it is another, or there are no such files any more.
    """
    check_data_in_file(name, typed=typed)
    if is_path(name) and not os.path.lexists(name):
        raise InputError(
            f"{name}: the data are not there any more",
            cure=ForPython(
                "Pass where they are now: source=..., a path.",
                otherwise=("Say where they are now: ", Setting("dataset", "PATH"), "."),
            ),
        )
    return open_source(name, options, split=split)


def check_data_in_file(name: str, *, typed: str = ANY_SOURCE) -> None:
    """Refuse data that only their user may name, for getting them would run code; opens nothing.

    Args:
        name: what the file says: the name of a set of this package, or an absolute path, which is never code.
        typed: what the caller would have to type to get it.

    Raises:
        InputError: it is neither.
    """
    if is_named(name) or is_path(name):
        return
    raise InputError(
        f"the images are not of this package but your own ({one_line(name, 100)!r}), and a file may not choose which "
        "code runs",
        cure=ForPython(
            f"Pass them: source=..., an object with info, locate and load, or its name {typed!r}.",
            otherwise=("Name them: ", Setting("dataset", typed), "."),
        ),
    )


def is_named(name: str) -> bool:
    """Whether a name is that of a data set of this package."""
    return any(source.info.name == name for source in data.available())


def is_path(name: str) -> bool:
    """Whether a name that stands in a run is the path of files: those are absolute."""
    return Path(name).is_absolute()


@dataclass(frozen=True, eq=False)
class OwnSource:
    """A caller's own data set, of which each split is looked at when it is loaded."""

    own: Source
    argument: str

    @property
    def info(self) -> DatasetInfo:
        """As the caller's object says."""
        return self.own.info

    def locate(self) -> Path | None:
        """As the caller's object says."""
        return self.own.locate()

    def load(self, split: SplitName) -> Split:
        """Load a split, and see whether it is what `info` says.

        Raises:
            InputError: it is not, or the caller's object raised.
        """
        try:
            got = self.own.load(split)
        except InputError:
            raise
        except Exception as error:  # somebody's code may raise anything
            raise self._fault(f"load({split!r}) raised {described(error)}") from error
        if not isinstance(got, Split):
            raise self._fault(f"expected load({split!r}) to return a batchnorm.data.Split, got {its_type(got)}")
        info, shape = self.info, got.shape[1:]
        if shape != info.image_shape:
            raise self._fault(
                f"info says images of {'x'.join(map(str, info.image_shape))}, load({split!r}) gave "
                f"some of {'x'.join(map(str, shape))}"
            )
        if not len(got):
            raise self._fault(f"load({split!r}) gave no image")
        if int(got.labels.max()) >= len(info.classes):
            raise self._fault(
                f"info names {len(info.classes)} classes, load({split!r}) gave a label {int(got.labels.max())}; "
                "labels count from 0"
            )
        return got

    def _fault(self, problem: str) -> InputError:
        return InputError(f"{self.info.name}: {problem}", argument=self.argument)


def _imported(name: str, argument: str) -> Source:
    with own_code(argument, name, meant="source") as found:
        if not isinstance(found, type) and all(hasattr(found, member) for member in _MEMBERS):
            return _checked(found, argument)
        if not callable(found):
            raise InputError(
                f"{name}: expected a data set with info, locate and load, or a function that returns one, got "
                f"{its_type(found)}",
                argument=argument,
            )
        return _checked(_made(found, name, argument), argument, where=f"{name} returned ")


def _made(function: Callable[[], Any], name: str, argument: str) -> Any:
    import inspect

    try:
        inspect.signature(function).bind()
    except TypeError as error:
        raise InputError(
            f"{name}: expected a function that needs no arguments, got {inspect.signature(function)}: {error}",
            argument=argument,
            cure="Write one that calls it.",
        ) from None
    except ValueError:  # not written in Python: whether it needs any shows when it is called
        pass
    try:
        return function()
    except Exception as error:  # somebody's code may raise anything
        raise InputError(f"{name}: raised {described(error)}", argument=argument) from error


def _checked(given: Any, argument: str, where: str = "") -> Source:
    """Return a caller's own data set, checked as far as it is known before it is loaded."""
    if isinstance(given, OwnSource | FolderSource) or any(given is source for source in data.available()):
        source: Source = given
        return source
    missing = [member for member in _MEMBERS if not hasattr(given, member)]
    if missing or isinstance(given, type):
        got = f"the class {given.__name__} itself" if isinstance(given, type) else its_type(given)
        raise InputTypeError(
            argument=argument,
            expected="a data set with info, locate and load",
            got=where + got,
            cure=_cure(given),
        )
    info = given.info
    if not isinstance(info, DatasetInfo):
        raise InputTypeError(
            argument=argument, expected="info to be a batchnorm.data.DatasetInfo", got=where + its_type(info)
        )
    if odd := _odd(info):
        raise InputError(argument=argument, expected=f"info with {odd[0]}", got=odd[1])
    return OwnSource(given, argument)


def _cure(given: Any) -> str:
    if isinstance(given, type):
        return f"Make one: {given.__name__}()."
    if hasattr(given, "__getitem__") or hasattr(given, "__iter__"):
        return "Make one of torch's data sets: batchnorm.data.from_datasets(train, test)."
    return "See docs/data.md for one."


def _odd(info: DatasetInfo) -> tuple[str, str] | None:
    """Return what was expected of an info, and what it says, if it cannot be meant."""
    name, classes = _any(info.name), _any(info.classes)
    if not isinstance(name, str) or not name.isprintable() or not name:
        return "a name", repr(name)
    if is_named(name):
        return "a name of its own, for that of a set of this package would be taken for that set", repr(name)
    if reads_as_path(name):
        return "a name, for what reads as a path is taken for files", repr(name)
    if not isinstance(classes, tuple) or not classes or not all(isinstance(one, str) for one in classes):
        return "classes, a tuple of names", repr(classes)[:200]
    channels, size = _any(info.in_channels), _any(info.image_size)
    if type(channels) is not int or channels < 1:
        return "in_channels, an integer of at least 1", repr(channels)
    sides = size if isinstance(size, tuple) and len(size) == 2 else (size,)
    if any(type(side) is not int or side < 1 for side in sides):
        return "image_size, an integer of at least 1, or two of them, (height, width)", repr(size)
    return None


def _any(value: object) -> object:
    """What somebody wrote there, whatever the annotation says."""
    return value
