"""CIFAR-10's archive format: read from small archives that are made here, without touching the disk."""

import gzip
import os
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch

from batchnorm.data import fetch, get, open_source
from batchnorm.data.arrays import _members
from batchnorm.errors import InputError

from .files import archive, batch, members, names, pixels

FOLDER = "cifar-10-batches-py"


@pytest.fixture
def write(tmp_path):
    def written(content: bytes, name: str = "small.tar.gz") -> str:
        (tmp_path / name).write_bytes(content)
        return str(tmp_path / name)

    return written


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_the_batches_come_in_the_order_of_their_numbers(write, protocol: int) -> None:
    source = open_source(write(archive(members(protocol))))
    expected = np.concatenate([pixels(4, 3072, seed=1), pixels(6, 3072, seed=2)]).reshape(10, 3, 32, 32)
    train = source.load("train")
    assert torch.equal(train.images, torch.from_numpy(expected))
    assert train.labels.tolist() == [0, 1, 2, 0, 0, 1, 2, 0, 1, 2]
    assert torch.equal(source.load("test").images.flatten(), torch.from_numpy(pixels(2, 3072, seed=3).ravel()))


def test_the_classes_are_called_as_the_archive_says(write) -> None:
    info = open_source(write(archive(members()))).info
    assert (info.classes, info.image_shape, info.train_size, info.test_size) == (
        ("cat", "dog", "frog"),
        (3, 32, 32),
        10,
        2,
    )


@pytest.mark.parametrize(
    "labels", [np.array([0, 1, 2, 0]), np.array([0, 1, 2, 0], ">i2"), list(np.array([0, 1, 2, 0], np.uint8))], ids=repr
)
def test_labels_may_be_numbers_of_numpy(write, labels) -> None:
    assert open_source(write(with_batch(changed(labels=labels)))).load("train").labels[:4].tolist() == [0, 1, 2, 0]


def test_without_names_the_classes_are_called_by_their_numbers(write) -> None:
    contents = {name: content for name, content in members().items() if "meta" not in name}
    assert open_source(write(archive(contents))).info.classes == ("0", "1", "2")


def test_a_folder_that_it_was_unpacked_into_is_the_same(tmp_path, write) -> None:
    for name, content in members().items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    packed, unpacked = open_source(write(archive(members()))), open_source(str(tmp_path / FOLDER))
    assert torch.equal(packed.load("train").images, unpacked.load("train").images)


def test_nothing_is_written_beside_the_archive(write, tmp_path) -> None:
    open_source(write(archive(members()))).load("train")
    assert [path.name for path in tmp_path.iterdir()] == ["small.tar.gz"]


def renamed(name: str):
    def change(info: tarfile.TarInfo) -> None:
        if info.name.endswith("test_batch"):
            info.name = name

    return change


def linked(kind: bytes, target: str):
    def change(info: tarfile.TarInfo) -> None:
        if info.name.endswith("test_batch"):
            info.type, info.linkname, info.size = kind, target, 0

    return change


OUTSIDE = {
    "up": renamed("../test_batch"),
    "far up": renamed(f"{FOLDER}/../../../test_batch"),
    "absolute": renamed("/outside/test_batch"),
    "a link out": linked(tarfile.SYMTYPE, "/etc/passwd"),
    "a link in": linked(tarfile.SYMTYPE, "data_batch_1"),
    "a hard link": linked(tarfile.LNKTYPE, f"{FOLDER}/data_batch_1"),
}


@pytest.mark.parametrize("case", OUTSIDE)
def test_an_archive_that_leads_out_of_itself_is_refused(write, case: str) -> None:
    with pytest.raises(InputError, match=r"small\.tar\.gz: cannot be read like CIFAR-10 \(it has a (file|link)"):
        open_source(write(archive(members(), OUTSIDE[case])))


@pytest.mark.parametrize("kind", [tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE])
def test_a_member_that_is_no_file_is_not_read(write, kind: bytes) -> None:
    with pytest.raises(InputError, match="it lacks test_batch"):
        open_source(write(archive(members(), linked(kind, ""))))


