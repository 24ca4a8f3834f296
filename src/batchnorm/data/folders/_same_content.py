"""Which test images are training images, too, whatever the files are called?"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from ...files import open_regular
from ._layout import named

Key = TypeVar("Key", bound=Hashable)


def shared(folder: Path, train: Sequence[str], test: Sequence[str]) -> str:
    """Return what is said of test images that are training images, too; nothing if none is."""
    same = same_content([folder / path for path in train], [folder / path for path in test])
    if not same:
        return ""
    pairs = [" = ".join(file.relative_to(folder).as_posix() for file in pair) for pair in same]
    count = "1 test image is a training image" if len(same) == 1 else f"{len(same):,} test images are training images"
    return f"{count}, too, byte for byte, so that the test flatters: {named(pairs)}"


def same_content(train: Iterable[Path], test: Iterable[Path]) -> list[tuple[Path, Path]]:
    """Return the pairs of a training and a test file with the same bytes, one pair for each such test file.

    Only files as long as one on the other side are read. A file that cannot be read is like no other.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> for name, text in {"a": "one", "b": "two", "c": "one", "d": "four"}.items():
        ...     _ = (folder / name).write_text(text)
        >>> [(one.name, other.name) for one, other in same_content([folder / "a", folder / "b"], [folder / "c"])]
        [('a', 'c')]
    """
    trained, tested = _by(_length, train), _by(_length, test)
    return sorted(
        pair
        for length in trained.keys() & tested.keys()
        for pair in _pairs(_by(_digest, trained[length]), _by(_digest, tested[length]))
    )


def _pairs(trained: dict[str, list[Path]], tested: dict[str, list[Path]]) -> Iterator[tuple[Path, Path]]:
    return ((trained[digest][0], file) for digest in trained.keys() & tested.keys() for file in tested[digest])


def _by(key: Callable[[Path], Key], files: Iterable[Path]) -> dict[Key, list[Path]]:
    found = defaultdict(list)
    for file in files:
        try:
            found[key(file)].append(file)
        except (OSError, ValueError):  # whoever reads its pixels says so
            continue
    return found


def _length(file: Path) -> int:
    return file.stat().st_size


def _digest(file: Path) -> str:
    with open_regular(file) as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
