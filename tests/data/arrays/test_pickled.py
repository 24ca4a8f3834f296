"""Pickles that are read as data: plain values come out, and nothing that a pickle names is called."""

import os
import pickle
import time

import numpy as np
import pytest

from batchnorm.data.arrays._pickled import read_pickle

VALUES = {
    "words": {"a": "b", "c": ["d", "e" * 300, "\u00e9\u20ac"]},
    "numbers": [0, 1, 255, 256, 65536, -1, 2**31, -(2**40), 2**100],
    "constants": [None, True, False, (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)],
    "the same twice": [["x"]] * 3,
    "many": {str(number): [number] * 10 for number in range(2000)},
    "nothing": {"a": {}, "b": []},
}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("case", VALUES)
def test_plain_values_come_out_as_they_went_in(case: str, protocol: int) -> None:
    assert read_pickle(pickle.dumps(VALUES[case], protocol)) == VALUES[case]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_bytes_come_out_as_the_words_of_latin_1(protocol: int) -> None:
    assert read_pickle(pickle.dumps({b"data": bytes(range(256))}, protocol)) == {
        "data": bytes(range(256)).decode("latin-1")
    }


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("shape", [(2, 3), (0,), (256, 12), ()])
def test_an_array_of_bytes_comes_out_as_one(shape: tuple[int, ...], protocol: int) -> None:
    array = np.arange(np.prod(shape, dtype=int), dtype=np.uint8).reshape(shape)
    (found,) = read_pickle(pickle.dumps({"data": array}, protocol)).values()
    np.testing.assert_array_equal(found, array, strict=True)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("dtype", ["<i8", ">i8", "<i4", ">u2", "i1"])
def test_arrays_and_numbers_of_numpy_come_out_whatever_their_order_of_bytes(dtype: str, protocol: int) -> None:
    array = np.array([0, 1, 100], dtype)
    found = read_pickle(pickle.dumps({"array": array, "number": array[2]}, protocol))
    assert (found["array"].tolist(), found["number"]) == ([0, 1, 100], 100)


# As Python 2 wrote the official files: an array whose numbers are a string of bytes.
OF_PYTHON_2 = (
    b"\x80\x02}q\x01(U\x04dataq\x02cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\nq\x04K\x00\x85U\x01b\x87Rq\x05"
    b"(K\x01K\x02K\x03\x86cnumpy\ndtype\nq\x06U\x02u1K\x00K\x01\x87Rq\x07(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xff"
    b"K\x00tb\x89U\x06\x00\x01\x02\x7f\x80\xfftbU\x06labelsq\x08]q\x09(K\x07K\x01eu."
)


def test_the_pickles_of_python_2_are_read() -> None:
    found = read_pickle(OF_PYTHON_2)
    np.testing.assert_array_equal(found["data"], np.array([[0, 1, 2], [127, 128, 255]], np.uint8), strict=True)
    assert found["labels"] == [7, 1]
    np.testing.assert_array_equal(found["data"], pickle.loads(OF_PYTHON_2, encoding="latin1")["data"])  # noqa: S301


class Calls:
    """An object whose pickle is a call."""

    def __init__(self, function, *given) -> None:
        self.call = function, given

    def __reduce__(self) -> tuple:
        return self.call


NAMES = ("system", "eval", "getattr", "_reconstruct", "dtype", "ndarray")
CALLS = {
    "mkdir": Calls(os.mkdir, "made"),
    "eval": Calls(eval, "__import__('os').mkdir('made')"),
    "a class": Calls(list, (1, 2)),
    "open": Calls(open, "made", "w"),
    "an array of objects": np.array([Calls(os.mkdir, "made")], dtype=object),
    "an object": Calls(object),
    "a set": {1, 2},
    "a float": 1.5,
    "a float of NumPy": np.float64(1),
    "an array of floats": np.zeros(3),
    "an array of columns": np.asfortranarray(np.zeros((2, 3), np.uint8)),
    "a bare dtype": np.dtype("u1"),
    "the class of arrays": np.ndarray,
    "a key that is a tuple": {(1, 2): 3},
    "a key that is a number": {1: 2},
}


@pytest.mark.parametrize("protocol", [2, pickle.HIGHEST_PROTOCOL])
@pytest.mark.parametrize("case", CALLS)
def test_whatever_is_no_plain_value_is_refused_and_nothing_is_called(
    tmp_path, monkeypatch, case, protocol: int
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"names|holds|expected|module"):
        read_pickle(pickle.dumps({"data": CALLS[case]}, protocol))
    assert not (tmp_path / "made").exists()


HOSTILE = {
    "tuples of tuples as a key": b"\x80\x02}" + b")" + b"q\x00h\x00\x86" * 100 + b"Ns.",
    "an array that is not there": OF_PYTHON_2.replace(b"K\x02K\x03\x86", b"J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86"),
    "a negative side": OF_PYTHON_2.replace(b"K\x02K\x03\x86", b"J\xfe\xff\xff\xffJ\xfd\xff\xff\xff\x86"),
    "bytes that are not there": b"\x80\x03B\xff\xff\xff\x7fabc.",
    "eight bytes of length": b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7fabc.",
    "an empty stack": b"\x80\x02.",
    "a mark and no list": b"\x80\x02(e.",
    "a call of nothing": b"\x80\x02R.",
    "a call of a word": b"\x80\x02U\x02os)R.",
    "state of a word": b"\x80\x02U\x02os}b.",
    "an odd dict": b"\x80\x02}(U\x01au.",
    "a name from nowhere": b"\x80\x04\x93.",
    "another file": b"GIF89a",
    "nothing": b"",
    "a persistent name": b"\x80\x02U\x02osQ.",
    "an extension": b"\x80\x02\x82\x01.",
    "an instance of old": b"(S'os'\nios\nsystem\n.",
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_pickle_that_was_made_to_harm_ends_in_one_error_at_once(case: str) -> None:
    begin = time.monotonic()
    with pytest.raises(ValueError, match=r"\w"):
        read_pickle(HOSTILE[case])
    assert time.monotonic() - begin < 5


def test_a_memory_of_a_billion_places_costs_what_is_in_it() -> None:
    assert read_pickle(b"\x80\x02Nr\xff\xff\xff\x7f.") is None


@pytest.mark.parametrize("length", range(1, len(OF_PYTHON_2)))
def test_a_pickle_that_is_cut_off_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read_pickle(OF_PYTHON_2[:length])


def test_a_value_that_is_nested_without_end_is_read_and_let_go() -> None:
    assert read_pickle(b"\x80\x02" + b"]" * 10**5 + b"a" * (10**5 - 1) + b".") is not None