class Payload:
    def __reduce__(self) -> tuple:
        return os.mkdir, ("made",)


def with_batch(content: bytes) -> bytes:
    return archive(members() | {f"{FOLDER}/data_batch_1": content})


def changed(**values: object) -> bytes:
    whole = pickle.loads(batch(4, 1))  # noqa: S301  # our own
    whole.update({name.encode(): value for name, value in values.items()})
    return pickle.dumps(whole, 2)


WRONG = {
    "code": (pickle.dumps(Payload()), "it names posix mkdir, which is none of the values"),
    "code inside": (changed(data=Payload()), "it names posix mkdir"),
    "a list": (pickle.dumps([1, 2]), "expected a dict in data_batch_1, got list"),
    "no data": (changed(data=None), r"expected data of uint8 and shape \(N, 3072\) in data_batch_1, got NoneType"),
    "wide numbers": (changed(data=pixels(4, 3072).astype(int)), r"got int64 \(4, 3072\)"),
    "grey": (changed(data=pixels(4, 1024)), r"got uint8 \(4, 1024\)"),
    "square": (changed(data=pixels(4, 3, 32, 32)), r"got uint8 \(4, 3, 32, 32\)"),
    "no labels": (changed(labels=None), "expected labels in data_batch_1, a list of numbers of at least 0"),
    "words": (changed(labels=list("abcd")), "expected labels in data_batch_1, a list of numbers"),
    "below 0": (changed(labels=[0, 1, 2, -1]), "expected labels in data_batch_1, a list of numbers"),
    "labels in rows": (changed(labels=np.zeros((4, 1), int)), "expected labels in data_batch_1, a list of numbers"),
    "a label too few": (changed(labels=[0, 1, 2]), "data_batch_1 has 4 images and 3 labels"),
    "a class without a name": (changed(labels=[0, 1, 2, 3]), "expected labels from 0 to 2, .* got 3"),
    "nothing": (b"", "cannot be read like CIFAR-10"),
    "no pickle": (b"hello", "cannot be read like CIFAR-10"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_batch_that_is_none_is_refused(write, case: str, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    content, message = WRONG[case]
    with pytest.raises(InputError, match=message):
        open_source(write(with_batch(content)))
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    "names_", [["cat", "dog"], ["cat", "dog", "frog", "fish"], ["cat", "cat", "frog"], [1, 2, 3], {}]
)
def test_names_that_do_not_fit_the_labels_are_refused(write, names_) -> None:
    with pytest.raises(InputError, match=r"small\.tar\.gz"):
        open_source(write(archive(members() | {f"{FOLDER}/batches.meta": names(names_)})))


@pytest.mark.parametrize("name", ["data_batch_1", "test_batch"])
def test_a_part_that_is_there_twice_is_not_guessed_at(write, name: str) -> None:
    with pytest.raises(InputError, match=f"it has {name} twice"):
        open_source(write(archive(members() | {f"other/{name}": batch(4, 9)})))


@pytest.mark.parametrize("prefix", ["data_batch_", "test_batch"])
def test_a_part_that_lacks_is_named(write, prefix: str) -> None:
    contents = {name: content for name, content in members().items() if prefix not in name}
    with pytest.raises(InputError, match="it lacks " + prefix):
        open_source(write(archive(contents)))


def test_a_bomb_is_given_up_where_it_grows_too_large(write, monkeypatch) -> None:
    monkeypatch.setattr(_members, "_MOST_UNPACKED", 2**20)
    with pytest.raises(InputError, match="it unpacks to more than 1,048,576 bytes"):
        open_source(write(archive({"zeros": bytes(2**24), **members()})))


def test_a_bomb_behind_the_end_of_the_archive_is_given_up_too(write, monkeypatch) -> None:
    monkeypatch.setattr(_members, "_MOST_UNPACKED", 2**20)
    content = gzip.decompress(archive(members())) + bytes(2**24)
    with pytest.raises(InputError, match="it unpacks to more than 1,048,576 bytes"):
        open_source(write(gzip.compress(content)))


def test_a_member_that_says_that_it_is_huge_is_not_read(write) -> None:
    info = tarfile.TarInfo(f"{FOLDER}/test_batch")
    info.size = 2**40
    with pytest.raises(InputError, match=r"has 1,099,511,627,776 bytes, expected 134,217,728"):
        open_source(write(gzip.compress(info.tobuf(tarfile.GNU_FORMAT))))


@pytest.mark.parametrize(
    "content",
    [b"", b"no gzip", gzip.compress(b""), gzip.compress(b"no tar" * 1000), gzip.compress(bytes(10240))],
    ids=["nothing", "no gzip", "an empty gzip", "no tar", "an empty tar"],
)
def test_what_is_no_archive_is_refused(write, content: bytes) -> None:
    with pytest.raises(InputError, match=r"small\.tar\.gz: cannot be read like CIFAR-10"):
        open_source(write(content))


def test_a_pipe_is_not_waited_for(tmp_path) -> None:
    os.mkfifo(tmp_path / "pipe.tar.gz")
    with pytest.raises(InputError, match="it is a pipe, not a file"):
        open_source(str(tmp_path / "pipe.tar.gz"))


@pytest.fixture
def cached(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("BATCHNORM_CACHE", str(tmp_path))
    (tmp_path / "cifar10").mkdir()
    return tmp_path / "cifar10" / "cifar-10-python.tar.gz"


def test_cifar10_is_told_to_be_fetched_where_it_is_not_here(cached) -> None:
    assert get("cifar10").locate() is None
    with pytest.raises(InputError, match=r"not found in .*cifar10\. Get it with `batchnorm data fetch cifar10`"):
        get("cifar10").load("train")


def test_another_archive_is_not_taken_for_cifar10(cached) -> None:
    cached.write_bytes(archive(members()))
    with pytest.raises(
        InputError, match="holds another set: expected 50000 images of 10 classes in train, got 10 of 3"
    ):
        get("cifar10").load("train")


def test_where_there_is_no_archive_the_folder_that_it_was_unpacked_into_is_looked_at(cached) -> None:
    (cached.parent / FOLDER).mkdir()
    for name, content in members().items():
        (cached.parent / name).write_bytes(content)
    assert get("cifar10").locate() == cached.parent
    with pytest.raises(InputError, match=rf"{FOLDER} holds another set: expected 10000 images .* got 2 of 2"):
        get("cifar10").load("test")


@pytest.mark.slow
def test_an_archive_of_its_size_is_read_as_it(cached) -> None:
    """50,000 black images and 10,000 to test on, packed to some kilobytes."""

    def black(count: int) -> bytes:
        return pickle.dumps({"data": np.zeros((count, 3072), np.uint8), "labels": [n % 10 for n in range(count)]}, 2)

    contents = {f"{FOLDER}/data_batch_{number}": black(10_000) for number in range(1, 6)}
    cached.write_bytes(archive({**contents, f"{FOLDER}/test_batch": black(10_000)}))
    source = get("cifar10")
    assert source.locate() == cached.parent
    assert source.load("test").images.shape == (10_000, 3, 32, 32)
    assert source.load("train").labels.bincount().tolist() == [5000] * 10


def test_a_damaged_archive_of_cifar10_is_to_be_fetched_again(cached) -> None:
    cached.write_bytes(archive(members())[:-10])
    with pytest.raises(InputError, match=r"data set 'cifar10': .* Get it with `batchnorm data fetch cifar10`"):
        get("cifar10").load("test")


def test_a_fetched_archive_must_be_the_official_one(cached, monkeypatch) -> None:
    cached.write_bytes(archive(members()))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(
        "urllib.request.urlopen", lambda *_args, **_kwargs: (_ for _ in ()).throw(OSError("no network"))
    )
    with pytest.raises(ConnectionError, match=r"cifar-10-python\.tar\.gz: cannot be reached"):
        fetch("cifar10")
