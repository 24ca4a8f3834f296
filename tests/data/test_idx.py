import gzip

import pytest
import torch

from batchnorm.data.arrays import read_idx
from batchnorm.errors import InputError


def test_values_come_in_c_order(write_idx):
    path = write_idx("x.gz", (2, 3), bytes([0, 1, 2, 253, 254, 255]))
    expected = torch.tensor([[0, 1, 2], [253, 254, 255]], dtype=torch.uint8)
    assert torch.equal(read_idx(path, (2, 3)), expected)


def test_the_tensor_may_be_written_to(write_idx):
    assert read_idx(write_idx("x.gz", (2,), b"ab"), (2,)).zero_().tolist() == [0, 0]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"x\.gz: cannot be read \(No such file"):
        read_idx(tmp_path / "x.gz", (2,))


def test_a_folder_in_place_of_the_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"cannot be read \(Is a directory\)"):
        read_idx(tmp_path, (2,))


@pytest.mark.parametrize("content", [b"hello, no gzip", b"\x1f\x8b\x09" + bytes(20)])
def test_a_file_that_is_no_gzip_is_refused(tmp_path, content):
    (tmp_path / "x.gz").write_bytes(content)
    with pytest.raises(InputError, match=r"x\.gz: not a sound gzip file"):
        read_idx(tmp_path / "x.gz", (2,))


def test_every_truncation_is_noticed(write_idx):
    whole = write_idx("x.gz", (2, 3), b"abcdef").read_bytes()
    for length in range(len(whole)):
        path = write_idx("cut.gz", (2, 3), b"abcdef")
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"cut\.gz: (the gzip file is cut|not a sound|expected)"):
            read_idx(path, (2, 3))


def test_every_flipped_byte_behind_the_gzip_header_is_noticed(write_idx):
    path = write_idx("x.gz", (2, 3), b"abcdef")
    whole = path.read_bytes()
    for place in range(10, len(whole)):
        broken = bytearray(whole)
        broken[place] ^= 0xFF
        path.write_bytes(broken)
        with pytest.raises(InputError, match=r"x\.gz: "):
            read_idx(path, (2, 3))


@pytest.mark.parametrize("header", [b"\0\0\x09\x01", b"\0\0\x08\x02", b"\0\1\x08\x01", b"PNG!"], ids=bytes.hex)
def test_another_magic_number_is_refused(tmp_path, header):
    (tmp_path / "x.gz").write_bytes(gzip.compress(header + bytes([0, 0, 0, 2]) + b"ab"))
    with pytest.raises(InputError, match=f"begins with 00000801, got {header.hex()}"):
        read_idx(tmp_path / "x.gz", (2,))


def test_a_file_that_ends_inside_its_header_is_refused(tmp_path):
    (tmp_path / "x.gz").write_bytes(gzip.compress(b"\0\0\x08\x01\0\0"))
    with pytest.raises(InputError, match="ends inside its header"):
        read_idx(tmp_path / "x.gz", (2,))


def test_other_sizes_are_refused(write_idx):
    with pytest.raises(InputError, match=r"expected an array of shape \(2, 3\), got \(3, 2\)"):
        read_idx(write_idx("x.gz", (3, 2), b"abcdef"), (2, 3))


@pytest.mark.parametrize(("values", "words"), [(b"a", "is cut off"), (b"abc", "goes on")])
def test_too_few_and_too_many_values_are_refused(write_idx, values, words):
    with pytest.raises(InputError, match=f"expected 2 values, but the file {words}"):
        read_idx(write_idx("x.gz", (2,), values), (2,))


def test_a_file_that_unpacks_to_far_too_much_costs_no_memory(write_idx, monkeypatch):
    import tracemalloc

    path = write_idx("x.gz", (2,), b"ab" + bytes(50_000_000))
    tracemalloc.start()
    with pytest.raises(InputError, match="the file goes on"):
        read_idx(path, (2,))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000
