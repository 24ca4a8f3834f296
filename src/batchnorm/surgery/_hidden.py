"""Which buffers does a model's state_dict leave out, and how are they loaded all the same?"""

from collections.abc import Mapping

from torch import Tensor, nn

from ._weights import owner_of


def hidden_buffers(module: nn.Module) -> dict[str, Tensor]:
    """Return the buffers that are not persistent, by all their names.

    Example:
        >>> net = nn.Sequential(nn.ReLU())
        >>> net[0].register_buffer("mask", Tensor([1.0]), persistent=False)
        >>> hidden_buffers(net)
        {'0.mask': tensor([1.])}
    """
    found = {}
    for path, inner in module.named_modules(remove_duplicate=False):
        for name in inner._non_persistent_buffers_set:
            buffer = inner._buffers.get(name)
            if buffer is not None:
                found[f"{path}.{name}".removeprefix(".")] = buffer
    return found


def load_all(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Load a `state_dict` that holds hidden buffers of the module, too.

    Raises:
        RuntimeError: they do not fit.
    """
    hidden = hidden_buffers(module)
    module.load_state_dict({name: tensor for name, tensor in tensors.items() if name not in hidden})
    for name in hidden.keys() & tensors.keys():
        set_hidden(module, name, tensors[name])


def set_hidden(module: nn.Module, name: str, value: Tensor) -> None:
    """Give a module a buffer that is not persistent; a cache may have another size by now, or not be made yet.

    Raises:
        AttributeError: there is no such place.
        KeyError: something else has that name.
    """
    owner, last = owner_of(module, name)
    present = owner._buffers.get(last)
    if present is not None and present.shape == value.shape and present.dtype == value.dtype:
        present.copy_(value)
        return
    home = next((tensor.device for tensor in (*module.parameters(), *module.buffers())), value.device)
    if last in owner._buffers:
        owner._buffers[last] = value.to(home if present is None else present.device)
    else:
        owner.register_buffer(last, value.to(home), persistent=False)
