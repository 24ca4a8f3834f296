"""How many bytes does a forward keep for its backward? Every storage counted once."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn


def saved_bytes(forward: Callable[[], Tensor], apart: Iterable[Tensor] = ()) -> int:
    """Run `forward` and return the bytes of all storages that its graph keeps, but for those of `apart`.

    A tensor that several operations keep counts once, a view as the whole storage that it keeps alive. What counts is
    what autograd is handed to keep; tensors that a forward hides from it do not.

    Example:
        >>> x = torch.ones(1000, requires_grad=True)
        >>> saved_bytes(lambda: (x * x).exp().sum())  # x once although twice a factor, and the result of exp
        8000
        >>> saved_bytes(lambda: (x * x).exp().sum(), apart=[x])
        4000
    """
    own = {tensor.untyped_storage().data_ptr() for tensor in apart}
    # The storages are held until the end: else one could get the address of another that was freed.
    kept: dict[int, torch.UntypedStorage] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage
        return tensor.detach()  # an output that its own node kept as it is would never be freed

    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        forward()
    return sum(storage.nbytes() for storage in kept.values())


def state_of(net: nn.Module) -> list[Tensor]:
    """Return a net's parameters and buffers, which are there whatever is kept."""
    return [*net.parameters(), *net.buffers()]
