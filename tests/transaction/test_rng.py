"""The same chance again and again, and the caller's untouched."""

import random

import numpy as np
import pytest
import torch

from batchnorm.transaction import rng_state, same_rng

from .picture import picture_of_chance


def draw(generator: torch.Generator | None = None) -> tuple[float, ...]:
    # gauss keeps a second number in store, which is a part of the state.
    own = torch.rand(1, generator=generator).item()
    return (random.gauss(0, 1), np.random.standard_normal(), torch.rand(1).item(), own)


def test_every_round_draws_the_same_from_all_generators():
    generator = torch.Generator().manual_seed(1)
    state = rng_state(generators=[generator])
    draws = []
    for _ in range(3):
        with same_rng(state):
            draws.append(draw(generator))
    assert draws[0] == draws[1] == draws[2]
    assert draw(generator) == draws[0]


def test_afterwards_the_generators_go_on_from_where_they_were_and_not_from_the_state():
    generator = torch.Generator().manual_seed(1)
    state = rng_state(generators=[generator])
    draw(generator)
    before, own = picture_of_chance(), generator.get_state()
    with same_rng(state):
        draw(generator)
    assert picture_of_chance() == before
    assert torch.equal(generator.get_state(), own)


def raise_after(_, error):
    raise error


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_they_go_on_when_the_block_raises(error):
    state = rng_state()
    draw()
    before = picture_of_chance()
    with pytest.raises(error, match="midway"), same_rng(state):
        raise_after(draw(), error("midway"))
    assert picture_of_chance() == before


DRAWS = {
    "python": random.random,
    "numpy": np.random.standard_normal,
    "torch": lambda: torch.rand(1),
    "a generator": lambda: torch.rand(1, generator=GENERATOR),
}
GENERATOR = torch.Generator().manual_seed(1)


@pytest.mark.parametrize("draw_one", DRAWS.values(), ids=DRAWS)
def test_a_state_tells_whether_anything_was_drawn_since(draw_one):
    state = rng_state(generators=[GENERATOR])
    assert not state.has_moved()
    draw_one()
    assert state.has_moved()
    state.put_back()
    assert not state.has_moved()


def test_a_state_is_no_view_of_the_generator():
    state = rng_state()
    first = draw()
    draw()
    state.put_back()
    assert draw() == first


def test_another_bit_generator_of_numpy_goes_back_too():
    old = np.random.get_bit_generator()
    np.random.set_bit_generator(np.random.PCG64(1))
    try:
        state = rng_state()
        first = draw()
        state.put_back()
        assert draw() == first
    finally:
        np.random.set_bit_generator(old)


def test_the_cpu_and_meta_are_no_devices_of_their_own():
    assert rng_state([torch.device("cpu"), torch.device("meta")]).devices == ()
