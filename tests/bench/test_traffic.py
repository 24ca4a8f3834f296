"""Is the floor in bytes what counting by hand gives? T is the input's bytes, a store counts twice."""

import pytest

from batchnorm.bench import LayerCase, floor_bytes

LARGE = (32, 64, 112, 112)
T = 4 * 32 * 64 * 112 * 112
CACHE = 32 << 20

# Reads and twice the writes, in T. With a slice in the cache x is read once; else the statistics read it once more.
PERSISTENT = {
    ("bn+act", "forward"): 1 + 2,
    ("bn+act", "backward"): 2 + 2,
    ("bn+act", "both"): 7,
    ("bn+act", "evaluation"): 1 + 2,
    ("bn+add+act", "forward"): 2 + 2,
    ("bn+add+act", "backward"): 2 + 4,
    ("bn+add+act", "evaluation"): 2 + 2,
    # The pooled tensor is a quarter, its byte per window a sixteenth.
    ("bn+act+pool", "forward"): 1 + 2 * (1 / 4 + 1 / 16),
    ("bn+act+pool", "backward"): 1 + 1 / 4 + 1 / 16 + 2,
    ("bn+act+pool", "evaluation"): 1 + 2 / 4,
}
TWO_SWEEPS = {
    ("bn+act", "forward"): 2 + 2,
    ("bn+act", "backward"): 4 + 2,
    ("bn+act", "both"): 10,
    ("bn+act", "evaluation"): 1 + 2,
    ("bn+add+act", "forward"): 3 + 2,
    ("bn+add+act", "backward"): 4 + 4,
    ("bn+add+act", "evaluation"): 2 + 2,
    ("bn+act+pool", "forward"): 2 + 2 * (1 / 4 + 1 / 16),
    ("bn+act+pool", "backward"): 2 * (1 + 1 / 4 + 1 / 16) + 2,
    ("bn+act+pool", "evaluation"): 1 + 2 / 4,
}


@pytest.mark.parametrize(("family", "direction"), PERSISTENT)
def test_in_nchw_a_channel_stays_in_the_cache(family: str, direction: str) -> None:
    assert floor_bytes(LayerCase(family, LARGE, "nchw"), direction, CACHE) == PERSISTENT[family, direction] * T


@pytest.mark.parametrize(("family", "direction"), TWO_SWEEPS)
def test_in_channels_last_a_tensor_beyond_the_cache_is_read_twice(family: str, direction: str) -> None:
    case = LayerCase(family, LARGE, "channels_last")
    assert floor_bytes(case, direction, CACHE) == TWO_SWEEPS[family, direction] * T


@pytest.mark.parametrize(("family", "direction"), PERSISTENT)
def test_a_tensor_that_fits_into_the_cache_is_read_once_in_every_layout(family: str, direction: str) -> None:
    case = LayerCase(family, LARGE, "channels_last")
    assert floor_bytes(case, direction, 3 * T) == PERSISTENT[family, direction] * T


# Every byte once: the same reads, the writes not doubled.
STREAMED = {
    ("bn+act", "both", "nchw"): 2 + 3,
    ("bn+act", "both", "channels_last"): 3 + 5,
    ("bn+add+act", "both", "nchw"): 3 + 4,
    ("bn+act+pool", "forward", "nchw"): 1 + 1 / 4 + 1 / 16,
    ("bn+act", "evaluation", "channels_last"): 2,
}


@pytest.mark.parametrize(("family", "direction", "memory_format"), STREAMED)
def test_a_store_past_the_caches_counts_once(family: str, direction: str, memory_format: str) -> None:
    case = LayerCase(family, LARGE, memory_format)
    assert floor_bytes(case, direction, CACHE, store=1) == STREAMED[family, direction, memory_format] * T


def test_what_backward_reads_again_is_twice_the_input() -> None:
    case = LayerCase("bn+act", LARGE, "channels_last")
    assert [floor_bytes(case, "backward", cache) / T for cache in (2 * T, 2 * T - 1)] == [4, 6]


def test_two_axes_have_their_channels_side_by_side_in_nchw_too() -> None:
    assert floor_bytes(LayerCase("bn+act", (1 << 20, 64), "nchw"), "forward", CACHE) == 4 * (4 << 26)


def test_half_the_bytes_and_windows_of_odd_images_are_counted() -> None:
    case = LayerCase("bn+act+pool", (2, 3, 5, 7), "nchw", "bfloat16")
    x, windows = 2 * 2 * 3 * 5 * 7, 2 * 3 * 2 * 3
    assert floor_bytes(case, "forward", CACHE) == x + 2 * (2 * windows + windows)
