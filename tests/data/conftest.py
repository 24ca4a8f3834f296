import gzip
import struct

import pytest


def idx_bytes(sizes: tuple[int, ...], values: bytes) -> bytes:
    """An IDX file of unsigned bytes, packed, as its description says."""
    header = bytes([0, 0, 8, len(sizes)]) + struct.pack(f">{len(sizes)}I", *sizes)
    return gzip.compress(header + values)


@pytest.fixture
def write_idx(tmp_path):
    def write(name, sizes, values):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(idx_bytes(sizes, values))
        return path

    return write
