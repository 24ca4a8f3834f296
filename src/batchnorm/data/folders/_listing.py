"""Which image files belong to which class and part of a set?"""

import unicodedata
from dataclasses import dataclass
from pathlib import Path

from ...errors import InputError
from ...files import one_line
from .._source import SplitName
from ._layout import CURE, Layout, layout_of, named
from ._walk import Below, below, folders_in


@dataclass(frozen=True)
class Listing:
    """The image files of a set.

    Attributes:
        classes: their names, sorted.
        files: path, relative to the set's folder, and class of each image, by part.
        drawn: whether the test images are drawn, not found as such.
        broken: paths of those that could not be read when a run began.
        kept: whether a run says which images there are, and not the folder.
        notes: what is passed over, in words.
    """

    classes: tuple[str, ...]
    files: dict[SplitName, tuple[tuple[str, str], ...]]
    drawn: bool
    broken: frozenset[str] = frozenset()
    kept: bool = False
    notes: tuple[str, ...] = ()


def listed(folder: Path) -> Listing:
    """Find the images of a folder and their classes. Where the test images are to be drawn, all are training images.

    Raises:
        InputError: there is no image, fewer than two classes, a class without images, or classes that differ between
            training and test; or something cannot be read.
    """
    layout = layout_of(folder)
    train = _by_class(folder, layout.train)
    if len(train) < 2:
        raise InputError(_too_few(folder, layout, train), cure=CURE)
    test = _by_class(folder, layout.test) if layout.test else {}
    if layout.test:
        _refuse_other_classes(folder, layout, sorted(train), sorted(test))
    _refuse_empty(folder / layout.train, train)
    _refuse_empty(folder / (layout.test or "."), test)
    files: dict[SplitName, tuple[tuple[str, str], ...]] = {"train": _pairs(train), "test": _pairs(test)}
    others = [path for part in (train, test) for found in part.values() for path in found.others]
    skipped = (f"{_files(len(others))}, passed over: {named(others)}",) if others else ()
    return Listing(tuple(sorted(train)), files, not layout.test, notes=layout.notes + skipped)


def _by_class(folder: Path, part: str) -> dict[str, Below]:
    """The files of each class, by its name in composed characters: a Mac writes é as two, others as one."""
    found: dict[str, Below] = {}
    for name in folders_in(folder / part):
        called = unicodedata.normalize("NFC", name)
        if not called.isprintable() or called in found:
            problem = "the same name as another" if called in found else "a name that cannot be printed"
            raise InputError(f"{folder / part}: the folder {one_line(name)!r} has {problem}", cure="Rename it.")
        found[called] = below(folder, name if part == "." else f"{part}/{name}")
    return found


def _pairs(part: dict[str, Below]) -> tuple[tuple[str, str], ...]:
    return tuple((path, name) for name in sorted(part) for path in part[name].images)


def _too_few(folder: Path, layout: Layout, found: dict[str, Below]) -> str:
    place = folder / layout.train
    if not found:
        what = "; the image files in it are in no such folder" if layout.notes else ", found nothing"
        return f"{place}: expected a folder of images for each class{what}"
    (name,) = found
    inside = folders_in(place / name)
    nested = f"; is {place / name} the folder that is meant?" if len(inside) > 1 else ""
    return f"{place}: expected at least two classes, found one, {one_line(name, 60)}{nested}"


def _refuse_other_classes(folder: Path, layout: Layout, train: list[str], test: list[str]) -> None:
    if train == test:
        return
    missing, more = ([name for name in one if name not in other] for one, other in ((train, test), (test, train)))
    differ = [f"only in {layout.train}: {named(missing)}"] if missing else []
    differ += [f"only in {layout.test}: {named(more)}"] if more else []
    raise InputError(
        f"{folder}: expected the same classes in {layout.train} and {layout.test}, found {'; '.join(differ)}",
        cure="Rename or remove what does not belong there.",
    )


def _refuse_empty(folder: Path, part: dict[str, Below]) -> None:
    empty = [name for name in sorted(part) if not part[name].images]
    if empty:
        others = [path for name in empty for path in part[name].others]
        but = f" (other files: {named(others)})" if others else ""
        one = len(empty) == 1
        raise InputError(
            f"{folder}: {'a class has' if one else f'{len(empty)} classes have'} no image: {named(empty)}{but}",
            cure="Put images there, or remove the folder. Their names end as images' do: .jpg, .png, .tif, ...",
        )


def _files(count: int) -> str:
    return "1 file is no image" if count == 1 else f"{count:,} files are no images"
