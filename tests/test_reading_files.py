"""Files from outside: what is no file, what is too large, too deep or no number, and what a reader's words become."""

import os

import pytest

from batchnorm.errors import InputError
from batchnorm.files import DEEPEST, in_short, one_line, open_regular, read_json, read_text, refused


def test_a_pipe_is_not_waited_for(tmp_path) -> None:
    os.mkfifo(tmp_path / "p")
    with pytest.raises(ValueError, match="it is a pipe, not a file"), open_regular(tmp_path / "p"):
        pass


def test_a_link_to_a_device_is_no_file(tmp_path) -> None:
    (tmp_path / "d").symlink_to("/dev/zero")
    with pytest.raises(ValueError, match="it is a device, not a file"), open_regular(tmp_path / "d"):
        pass


def test_a_link_to_a_file_is_read(tmp_path) -> None:
    (tmp_path / "f").write_text("Maß", encoding="utf-8")
    (tmp_path / "l").symlink_to(tmp_path / "f")
    assert read_text(tmp_path / "l") == "Maß"


def test_a_file_that_is_larger_than_its_reader_takes_is_refused(tmp_path) -> None:
    (tmp_path / "f").write_bytes(bytes(11))
    with pytest.raises(ValueError, match="it has 11 bytes, expected 10 at most"):
        read_text(tmp_path / "f", most=10)


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity", "1e999", "-1e400"])
def test_a_number_that_is_not_finite_is_no_json(word: str) -> None:
    with pytest.raises(ValueError, match=f"expected finite numbers, got {word}"):
        read_json(f"[{word}]")


@pytest.mark.parametrize("digits", [21, 400, 9000])
def test_an_integer_of_more_than_64_bits_is_refused(digits: int) -> None:
    with pytest.raises(ValueError, match=f"of at most 64 bits, got one of {digits} digits"):
        read_json("9" * digits)


@pytest.mark.parametrize("levels", [DEEPEST + 1, 500, 100_000])
def test_what_is_nested_deeper_than_any_file_of_ours_is_refused(levels: int) -> None:
    said = r"^f: cannot be read \(it is nested too deeply\)\. Restore it\.$"
    with pytest.raises(InputError, match=said), refused("f", "cannot be read", "Restore it."):
        read_json("[" * levels + "]" * levels)


def test_what_is_as_deep_as_allowed_is_read() -> None:
    value = read_json("[" * DEEPEST + "]" * DEEPEST)
    for _ in range(DEEPEST - 1):
        (value,) = value
    assert value == []


def test_the_largest_numbers_are_read_exactly() -> None:
    assert read_json(f"[{2**63 - 1}, {-(2**63)}, 1.7976931348623157e308]") == [
        2**63 - 1,
        -(2**63),
        1.7976931348623157e308,
    ]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "it asks for more memory than there is"),
        (RecursionError("maximum recursion depth exceeded"), "it is nested too deeply"),
        (PermissionError(13, "Permission denied", "f"), "Permission denied"),
        (ValueError(), "ValueError"),
        (TypeError("not a number"), "TypeError: not a number"),
        (RuntimeError("one\n\ttwo"), "one two"),
    ],
)
def test_what_a_reader_raises_becomes_a_line(error: Exception, said: str) -> None:
    assert in_short(error) == said


def test_a_text_out_of_a_file_cannot_write_to_the_terminal() -> None:
    assert one_line("\x1b]0;title\x07\u202e" + "x" * 500, 40).isprintable()


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
def test_an_interruption_is_not_the_files_fault(interruption: type[BaseException]) -> None:
    with pytest.raises(interruption, match="now"), refused("f", "cannot be read", "Restore it."):
        raise interruption("now")
