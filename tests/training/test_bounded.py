"""What a pickle gave is walked through only as far as it is small, flat and plain."""

import pytest
import torch

from batchnorm.training._bounded import MOST, check_bounded, is_plain


def test_a_list_that_is_named_again_and_again_is_not_walked_through() -> None:
    value: list[object] = [0]
    for _ in range(40):
        value = [value, value]
    with pytest.raises(ValueError, match="it has more than 1,000,000 entries"):
        check_bounded(value)


def test_as_many_entries_as_are_allowed_pass() -> None:
    check_bounded([0] * (MOST - 1))
    with pytest.raises(ValueError, match="more than"):
        check_bounded([0] * MOST)


@pytest.mark.parametrize("levels", [60, 10_000])
def test_what_lies_deep_is_refused(levels: int) -> None:
    value: object = 0
    for _ in range(levels):
        value = {"a": value}
    with pytest.raises(RecursionError, match="nested too deeply"):
        check_bounded(value)


def test_a_list_in_itself_is_refused() -> None:
    value: list[object] = []
    value.append(value)
    with pytest.raises(RecursionError, match="nested too deeply"):
        check_bounded(value)


def test_keys_are_looked_at_too() -> None:
    assert not is_plain({torch.zeros(1): 1})
    with pytest.raises(ValueError, match="got one of type frozenset"):
        check_bounded({frozenset(): 1})
