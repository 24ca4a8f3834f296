"""How is the same chance drawn twice, and the caller's left as it was?"""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from ._block import block
from ._undo import Undo
from ._verb import until_undone


@dataclass(frozen=True)
class RNGState:
    """The states of the generators of python, numpy, torch on the CPU, some devices and some generators of torch."""

    python: Any
    numpy: Any
    cpu: Tensor
    devices: tuple[tuple[torch.device, Tensor], ...]
    generators: tuple[tuple[torch.Generator, Tensor], ...]

    def put_back(self) -> None:
        """Let all of them draw what they would have drawn when the state was taken."""
        random.setstate(self.python)
        np.random.set_state(self.numpy)
        torch.set_rng_state(self.cpu)
        for device, state in self.devices:
            torch.get_device_module(device).set_rng_state(state, device)
        for generator, state in self.generators:
            generator.set_state(state)

    def has_moved(self) -> bool:
        """Whether any of these generators has drawn, or was set, since the state was taken."""
        present = rng_state((device for device, _ in self.devices), (generator for generator, _ in self.generators))
        return self.python != present.python or not all(map(np.array_equal, _leaves(self), _leaves(present)))

    def has_moved_outside_torch(self) -> bool:
        """The same of the generators of python and numpy, whose draws no operator of torch shows."""
        numpy = np.random.get_state(legacy=False)
        return self.python != random.getstate() or not all(
            map(np.array_equal, tree_leaves(self.numpy), tree_leaves(numpy))
        )


def rng_state(devices: Iterable[torch.device] = (), generators: Iterable[torch.Generator] = ()) -> RNGState:
    """Take the state of the global generators of python, numpy and torch, and of those that are named.

    Args:
        devices: devices whose generators count, too; the CPU's always does, meta has none.
        generators: generators of torch, such as a loader's.

    Example:
        >>> state = rng_state()
        >>> first = torch.rand(3)
        >>> state.put_back()
        >>> torch.equal(torch.rand(3), first)
        True
    """
    others = dict.fromkeys(device for device in devices if device.type not in ("cpu", "meta"))
    return RNGState(
        python=random.getstate(),
        numpy=np.random.get_state(legacy=False),
        cpu=torch.get_rng_state(),
        devices=tuple((device, torch.get_device_module(device).get_rng_state(device)) for device in others),
        generators=tuple((generator, generator.get_state()) for generator in dict.fromkeys(generators)),
    )


def _leaves(state: RNGState) -> list[Any]:
    return tree_leaves((state.numpy, state.cpu, [tensor for _, tensor in (*state.devices, *state.generators)]))


@block
def same_rng(state: RNGState) -> Iterator[None]:
    """Draw inside the block what was to be drawn when `state` was taken; afterwards go on as if it had not been.

    Example:
        >>> state, draws = rng_state(), []
        >>> for _ in range(2):
        ...     with same_rng(state):
        ...         draws.append(torch.rand(3))
        >>> torch.equal(*draws)
        True
    """
    present = rng_state((device for device, _ in state.devices), (generator for generator, _ in state.generators))
    undo = Undo()
    undo.add(present.put_back)
    yield from until_undone(undo, state.put_back)


def generators_of(loader: object) -> list[torch.Generator]:
    """The generators of torch by which a loader draws, where it has its own.

    Example:
        >>> from torch.utils.data import DataLoader
        >>> own = torch.Generator()
        >>> generators_of(DataLoader([1, 2], shuffle=True, generator=own)) == [own]
        True
    """
    sampler = getattr(loader, "batch_sampler", None)
    owners = (
        loader,
        getattr(loader, "sampler", None),
        sampler,
        getattr(sampler, "sampler", None),
        getattr(loader, "dataset", None),
    )
    found = (getattr(owner, "generator", None) for owner in owners)
    return [*dict.fromkeys(generator for generator in found if isinstance(generator, torch.Generator))]
