"""When are broken images left out, and when is a folder of images no data set because of them?"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from ...errors import InputError
from .._source import SplitName
from ._layout import named

MOST = 0.01
"""Below this share of a part's images, broken ones are left out."""
CURE = "Put them back as they were, or train anew with those that are there."
SHOWN = 5
"""Of those that are left out, so many are named."""


def left_out(folder: Path, split: SplitName, pairs: Sequence[tuple[str, str]], broken: Mapping[int, str]) -> str:
    """Return what is said of images that are left out because they are broken; nothing if none is.

    Args:
        folder: of the set.
        split: the part of it.
        pairs: path and class of each image.
        broken: what is wrong, by the image's place.

    Raises:
        InputError: one in a hundred is broken, or more, or all images of a class.
    """
    if not broken:
        return ""
    counted = f"{len(broken):,} of {len(pairs):,} {split} images cannot be read"
    names = named([pairs[place][0] for place in sorted(broken)], SHOWN)
    if len(broken) >= MOST * len(pairs):
        first = broken[min(broken)]
        raise InputError(
            f"{folder}: {counted}, of which fewer than 1 % would be left out: {names}; the first: {first}",
            cure="Mend or remove them.",
        )
    sound = Counter(name for place, (_, name) in enumerate(pairs) if place not in broken)
    if lost := sorted({name for _, name in pairs} - sound.keys()):
        raise InputError(
            f"{folder}: no {split} image can be read of {named(lost)}", cure="Mend them, or remove the class."
        )
    return f"{counted} and are left out: {names}"


def refuse_gone(folder: Path, paths: Sequence[str]) -> None:
    """Raise if images of a run are not there any more.

    Raises:
        InputError: one is not.
    """
    if gone := [path for path in paths if not (folder / path).exists()]:
        raise InputError(
            f"{folder}: {len(gone):,} of {len(paths):,} images of the run are not there any more: {named(gone)}",
            cure=CURE,
        )


def refuse_changed(folder: Path, paths: Sequence[str], broken: Mapping[int, str], before: Collection[str]) -> None:
    """Raise if images of a run cannot be read any more.

    Raises:
        InputError: one cannot, and could be read when the run began.
    """
    if places := [place for place in sorted(broken) if paths[place] not in before]:
        names = named([paths[place] for place in places])
        raise InputError(
            f"{folder}: {len(places):,} of {len(paths):,} images of the run cannot be read any more: {names}; the "
            f"first: {broken[places[0]]}",
            cure=CURE,
        )
