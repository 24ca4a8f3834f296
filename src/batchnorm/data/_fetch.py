"""How do a data set's files come from its official address onto this machine?"""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import IO

from ..errors import InputError, RefusedError
from ..files import cache_folder, sync_folder
from ._registry import get
from ._source import DatasetInfo, Download

Progress = Callable[[str, int, int], None]

_CHUNK_BYTES = 1 << 16
_TIMEOUT_SECONDS = 30


def fetch(name: str, *, destination: Path | str | None = None, on_progress: Progress | None = None) -> Path:
    """Download a data set, check every file by SHA-256, and return its folder.

    Files that are there and sound are kept; a download that broke off goes on where it ended. A
    file takes its name only after its sum agreed. If two processes fetch at the same time, the
    worst that happens is a wrong sum, and one of them says so.

    Args:
        name: a name from `available`.
        destination: a folder for data sets in place of `cache_folder()`; the files go into its
            subfolder `name`. To load them from there, set `BATCHNORM_CACHE` to it.
        on_progress: called with (file name, bytes that are there, bytes in all), often.

    Returns:
        The folder with the files. Of a bundled data set: where it lies already.

    Raises:
        InputError: an unknown name, a data set that nobody offers for download, or a folder that cannot be made.
        ConnectionError: the address cannot be reached or broke off; what came is kept.
        RuntimeError: what came is not the file that was expected.
        OSError: the folder cannot be written or the disk is full.
    """
    source = get(name)
    if not source.info.downloads:
        return _located(source.locate(), name)
    folder = (cache_folder() if destination is None else Path(destination)) / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        problem = f"the folder {folder} cannot be made ({error.strerror})"
        raise InputError(problem, argument="destination", cure="Choose another.") from error
    try:
        for download in source.info.downloads:
            _fetch_file(download, folder / download.filename, on_progress or _silent)
    except ConnectionError as error:
        raise ConnectionError(f"{error}. {_next_step(source.info, folder)}") from None
    return folder


def _located(folder: Path | None, name: str) -> Path:
    if folder is None:
        raise InputError(f"data set '{name}' has no address to download it from")
    return folder


def _next_step(info: DatasetInfo, folder: Path) -> str:
    steps = [f"Run `batchnorm data fetch {info.name}` again when there is a network (it goes on)"]
    if info.debian_package:
        steps.append(f"`apt-get install {info.debian_package}`")
    return ", or ".join([*steps, f"copy the files into {folder}"]) + "."


def _silent(filename: str, done: int, total: int) -> None:
    """Report to nobody."""


def _fetch_file(download: Download, target: Path, on_progress: Progress) -> None:
    """Make sure that `target` is the expected file, downloading what is missing of it."""
    # Not `atomic_write`: a part keeps its name, so that the next call can go on with it.
    partial = target.with_name(f"{target.name}.part")
    if _is_sound(target, download):
        partial.unlink(missing_ok=True)  # somebody has brought the file by another way
    else:
        _complete(partial, download, on_progress)
        if not _is_sound(partial, download):
            partial.unlink()
            raise RefusedError(
                f"{download.url}: expected SHA-256 {download.sha256}, got another file; it was removed",
                cure="Try again, or from another network.",
            )
        partial.replace(target)
        sync_folder(target.parent)
    on_progress(target.name, download.size, download.size)


def _is_sound(path: Path, download: Download) -> bool:
    """Whether the file is there, whole and the expected one."""
    if not path.is_file() or path.stat().st_size != download.size:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == download.sha256


def _complete(partial: Path, download: Download, on_progress: Progress) -> None:
    """Append to `partial` what it lacks, or begin anew if the server sends wholes only."""
    done = partial.stat().st_size if partial.is_file() else 0
    if done == download.size:
        return
    with _request(download, done if done < download.size else 0) as (begin, pieces):
        done = begin
        with partial.open("ab" if begin else "wb") as file:
            for piece in pieces:
                file.write(piece)
                done += len(piece)
                on_progress(download.filename, done, download.size)
            file.flush()
            os.fsync(file.fileno())
    if done < download.size:
        raise ConnectionError(f"{download.url}: broke off after {done} of {download.size} bytes")


@contextmanager
def _request(download: Download, offset: int) -> Iterator[tuple[int, Iterator[bytes]]]:
    """Ask for the bytes from `offset` on; give where the answer begins, and the answer."""
    # Here, because they take a while to import and only a download needs them.
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    headers = {"Range": f"bytes={offset}-"} if offset else {}
    # The scheme is no danger: addresses are constants of the data sets, never a user's words.
    request = Request(download.url, headers=headers)  # noqa: S310
    try:
        response = urlopen(request, timeout=_TIMEOUT_SECONDS)  # noqa: S310
    except HTTPError as error:
        with error:
            raise ConnectionError(f"{download.url}: the server says {error}") from None
    except (OSError, HTTPException) as error:
        raise ConnectionError(f"{download.url}: cannot be reached ({_reason(error)})") from None
    with response:
        begin = offset if response.status == HTTPStatus.PARTIAL_CONTENT else 0
        length = response.headers.get("Content-Length", str(download.size - begin))
        if length != str(download.size - begin):
            raise RefusedError(
                f"{download.url}: expected {download.size - begin} bytes, but the server offers {length}: another "
                "file, or a page that asks for a login",
                cure="Try another network.",
            )
        yield begin, _pieces(response, download, download.size - begin)


def _reason(error: Exception) -> object:
    """What went wrong in words: urllib wraps the system's error, which has a number and words."""
    cause = getattr(error, "reason", error)
    return getattr(cause, "strerror", None) or cause


def _pieces(response: IO[bytes], download: Download, remaining: int) -> Iterator[bytes]:
    """The answer in pieces, never more than is expected."""
    from http.client import HTTPException

    while remaining:
        try:
            piece = response.read(min(_CHUNK_BYTES, remaining))
        except (OSError, HTTPException) as error:
            raise ConnectionError(f"{download.url}: broke off ({error})") from None
        if not piece:
            return
        remaining -= len(piece)
        yield piece
