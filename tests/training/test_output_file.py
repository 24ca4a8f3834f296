"""Where no command may write: what it reads, and the files of a run, under whatever name."""

import os
import re
from pathlib import Path

import pytest

from batchnorm.errors import InputError
from batchnorm.runs import RunFolder, check_output

OWN = [file.name for file in RunFolder("run").files]


@pytest.fixture
def run(tmp_path, monkeypatch) -> Path:
    """A folder with all files that a run may have, in the current folder."""
    monkeypatch.chdir(tmp_path)
    Path("run").mkdir()
    for name in OWN:
        (Path("run") / name).write_bytes(name.encode())
    return Path("run")


def through_a_linked_folder(file: Path) -> Path:
    Path("link").symlink_to(file.parent.absolute())
    return Path("link") / file.name


def through_a_link(file: Path) -> Path:
    Path("link").symlink_to(file.absolute())
    return Path("link")


def through_a_hard_link(file: Path) -> Path:
    os.link(file, "link")
    return Path("link")


def by_another_way(file: Path) -> Path:
    return Path("run/../run") / file.name


def in_capitals(file: Path) -> Path:
    return file.with_name(file.name.upper())


WAYS = [Path, through_a_linked_folder, through_a_link, by_another_way, in_capitals]


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("way", WAYS)
def test_no_file_of_any_run_is_replaced(run, name: str, way) -> None:
    with pytest.raises(InputError, match=r"out: .* belongs to the run, which stays as it is. Choose another."):
        check_output(way(run / name), overwrite=True)


@pytest.mark.parametrize("name", [name for name in OWN if name != "config.toml"])
def test_a_file_that_a_run_may_get_is_its_own_before_it_is_there(run, name: str) -> None:
    (run / name).unlink()
    with pytest.raises(InputError, match="belongs to the run"):
        check_output(run / name)


@pytest.mark.parametrize("name", OWN)
def test_no_file_of_a_run_that_is_read_is_replaced_by_a_hard_link(run, name: str) -> None:
    with pytest.raises(InputError, match="belongs to the run"):
        check_output(through_a_hard_link(run / name), reads=[run])


@pytest.mark.parametrize("way", [Path, through_a_linked_folder, through_a_link, through_a_hard_link])
def test_no_file_that_is_read_is_replaced(tmp_path, monkeypatch, way) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    photo = tmp_path / "photos" / "shirt.png"
    photo.write_bytes(b"shirt")
    with pytest.raises(InputError, match="is the file that is read, which stays as it is"):
        check_output(way(photo), reads=[tmp_path / "another.png", photo])


def test_the_one_file_of_a_run_that_a_command_writes_is_allowed_and_no_other(run) -> None:
    check_output(run / "folded.safetensors", reads=[run / "model.safetensors"], allowed=run / "folded.safetensors")
    with pytest.raises(InputError, match="belongs to the run"):
        check_output(run / "last.ckpt", reads=[run / "model.safetensors"], allowed=run / "folded.safetensors")


def test_another_file_in_the_folder_of_a_run_may_be_replaced(run) -> None:
    (run / "mine.safetensors").write_bytes(b"mine")
    check_output(run / "mine.safetensors", reads=[run])


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (
            os.devnull,
            f"out: expected the name of a file, got {os.devnull}, which is a device or a pipe. Choose another.",
        ),
        ("pipe", "out: expected the name of a file, got pipe, which is a device or a pipe. Choose another."),
        ("circle", "out: circle cannot be made (Too many levels of symbolic links). Choose another."),
        ("n" * 300, f"out: {'n' * 300} cannot be made (File name too long). Choose another."),
        ("zero\0", "out: zero\0 cannot be made (embedded null byte). Choose another."),
    ],
)
def test_what_is_no_file_is_refused(run, path: str, message: str) -> None:
    os.mkfifo("pipe")
    Path("circle").symlink_to("circle")
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        check_output(path)
