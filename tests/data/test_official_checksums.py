"""Are the checksums of `fetch` those of the official files?

The data set's README gives MD5 sums. The files of Debian's package lack the name and the time that
the originals have in their gzip headers. With these put back, the files have the README's MD5 sums
and our SHA-256 sums: so ours are sums of the official files.
"""

import hashlib

import pytest

from batchnorm.data._fashion_mnist import DEBIAN_FOLDER, DOWNLOADS

# From the README of https://github.com/zalandoresearch/fashion-mnist, section "Get the Data".
MD5 = {
    "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
}
# When the originals were packed: 31 August 2017, found by trying the seconds of that summer.
PACKED_AT = {"train": 1_504_176_606, "t10k": 1_504_176_627}


def official_bytes(filename: str) -> bytes:
    packed = (DEBIAN_FOLDER / filename).read_bytes()
    assert packed[:4] == b"\x1f\x8b\x08\x00"  # gzip, deflate, no name
    time = PACKED_AT[filename.partition("-")[0]].to_bytes(4, "little")
    name = filename.removesuffix(".gz").encode() + b"\0"
    # The flag 8 announces a name; then no extra flags, and Unix (RFC 1952).
    return b"\x1f\x8b\x08\x08" + time + b"\0\x03" + name + packed[10:]


@pytest.mark.skipif(not DEBIAN_FOLDER.is_dir(), reason="needs the files: apt-get install dataset-fashion-mnist")
@pytest.mark.parametrize("download", DOWNLOADS, ids=lambda download: download.filename)
def test_the_checksums_are_those_of_the_official_files(download):
    content = official_bytes(download.filename)
    assert hashlib.md5(content, usedforsecurity=False).hexdigest() == MD5[download.filename]
    assert hashlib.sha256(content).hexdigest() == download.sha256
    assert len(content) == download.size
