import dataclasses
import hashlib
import http.server
import random
import re
import threading
import time
from pathlib import Path

import pytest

from batchnorm.data import Download, _fetch, _registry, fetch
from batchnorm.data._fashion_mnist import FASHION_MNIST
from batchnorm.errors import InputError

CONTENT = random.Random(0).randbytes(300_000)  # noqa: S311  # not for secrets


class Server(http.server.ThreadingHTTPServer):
    """A server on the loopback that misbehaves as it is told, and remembers what it was asked."""

    content = CONTENT
    knows_ranges = True
    breaks_off_after: int | None = None
    stalls = False
    talks_nonsense = False
    status: int | None = None

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.ranges: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/data/images.gz"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        asked = self.headers["Range"]
        self.server.ranges.append(asked)
        if self.server.talks_nonsense:
            self.wfile.write(b"SSH-2.0-something\r\n")
            return
        if self.server.status:
            self.send_error(self.server.status)
            return
        begin = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked else 0
        begin = begin if self.server.knows_ranges else 0
        body = self.server.content[begin:]
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.server.breaks_off_after])
        if self.server.stalls:
            self.wfile.flush()
            time.sleep(1)

    def log_message(self, *arguments: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def url(server):
    return server.url


@pytest.fixture
def cache(tmp_path, monkeypatch, url):
    """The folder into which the set `images`, one file of the test's server, is fetched."""
    monkeypatch.setenv("BATCHNORM_CACHE", str(tmp_path / "cache"))
    download = Download(url, len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    info = dataclasses.replace(FASHION_MNIST.info, name="images", downloads=(download,))
    source = dataclasses.replace(FASHION_MNIST, info=info, folders=lambda: ())
    monkeypatch.setattr(_registry, "_SOURCES", (*_registry.available(), source))
    return tmp_path / "cache" / "images"


def leave_a_part(cache: Path, content: bytes) -> Path:
    cache.mkdir(parents=True)
    part = cache / "images.gz.part"
    part.write_bytes(content)
    return part


def test_a_file_comes_whole(cache):
    assert fetch("images") == cache
    assert (cache / "images.gz").read_bytes() == CONTENT


def test_nothing_but_the_file_stays(cache):
    fetch("images")
    assert [file.name for file in cache.iterdir()] == ["images.gz"]


def test_a_destination_stands_in_for_the_cache(cache, tmp_path):
    assert fetch("images", destination=tmp_path / "other") == tmp_path / "other" / "images"
    assert not cache.exists()


def test_a_file_that_is_there_is_not_asked_for_again(cache, server):
    fetch("images")
    fetch("images")
    assert len(server.ranges) == 1


def test_a_part_of_a_file_that_came_by_another_way_is_removed(cache, server):
    fetch("images")
    (cache / "images.gz.part").write_bytes(CONTENT[:1000])
    fetch("images")
    assert [path.name for path in cache.iterdir()] == ["images.gz"]


def test_a_broken_file_is_replaced(cache):
    cache.mkdir(parents=True)
    (cache / "images.gz").write_bytes(CONTENT[:-1] + b"?")
    fetch("images")
    assert (cache / "images.gz").read_bytes() == CONTENT


def test_a_download_that_broke_off_says_so_and_keeps_what_came(cache, server):
    server.breaks_off_after = 100_000
    with pytest.raises(ConnectionError, match="broke off after 100000 of 300000 bytes"):
        fetch("images")
    assert (cache / "images.gz.part").read_bytes() == CONTENT[:100_000]


def test_a_server_that_falls_silent_is_not_waited_for(cache, server, monkeypatch):
    monkeypatch.setattr(_fetch, "_TIMEOUT_SECONDS", 0.2)
    server.breaks_off_after = 100_000
    server.stalls = True
    with pytest.raises(ConnectionError, match=r"broke off \(timed out\)"):
        fetch("images")


def test_the_next_call_goes_on_where_it_broke_off(cache, server):
    server.breaks_off_after = 100_000
    with pytest.raises(ConnectionError, match="broke off"):
        fetch("images")
    server.breaks_off_after = None
    fetch("images")
    assert server.ranges == [None, "bytes=100000-"]
    assert (cache / "images.gz").read_bytes() == CONTENT


def test_a_server_without_ranges_makes_it_begin_anew(cache, server):
    leave_a_part(cache, b"x" * 100_000)
    server.knows_ranges = False
    fetch("images")
    assert (cache / "images.gz").read_bytes() == CONTENT


def test_a_part_that_is_complete_needs_no_server(cache, server):
    leave_a_part(cache, CONTENT)
    fetch("images")
    assert server.ranges == []


def test_a_part_that_is_too_long_makes_it_begin_anew(cache, server):
    leave_a_part(cache, CONTENT + b"more")
    fetch("images")
    assert server.ranges == [None]
    assert (cache / "images.gz").read_bytes() == CONTENT


def test_wrong_bytes_are_removed_and_reported(cache, server):
    server.content = CONTENT[:-1] + b"?"
    with pytest.raises(RuntimeError, match=r"expected SHA-256 [0-9a-f]{64}, got another file"):
        fetch("images")
    assert list(cache.iterdir()) == []


def test_a_wrong_part_is_removed_so_that_the_next_call_succeeds(cache):
    leave_a_part(cache, b"x" * 100_000)
    with pytest.raises(RuntimeError, match="it was removed"):
        fetch("images")
    fetch("images")
    assert (cache / "images.gz").read_bytes() == CONTENT


def test_a_login_page_in_place_of_the_file_leaves_the_part_alone(cache, server):
    part = leave_a_part(cache, CONTENT[:100_000])
    server.knows_ranges = False
    server.content = b"<html>please log in</html>"
    with pytest.raises(RuntimeError, match="expected 300000 bytes, but the server offers 26"):
        fetch("images")
    assert part.read_bytes() == CONTENT[:100_000]


def test_a_server_that_refuses_is_quoted(cache, server):
    server.status = 403
    with pytest.raises(ConnectionError, match="the server says HTTP Error 403: Forbidden"):
        fetch("images")


def test_a_server_of_another_protocol_is_no_server(cache, server):
    server.talks_nonsense = True
    with pytest.raises(ConnectionError, match=r"cannot be reached \(SSH-2\.0-something"):
        fetch("images")


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/data/images.gz"])
def test_without_a_server_the_message_says_what_to_do(cache):
    expected = (
        "cannot be reached (Connection refused). Run `batchnorm data fetch images`"
        " again when there is a network (it goes on), or `apt-get install dataset-fashion-mnist`,"
        f" or copy the files into {cache}"
    )
    with pytest.raises(ConnectionError, match=re.escape(expected)) as caught:
        fetch("images")
    assert "\n" not in str(caught.value)


def test_a_full_disk_is_not_taken_for_a_network(cache, monkeypatch):
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left on device") as caught:
        fetch("images")
    assert not isinstance(caught.value, ConnectionError)


def test_progress_ends_with_all_bytes(cache):
    reports = []
    fetch("images", on_progress=lambda *report: reports.append(report))
    assert reports[-1] == ("images.gz", 300_000, 300_000)


def test_progress_grows(cache):
    reports = []
    fetch("images", on_progress=lambda *report: reports.append(report))
    done = [report[1] for report in reports]
    assert done == sorted(done)
    assert len(done) > 2


def test_progress_of_a_file_that_is_there_is_all_bytes_at_once(cache):
    fetch("images")
    reports = []
    fetch("images", on_progress=lambda *report: reports.append(report))
    assert reports == [("images.gz", 300_000, 300_000)]


def test_progress_begins_where_the_part_ended(cache):
    leave_a_part(cache, CONTENT[:200_000])
    reports = []
    fetch("images", on_progress=lambda *report: reports.append(report))
    assert reports[0][1] > 200_000


def test_a_bundled_set_is_here_already():
    assert fetch("fashion-mnist-mini").name == "fashion_mnist_mini"


def test_an_unknown_name_is_refused():
    with pytest.raises(InputError, match=r"Did you mean 'fashion-mnist'"):
        fetch("fashon-mnist")


def test_a_set_that_nobody_offers_is_refused(cache, monkeypatch):
    source = _registry.get("images")
    bare = dataclasses.replace(source, info=dataclasses.replace(source.info, downloads=()))
    monkeypatch.setattr(_registry, "_SOURCES", (bare,))
    with pytest.raises(InputError, match="'images' has no address to download it from"):
        fetch("images")
